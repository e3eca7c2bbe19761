"""The records that are there from the start: invented, realistic, and the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from random import Random
from typing import TYPE_CHECKING, TypeAlias

import attrs

if TYPE_CHECKING:
    from kombo_async.sandbox.store import World


@attrs.frozen(kw_only=True)
class Sizes:
    """How many records there are; what belongs to them follows."""

    employees: int = 50
    candidates: int = 20
    jobs: int = 10
    courses: int = 10
    orders: int = 10


Filler: TypeAlias = "Callable[[World, Sizes, Random], None]"

_LAZY_EXPORTS = {
    "ats": "recruiting",
    "hris": "people",
    "lms": "learning",
    "assessment": "assessments",
    "ai": "postings",
}


def fill(world: World, name: str, sizes: Sizes) -> None:
    """Fill the table *name* with the records that are there from the start, if there are any."""
    home = _LAZY_EXPORTS.get(name.partition("_")[0])
    if home is None:
        return
    fillers: dict[str, Filler] = import_module(f"kombo_async.sandbox.data.{home}").FILLERS
    filler = fillers.get(name)
    if filler is not None:
        # Not for secrets: the same seed must give the same people.
        filler(world, sizes, Random(f"{world.seed}/{world.integration_id}/{name}"))  # noqa: S311
