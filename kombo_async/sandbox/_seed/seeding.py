"""The records that are there from the start: invented, realistic, and the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from random import Random
from typing import TypeAlias

from kombo_async.sandbox._state.sizes import Sizes
from kombo_async.sandbox._state.store import World

Filler: TypeAlias = Callable[[World, Sizes, Random], None]

_MODULES = {
    "ats": "recruiting",
    "hris": "people",
    "lms": "learning",
    "assessment": "assessments",
    "ai": "postings",
}


def fill(world: World, name: str, sizes: Sizes) -> None:
    """Fill the table *name* with the records that are there from the start, if there are any."""
    home = _MODULES.get(name.partition("_")[0])
    if home is None:
        return
    fillers: dict[str, Filler] = import_module(f"kombo_async.sandbox._seed.{home}").FILLERS
    filler = fillers.get(name)
    if filler is not None:
        # Not for secrets: the same seed must give the same people.
        filler(world, sizes, Random(f"{world.seed}/{world.integration_id}/{name}"))  # noqa: S311
