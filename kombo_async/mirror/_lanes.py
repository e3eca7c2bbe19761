"""How many integrations are worked on at once, in three lanes: slow or failing ones do not take quick ones' places."""

from __future__ import annotations

from collections import Counter

from kombo_async.mirror._store import Lane


class Lanes:
    """The places in each lane: *concurrency* quick ones, half as many long and a quarter failing ones."""

    def __init__(self, concurrency: int) -> None:
        self._places: dict[Lane, int] = {
            "quick": concurrency,
            "long": max(1, concurrency // 2),
            "failing": max(1, concurrency // 4),
        }
        self._taken: Counter[Lane] = Counter()

    def free(self) -> dict[Lane, int]:
        """How many places are free, for lanes that have any."""
        return {lane: places - self._taken[lane] for lane, places in self._places.items() if places > self._taken[lane]}

    def is_full(self, lane: Lane) -> bool:
        """Whether others may be waiting for a place."""
        return self._taken[lane] >= self._places[lane]

    def enter(self, lane: Lane) -> None:
        """Take a place."""
        self._taken[lane] += 1

    def leave(self, lane: Lane) -> None:
        """Give a place back."""
        self._taken[lane] -= 1

    def move(self, before: Lane, after: Lane) -> bool:
        """Change lanes, if there is a free place."""
        if after not in self.free():
            return False
        self.leave(before)
        self.enter(after)
        return True
