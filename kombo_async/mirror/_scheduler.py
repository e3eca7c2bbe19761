"""Which integration is worked on next: the store knows what is due, the scheduler takes as many as it has places."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import anyio
import attrs
from anyio.abc import TaskGroup

from kombo_async._chain.backoff import backoff
from kombo_async._clock import Clock
from kombo_async._codec.codes import Meaning, meaning_of, printable
from kombo_async.errors import Failure, KomboError, RateLimited, SyncPending
from kombo_async.mirror._lanes import Lanes
from kombo_async.mirror._look import Look
from kombo_async.mirror._store import Ending, Lane, LeaseLost, Store, StoreUnavailable, TablesDiffer, Turn

_logger = logging.getLogger("kombo_async.mirror")

LEASE = 30.0
"""The length of a lease in seconds; it is renewed three times as often."""
POLL = 0.3
"""Seconds between two checks of the store for notifications from other processes."""
SLICE = 0.5
"""Seconds that a turn in the quick lane may take before it moves to the long one, or waits for a place there."""
PATIENCE = 2.0
"""Seconds that a turn in the long lane may go without a response while others wait before it counts as failing."""
PENDING_DELAY = 60.0
SET_UP_DELAY = 3600.0
"""Seconds until the next try if a person must act first, unless a webhook comes earlier."""


@attrs.define
class _Place:
    lane: Lane
    put_off: Lane | None = None
    """The lane in which it waits for a place after taking too long for its own."""


class Scheduler:
    """Works on what is due, until cancelled.

    Args:
        owner: This process's name in leases.
        look: Creates the look for a turn; the second argument says whether there is time for whole lists.
        every: How often to check an integration without notifications.
        overlap: How late changes become visible.
    """

    def __init__(
        self,
        store: Store,
        owner: str,
        look: Callable[[Turn, bool], Look],
        *,
        clock: Clock,
        concurrency: int,
        every: timedelta,
        overlap: timedelta,
    ) -> None:
        self._store = store
        self._owner = owner
        self._look = look
        self._clock = clock
        self._lanes = Lanes(concurrency)
        self._every = every.total_seconds()
        self._overlap = overlap.total_seconds()
        self._wake = anyio.Event()
        self._scopes: dict[str, tuple[int, anyio.CancelScope]] = {}

    def wake(self) -> None:
        """Check now for what is due."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._renew_leases)
                await self._dispatch(tasks)
        finally:
            with anyio.move_on_after(5, shield=True):
                await self._leave()

    async def _dispatch(self, tasks: TaskGroup) -> None:
        failures, waited = 0, False
        while True:
            self._wake = anyio.Event()
            pause = POLL
            try:
                turns = await self._claim()
                if waited:  # others looked at the integrations, but not at all of these tables
                    await self._store.tell_all(0.0)
                    waited = False
            except TablesDiffer as error:
                waited = True
                _logger.warning("this process waits: %s", error)
                await self._clock.sleep(LEASE / 3)
                continue
            except Exception as error:  # an unreachable database must not end the mirror
                failures += 1
                pause = backoff(failures, initial_delay=1.0, max_delay=30.0, jitter=True)
                _logger.warning("the mirror waits for its store, next attempt in %.0f s: %s", pause, reason(error))
            else:
                failures = 0
                for turn in turns:
                    self._lanes.enter(turn.lane)
                    tasks.start_soon(self._work, turn)
                if turns:
                    pause = 0.0
            if pause:
                with self._for(pause):
                    await self._wake.wait()
            else:
                await anyio.lowlevel.checkpoint()

    async def _claim(self) -> list[Turn]:
        free = self._lanes.free()
        return await self._store.claim(self._owner, free, LEASE) if free else []

    async def _work(self, turn: Turn) -> None:
        place = _Place(turn.lane)
        look = self._look(turn, turn.lane != "quick")
        ending: Ending | None = None
        try:
            with anyio.CancelScope() as scope:
                self._scopes[turn.integration_id] = (turn.fence, scope)
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._limit, place, look, scope)
                    ending = await self._outcome(look)
                    tasks.cancel_scope.cancel()
        finally:
            if self._scopes.get(turn.integration_id, (0,))[0] == turn.fence:
                del self._scopes[turn.integration_id]
            self._lanes.leave(place.lane)
            self.wake()
            if ending is None:  # postponed, or the mirror is ending
                lane = place.put_off or turn.lane
                ending = Ending(lane=lane, next_in=0.0, failures=turn.failures)
            with anyio.move_on_after(5, shield=True):
                await self._release(look.turn, ending)

    async def _limit(self, place: _Place, look: Look, scope: anyio.CancelScope) -> None:
        """Move a turn that holds others up to the next lane; if that is full, too, end it and wait for a place."""
        while place.lane == "quick":
            await self._clock.sleep(SLICE)
            self._move(place, "long", scope)
        while place.lane == "long":
            answers = look.answers
            await self._clock.sleep(PATIENCE)
            if look.answers == answers:
                self._move(place, "failing", scope)

    def _move(self, place: _Place, lane: Lane, scope: anyio.CancelScope) -> None:
        if lane == "failing" and not self._lanes.is_full(place.lane):
            return
        if self._lanes.move(place.lane, lane):
            place.lane = lane
            self.wake()
        elif self._lanes.is_full(place.lane):
            place.put_off = lane
            scope.cancel()

    async def _outcome(self, look: Look) -> Ending:
        turn = look.turn
        try:
            await look.run()
        except LeaseLost:
            _logger.info("%s has been taken over by another process", turn.integration_id)
            return Ending(lane=turn.lane, next_in=0.0)
        except Exception as error:  # also for errors from the store: a database that is away must not end the mirror
            return self._after_failure(turn, error)
        if look.long_due:
            return Ending(lane="long", next_in=0.0, succeeded=True)
        if turn.lane == "long" and look.updates:
            return Ending(lane="quick", next_in=0.0, succeeded=True)  # for changes while it was being read
        told = look.turn.is_told
        waits = [self._every, *([self._overlap + 1] if told else []), *([look.next_in] if look.next_in else [])]
        return Ending(lane="quick", next_in=min(waits), succeeded=True)

    def _after_failure(self, turn: Turn, error: Exception) -> Ending:
        failures = turn.failures + 1
        seconds = backoff(failures, initial_delay=5.0, max_delay=300.0, jitter=True)
        name = type(error).__name__
        if isinstance(error, SyncPending):
            seconds = PENDING_DELAY
        elif isinstance(error, RateLimited) and error.retry_after is not None:
            seconds = max(seconds, error.retry_after)
        elif isinstance(error, Failure) and meaning_of(error) is Meaning.SET_UP:
            seconds = SET_UP_DELAY
        if isinstance(error, Failure):
            name = printable(error.code) or name
        unexpected = not isinstance(error, KomboError | StoreUnavailable)
        message = "%s is not up to date, next try in %.0f s: %s"
        why = reason(error) if isinstance(error, StoreUnavailable) else name
        _logger.warning(message, turn.integration_id, seconds, why, exc_info=unexpected)
        return Ending(lane="failing", next_in=seconds, failures=failures, error=name)

    async def _release(self, turn: Turn, ending: Ending) -> None:
        try:
            await self._store.release(turn, ending)
        except Exception as error:  # its lease ends by itself
            _logger.warning("%s could not be released: %s", turn.integration_id, reason(error))

    async def _leave(self) -> None:
        try:
            await self._store.renew(self._owner, 0.0)
        except Exception as error:  # it is taken for dead once it has not renewed for a while
            _logger.warning("the store could not be told that this process ends: %s", reason(error))

    async def _renew_leases(self) -> None:
        while True:
            with self._for(LEASE / 3):
                await anyio.sleep_forever()
            try:
                held = await self._store.renew(self._owner, LEASE)
            except Exception as error:
                _logger.warning("leases could not be renewed: %s", reason(error))
                continue
            for integration_id, (fence, scope) in list(self._scopes.items()):
                if held.get(integration_id, 0) > fence or integration_id not in held:
                    scope.cancel()

    def _for(self, seconds: float) -> AbstractContextManager[object]:
        return self._clock.until(self._clock.time() + seconds)


def reason(error: Exception) -> str:
    """Why the store failed, for a log: other messages than ours may hold people's data."""
    return str(error) if isinstance(error, StoreUnavailable) else type(error).__name__
