"""The number of initial records."""

from __future__ import annotations

from typing import Any

import attrs


def _count(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{field.name}: must be a whole number, at least 0, not {value!r}")


@attrs.frozen(kw_only=True)
class Sizes:
    """The number of initial records; dependent records follow from it."""

    employees: int = attrs.field(default=50, validator=_count)
    candidates: int = attrs.field(default=20, validator=_count)
    jobs: int = attrs.field(default=10, validator=_count)
    courses: int = attrs.field(default=10, validator=_count)
    orders: int = attrs.field(default=10, validator=_count)
