"""How many records there are from the start."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Sizes:
    """How many records there are; what belongs to them follows."""

    employees: int = 50
    candidates: int = 20
    jobs: int = 10
    courses: int = 10
    orders: int = 10
