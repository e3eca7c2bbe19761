"""Queues of calls that wait for their turn. Leaving a queue of any length is as cheap as joining it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Hashable, KeysView
from typing import Any

import anyio

from kombo_async._clock import asyncio_loop


class Turn:
    """A call's turn. Like an `anyio.Event`, but with a third of its cost under asyncio."""

    __slots__ = ("_event", "_future", "has_come")

    def __init__(self) -> None:
        loop = asyncio_loop()
        self._future: Any = None if loop is None else loop.create_future()
        self._event = anyio.Event() if loop is None else None
        self.has_come: bool = False
        """Whether the call may go on."""

    def come(self) -> None:
        """Let the call go on."""
        self.has_come = True
        if self._event is not None:
            self._event.set()
        elif not self._future.done():  # a cancelled call gives its turn to the next
            self._future.set_result(None)

    def wait(self) -> Awaitable[Any]:
        """Wait until it comes; once only."""
        return self._future if self._event is None else self._event.wait()


class Queue:
    """First come, first served."""

    def __init__(self) -> None:
        self._turns: OrderedDict[Turn, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._turns)

    def add(self, turn: Turn) -> None:
        """Join the queue."""
        self._turns[turn] = None

    def remove(self, turn: Turn) -> None:
        """Leave the queue."""
        del self._turns[turn]

    def pop(self) -> Turn:
        """Take the first out of the queue."""
        return self._turns.popitem(last=False)[0]


class FairQueue:
    """One queue for each group; the groups take turns."""

    def __init__(self) -> None:
        self._groups: OrderedDict[Hashable, Queue] = OrderedDict()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def groups(self) -> KeysView[Hashable]:
        """The groups of those who wait, in the order of their turns."""
        return self._groups.keys()

    def add(self, turn: Turn, group: Hashable) -> None:
        """Join the queue of *group*."""
        queue = self._groups.get(group)
        if queue is None:
            queue = self._groups[group] = Queue()
        queue.add(turn)
        self._length += 1

    def remove(self, turn: Turn, group: Hashable) -> None:
        """Leave the queue of *group*."""
        queue = self._groups[group]
        queue.remove(turn)
        self._length -= 1
        if not queue:
            del self._groups[group]

    def pop(self, group: Hashable) -> Turn:
        """Take out the first call of *group*, whose next turn comes after those of the others."""
        queue = self._groups.pop(group)
        turn = queue.pop()
        self._length -= 1
        if queue:
            self._groups[group] = queue  # at the end
        return turn
