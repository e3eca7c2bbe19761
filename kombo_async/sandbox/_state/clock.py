"""The sandbox's clock: real time that tests can move or stop, or virtual time without real waits."""

from __future__ import annotations

import heapq
import itertools
import math
import time
from datetime import UTC, datetime, timedelta
from weakref import ref

import anyio
import anyio.lowlevel
import attrs

from kombo_async._clock import Clock as ClientClock

TURNS = 25
"""How many event loop iterations others get before virtual time moves to the next moment."""
TICK = 0.001
"""How many seconds of virtual time a request takes, so that later requests have later times."""

LONGEST = 1e10
"""Seconds, some three hundred years: the longest wait that can be set."""
_LATEST = datetime(9999, 1, 1, tzinfo=UTC).timestamp()


@attrs.define(order=True)
class _Sleeper:
    """A task that wakes at a moment."""

    wakes: float
    number: int
    turn: anyio.Event = attrs.field(factory=anyio.Event, order=False)
    """Set when it is the first of all sleepers, or its moment has come."""
    gone: bool = attrs.field(default=False, order=False)


@attrs.define(order=True)
class _Deadline:
    """A scope that is cancelled at a moment."""

    when: float
    number: int
    scope: ref[anyio.CancelScope] = attrs.field(order=False)


class Clock(ClientClock):
    """The clock for everything in the sandbox: records, syncs, limits, latency.

    Real by default: `advance`, `set`, `stop` and `go` move it, waits take real time. A *virtual* one stands still until
    everybody waits, then jumps to the next moment that somebody waits for; clients that share it never really wait.
    """

    def __init__(self, start: datetime | None = None, *, virtual: bool = False) -> None:
        self._offset = 0.0 if start is None else start.timestamp() - time.time()
        self._stopped_at: float | None = None
        self._sleepers: list[_Sleeper] = []
        self._deadlines: list[_Deadline] = []
        self._most_deadlines = 1_000
        self._numbers = itertools.count()
        self.is_virtual = virtual
        if virtual:
            self._stopped_at = math.floor(self.time() * 1000) / 1000

    def time(self) -> float:
        """Seconds since 1970."""
        return time.time() + self._offset if self._stopped_at is None else self._stopped_at

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.fromtimestamp(self.time(), UTC)

    def stamp(self) -> str:
        """The time as Kombo writes it."""
        return stamp(self.now())

    def advance(self, seconds: float) -> None:
        """Move the clock forward, or back if *seconds* is negative.

        Raises `ValueError` for times outside the years 1970 to 9999.
        """
        if not 0 <= self.time() + seconds <= _LATEST:  # nor is NaN
            raise ValueError(f"advance: {seconds!r} seconds would leave the years 1970 to 9999")
        if self._stopped_at is None:
            self._offset += seconds
        else:
            self._stopped_at += seconds
        self._pass_moments()

    def set(self, when: datetime) -> None:
        """Move the clock to *when*."""
        self.advance(when.timestamp() - self.time())

    def stop(self) -> None:
        """Stop the clock: only `advance` and `set` move it."""
        self._stopped_at = self.time()

    @property
    def is_stopped(self) -> bool:
        """Whether it is stopped."""
        return self._stopped_at is not None

    def go(self) -> None:
        """Restart a stopped clock."""
        if self._stopped_at is not None:
            self._offset, self._stopped_at = self._stopped_at - time.time(), None

    def tick(self) -> None:
        """Let a moment of virtual time pass, for a request."""
        if self.is_virtual:
            self.advance(TICK)

    # Waiting, for clients and the sandbox itself

    async def sleep(self, seconds: float) -> None:
        """Wait for *seconds*, really or in virtual time."""
        if not self.is_virtual:
            await (anyio.sleep_forever() if math.isinf(seconds) else anyio.sleep(seconds))
            return
        sleeper = _Sleeper(self.time() + seconds, next(self._numbers))
        heapq.heappush(self._sleepers, sleeper)
        try:
            await self._sleep_until(sleeper)
        finally:
            sleeper.gone = True
            self._wake_first()

    async def _sleep_until(self, sleeper: _Sleeper) -> None:
        """Wait for its moment. The sleeper that wakes first lets time pass; the others wait to become that one."""
        await anyio.lowlevel.checkpoint()
        while self.time() < sleeper.wakes:
            if self._first_sleeper() is not sleeper:
                await sleeper.turn.wait()
                sleeper.turn = anyio.Event()
                continue
            before = self.time()
            for _ in range(TURNS):
                await anyio.lowlevel.checkpoint()
            if self.time() == before and self._first_sleeper() is sleeper:
                await self._jump()

    async def _jump(self) -> None:
        """Jump to the next moment that somebody waits for."""
        first = self._first_sleeper()
        moments = [first.wakes] if first is not None else []
        self._drop_dead_deadlines()
        if self._deadlines:
            moments.append(self._deadlines[0].when)
        when = min(moments, default=math.inf)
        if math.isinf(when):
            await anyio.sleep(0.01)  # nobody waits for a moment, so only the real world can end this
        else:
            self.advance(max(0.0, when - self.time()))

    def _first_sleeper(self) -> _Sleeper | None:
        while self._sleepers and self._sleepers[0].gone:
            heapq.heappop(self._sleepers)
        return self._sleepers[0] if self._sleepers else None

    def _wake_first(self) -> None:
        first = self._first_sleeper()
        if first is not None:
            first.turn.set()

    def until(self, deadline: float) -> anyio.CancelScope:
        """Make a scope that is cancelled once this clock shows *deadline*."""
        scope = anyio.CancelScope(deadline=anyio.current_time() + (deadline - self.time()))
        if self.is_virtual:
            heapq.heappush(self._deadlines, _Deadline(deadline, next(self._numbers), ref(scope)))
            if len(self._deadlines) > self._most_deadlines:
                self._deadlines = [each for each in self._deadlines if each.scope() is not None]
                heapq.heapify(self._deadlines)
                self._most_deadlines = 1_000 + 2 * len(self._deadlines)
        return scope

    def _drop_dead_deadlines(self) -> None:
        while self._deadlines and self._deadlines[0].scope() is None:
            heapq.heappop(self._deadlines)

    def _pass_moments(self) -> None:
        """Cancel scopes and wake sleepers whose moment has come."""
        now = self.time()
        while self._deadlines and self._deadlines[0].when <= now:
            scope = heapq.heappop(self._deadlines).scope()
            if scope is not None:
                scope.cancel()
        while self._sleepers and (self._sleepers[0].gone or self._sleepers[0].wakes <= now):
            heapq.heappop(self._sleepers).turn.set()
        self._wake_first()


def duration(value: object, name: str) -> float:
    """Check that *value* is a duration in seconds. Raises `ValueError` that names the setting *name*."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST:
        raise ValueError(f"{name}: must be seconds, from 0 to {LONGEST:.0e}, not {value!r}")
    return value


def stamp(when: datetime) -> str:
    """*when* as Kombo writes it, `2026-05-19T08:30:00.000Z`: these strings sort by time."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def day(when: datetime) -> str:
    """The day of *when* as Kombo writes dates of birth and the like: midnight in UTC."""
    return f"{when:%Y-%m-%d}T00:00:00.000Z"


def parse(text: str) -> datetime:
    """Parse a time (or date) of a request. Raises `ValueError` for anything else."""
    when = datetime.fromisoformat(text)
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)


def days(count: float) -> timedelta:
    """*count* days."""
    return timedelta(days=count)
