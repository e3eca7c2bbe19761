"""What changes in the tables, for one subscriber."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import anyio

from kombo_async._clock import Clock
from kombo_async.mirror._store import Change, Store

LEASE = 60.0
_AT_ONCE = 200
_POLL = 0.5


class Subscription:
    """Changes in order, each at least once. One is done when the next is asked for, or by `done`.

    Where a subscriber has come to is noted after each 200 changes and when it waits or ends: what it did after that
    comes again after a crash.
    """

    def __init__(self, store: Store, subscriber: str, clock: Clock) -> None:
        self._store = store
        self._subscriber = subscriber
        self._clock = clock
        self._owner = uuid.uuid4().hex
        self._given: int | None = None
        self._noted: int | None = None

    async def __aiter__(self) -> AsyncIterator[Change]:
        position = await self._begin()
        while True:
            changes = await self._store.changes(position, _AT_ONCE)
            for change in changes:
                yield change
                self._given = position = change.position
            await self.done()
            if not changes:
                await self._wait(_POLL)
            await self._renew()

    async def done(self) -> None:
        """Note that all changes which were given, and after which another was asked for, are done."""
        if self._given is not None and self._given != self._noted:
            await self._store.acknowledge(self._subscriber, self._owner, self._given)
            self._noted = self._given

    async def aclose(self) -> None:
        """Note where the subscriber is, and let another process go on from there."""
        if self._noted is not None or self._given is not None:
            await self.done()
        await self._store.subscribe(self._subscriber, self._owner, 0.0)

    async def _begin(self) -> int:
        while (position := await self._store.subscribe(self._subscriber, self._owner, LEASE)) is None:
            await self._wait(_POLL)
        return position

    async def _renew(self) -> None:
        if await self._store.subscribe(self._subscriber, self._owner, LEASE) is None:
            await self._begin()

    async def _wait(self, seconds: float) -> None:
        with self._clock.until(self._clock.time() + seconds):
            await anyio.sleep_forever()
