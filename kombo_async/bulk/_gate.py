"""Which integrations accept requests now: outages and unfinished first syncs concern one integration.

While a gate is shut, rows of its integration are left unsent, and the others continue. After a while, one row is let
through alone, and its result opens the gate or keeps it shut for longer.
"""

from __future__ import annotations

from collections.abc import Callable

import anyio
import attrs

from kombo_async._chain.adaptive_limiter import number
from kombo_async._clock import Clock
from kombo_async._codec.codes import meaning_of
from kombo_async.errors import Failure, NoResponse, ServerError, SyncPending
from kombo_async.response import Response

FAILURES = 5
"""How many consecutive requests may fail as in an outage before no more rows are started."""
REFUSALS = 20
"""The same for 429s: the client slows down by itself, so this matters only if nothing gets through."""
REST = 30.0
"""Seconds until one row tries again; doubled each time it fails."""
PENDING_FOR = 60.0
"""Seconds for which an integration's first sync counts as running after a response said so."""


@attrs.define
class Gate:
    """The gate of one integration."""

    clock: Clock
    on_change: Callable[[], None]
    """Called when rows that wait for it may continue."""
    limit: int = 30
    """How many actions the integration accepts at once, as far as is known."""
    _failures: int = 0
    _rest: float = attrs.field(factory=lambda: REST)
    _shut_until: float = 0.0
    _why: str = ""
    _probe: object = None
    """The only row let through, as a probe."""
    _changed: anyio.Event = attrs.field(factory=anyio.Event)

    def why_shut(self) -> str:
        """Why rows must be left unsent now; empty if they need not."""
        return self._why if self._why and self.clock.time() < self._shut_until else ""

    def is_waiting(self) -> bool:
        """Whether a probe is in flight, and others should wait for it."""
        return self._probe is not None

    def enter(self, row: object) -> bool:
        """Whether *row* may be sent now. Once the gate has been shut long enough, the first row to ask is the probe."""
        if not self._why or self._probe is row:
            return True
        if self._probe is not None or self.clock.time() < self._shut_until:
            return False
        self._probe = row
        return True

    async def changed(self) -> None:
        """Wait until the probe has ended."""
        if self._probe is not None:
            await self._changed.wait()

    def leave(self, row: object) -> None:
        """Note that *row* has ended, whatever the result."""
        if self._probe is row:
            self._end_probe()

    def heed(self, row: object, response: Response[object] | None, error: Exception | None) -> None:
        """Learn from the result of an attempt of *row*."""
        if response is not None:
            told = number(response.raw_response.headers.get("concurrency-limit"))
            self.limit = told if told and told < 10_000 else self.limit
        if isinstance(response, SyncPending):
            if self._probe is None:
                self._probe = row  # it keeps trying, for all
            self._shut(PENDING_FOR, response.message or "the first sync has not finished")
            return
        if not _is_outage(response, error):
            self._open()
            return
        self._failures += 1
        limit_refusal = isinstance(response, Failure) and meaning_of(response).is_limit
        if self._failures >= (REFUSALS if limit_refusal else FAILURES) and not (self._why and self._probe is not row):
            why = response.message if isinstance(response, Failure) else str(error)
            self._shut(self._rest, f"{self._failures} requests in a row failed: {why}")
            self._rest *= 2

    def _open(self) -> None:
        self._failures, self._rest = 0, REST
        if self._why:
            self._why = ""
            self._end_probe()

    def _end_probe(self) -> None:
        self._probe = None
        self._changed.set()
        self._changed = anyio.Event()
        self.on_change()

    def _shut(self, seconds: float, why: str) -> None:
        self._why, self._shut_until = why, self.clock.time() + seconds


def _is_outage(response: Response[object] | None, error: Exception | None) -> bool:
    """Whether a request failed for a reason unrelated to itself, which other requests would likely meet, too."""
    if isinstance(error, NoResponse):
        return True
    return isinstance(response, Failure) and (response.may_have_applied or isinstance(response, ServerError))
