"""Random numbers for a record: like `random.Random`, but quick to create, since each record has its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Random:
    """A linear congruential generator. Not for secrets: the same seed must give the same people."""

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = (seed ^ seed >> 29) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
        self._state ^= self._state >> 32

    def below(self, end: int) -> int:
        """A number from 0 to before *end*."""
        self._state = state = self._state * 0x5851F42D4C957F2D + 0x14057B7EF767814F & 0xFFFFFFFFFFFFFFFF
        return (state >> 32) * end >> 32

    def randint(self, first: int, last: int) -> int:
        """A number from *first* to *last*."""
        return first + self.below(last - first + 1)

    def choice(self, items: Sequence[T]) -> T:
        """One of *items*."""
        return items[self.below(len(items))]

    def sample(self, items: Sequence[T], count: int) -> list[T]:
        """So many of *items*, each at most once."""
        chosen: list[int] = []
        while len(chosen) < count:
            place = self.below(len(items))
            if place not in chosen:
                chosen.append(place)
        return [items[place] for place in chosen]
