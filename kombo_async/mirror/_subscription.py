"""Changes in the tables, for one subscriber."""

from __future__ import annotations

import logging
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import anyio

from kombo_async._chain.backoff import backoff
from kombo_async._clock import Clock
from kombo_async.mirror._store import Change, LeaseLost, Store, StoreUnavailable

_logger = logging.getLogger("kombo_async.mirror")
T = TypeVar("T")

LEASE = 60.0
_AT_ONCE = 200
_POLL = 0.5


class Subscription:
    """Changes in order, each at least once. One is done when the next is requested, or with `done`.

    A subscriber's position is stored after every 200 changes, and when it waits or ends: later changes come again after
    a crash. While the store is unavailable, it waits.
    """

    def __init__(self, store: Store, subscriber: str, clock: Clock) -> None:
        self._store = store
        self._subscriber = subscriber
        self._clock = clock
        self._owner = uuid.uuid4().hex
        self._position: int | None = None
        """The position up to which the log was read; None before the lease."""
        self._coming: deque[Change] = deque()
        self._renew_at = 0.0
        self._given: int | None = None
        self._done: int | None = None
        self._noted: int | None = None

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Change:
        """Mark the previous change done, and wait for the next one."""
        self._done = self._given
        if self._coming and self._clock.time() >= self._renew_at:
            await self._lease()
        while not self._coming:
            await self._read()
        change = self._coming.popleft()
        self._given = change.position
        return change

    async def _read(self) -> None:
        try:
            await self._patiently(self.done)
        except LeaseLost:
            self._lose()
        while not await self._lease():
            await self._wait(_POLL)
        changes = await self._patiently(lambda: self._store.changes(self._position or 0, _AT_ONCE))
        if not changes:
            await self._wait(_POLL)
            return
        self._coming.extend(changes)
        self._position = changes[-1].position

    async def _lease(self) -> bool:
        """Take or renew the lease; False while another process has it."""
        leased = await self._patiently(lambda: self._store.subscribe(self._subscriber, self._owner, LEASE))
        if leased is None:
            self._lose()
            return False
        self._renew_at = self._clock.time() + LEASE / 3
        self._position = max(self._position or 0, leased)
        return True

    def _lose(self) -> None:
        """Forget what was read: another process continues from the stored position."""
        self._position = self._given = self._done = None
        self._coming.clear()

    async def done(self) -> None:
        """Store that all changes before the current one are done. Raises `StoreUnavailable` if that fails."""
        if self._done is not None and self._done != self._noted:
            await self._store.acknowledge(self._subscriber, self._owner, self._done)
            self._noted = self._done

    async def aclose(self) -> None:
        """Store the subscriber's position, and let another process continue from there."""
        if self._position is not None:
            with suppress(LeaseLost, StoreUnavailable):
                await self.done()
                await self._store.subscribe(self._subscriber, self._owner, 0.0)

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do *work* once the store is available."""
        failures = 0
        while True:
            try:
                return await work()
            except StoreUnavailable as error:
                failures += 1
                pause = backoff(failures, initial_delay=1.0, max_delay=30.0, jitter=True)
                _logger.warning("%s waits for %.0f s: %s", self._subscriber, pause, error)
                await self._wait(pause)

    async def _wait(self, seconds: float) -> None:
        with self._clock.until(self._clock.time() + seconds):
            await anyio.sleep_forever()
