"""The form of a row: a scene, what it was meant to come to, and what it came to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Where = Literal["virtual time", "real sockets", "real Redis", "this process"]


@dataclass(frozen=True)
class Scene:
    """One row of the table."""

    what: str
    before: str
    """What the first version came to."""
    target: str
    where: Where
    measure: Callable[[], Result]


@dataclass(frozen=True)
class Result:
    """What a scene comes to."""

    text: str
    met: bool
