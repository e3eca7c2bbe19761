"""Which events have been handled: Kombo sends an event again when it is not sure that it arrived."""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal, Protocol, TypeAlias

EventStatus: TypeAlias = Literal["new", "busy", "done"]
"""Whether an event is new, is being handled at this moment, or has been handled."""


class EventDeduplicator(Protocol):
    """Remembers events by their IDs. Processes that receive events together share one: `RedisEventDeduplicator`."""

    async def begin(self, event_id: str, owner: str = "") -> EventStatus:
        """The status of the event. A new one is handled by *owner* from now on, until `finish` or `abandon`.

        A shared store must release, after a while, the events that a dead process was handling.
        """
        ...

    async def finish(self, event_id: str, owner: str = "") -> None:
        """It has been handled; remember that for some days. Does nothing if another owner is handling it by now."""
        ...

    async def abandon(self, event_id: str, owner: str = "") -> None:
        """Handling it failed: it is new again, unless another owner is handling it by now."""
        ...


class MemoryEventDeduplicator:
    """Remembers the last *size* events, in the memory of this process."""

    def __init__(self, size: int = 100_000) -> None:
        self._size = size
        self._done: OrderedDict[str, None] = OrderedDict()
        self._busy: set[str] = set()

    async def begin(self, event_id: str, owner: str = "") -> EventStatus:
        """See `EventDeduplicator.begin`."""
        if event_id in self._done:
            return "done"
        if event_id in self._busy:
            return "busy"
        self._busy.add(event_id)
        return "new"

    async def finish(self, event_id: str, owner: str = "") -> None:
        """See `EventDeduplicator.finish`."""
        self._busy.discard(event_id)
        self._done[event_id] = None
        if len(self._done) > self._size:
            self._done.popitem(last=False)

    async def abandon(self, event_id: str, owner: str = "") -> None:
        """See `EventDeduplicator.abandon`."""
        self._busy.discard(event_id)
