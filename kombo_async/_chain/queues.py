"""Queues of calls that wait for their turn. Leaving a queue of any length is as cheap as joining it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator

import anyio


class Queue:
    """First come, first served."""

    def __init__(self) -> None:
        self._turns: OrderedDict[anyio.Event, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._turns)

    def add(self, turn: anyio.Event) -> None:
        """Join the queue; *turn* is set when it comes."""
        self._turns[turn] = None

    def remove(self, turn: anyio.Event) -> None:
        """Leave the queue."""
        del self._turns[turn]

    def pop(self) -> anyio.Event:
        """Take the first out of the queue."""
        return self._turns.popitem(last=False)[0]


class FairQueue:
    """One queue for each group; the groups take turns."""

    def __init__(self) -> None:
        self._groups: OrderedDict[Hashable, Queue] = OrderedDict()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def groups(self) -> Iterator[Hashable]:
        """The groups of those who wait, in the order of their turns."""
        return iter(self._groups)

    def add(self, turn: anyio.Event, group: Hashable) -> None:
        """Join the queue of *group*."""
        self._groups.setdefault(group, Queue()).add(turn)
        self._length += 1

    def remove(self, turn: anyio.Event, group: Hashable) -> None:
        """Leave the queue of *group*."""
        queue = self._groups[group]
        queue.remove(turn)
        self._length -= 1
        if not queue:
            del self._groups[group]

    def pop(self) -> anyio.Event:
        """Take out the first call of the group whose turn it is."""
        return self.pop_from(next(self.groups()))

    def pop_from(self, group: Hashable) -> anyio.Event:
        """Take out the first call of *group*, whose next turn comes after those of the others."""
        queue = self._groups.pop(group)
        turn = queue.pop()
        self._length -= 1
        if queue:
            self._groups[group] = queue  # at the end
        return turn
