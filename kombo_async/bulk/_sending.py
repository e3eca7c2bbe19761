"""Send one row: record it before it is sent, and record the result."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

import anyio
import attrs

from kombo_async._chain.server_clock import ServerClock
from kombo_async._clock import Clock
from kombo_async._machine_faults import machine_fault
from kombo_async.bulk._gate import Gate
from kombo_async.bulk._journal import Entry, Journal, JournalError, RowKey, without_people
from kombo_async.bulk._reconcile import Reconciler
from kombo_async.bulk._responses import said_by
from kombo_async.errors import NoResponse, RateLimited, SyncPending
from kombo_async.middleware import Call, Next
from kombo_async.options import Options
from kombo_async.request import Request
from kombo_async.response import Response, Success

if TYPE_CHECKING:
    from kombo_async.client import AsyncKomboClient

LATEST = 5.0
"""The most seconds between the recorded time of sending and the sending; after that, it is recorded again."""
LONGEST_UPLOAD = 300.0
"""Seconds after which an incompletely sent request is interrupted; until it is complete, it cannot be performed."""
NOT_NOW = "its integration accepts no requests at the moment"


class NotNow(Exception):
    """The row's integration accepts no requests at the moment; nothing was sent."""


@attrs.frozen(kw_only=True)
class Sent:
    """The result of sending a row; its entry is already in the journal."""

    entry: Entry
    response: Response[Any] | None = None
    error: Exception | None = None
    seconds: float = 0.0
    moments: tuple[float, float] | None = None
    """When the row was sent first and last by this process, on its monotonic clock."""
    is_first: bool = True
    """Whether nothing that was sent before this may have been done."""


class _TooLate(Exception):
    """Too much time has passed since the row was recorded as being sent: it must be recorded again."""


@attrs.define
class _LastCheck:
    """Checks, right before anything of a request is sent, that the journal still allows it and has the right time."""

    journal: Journal
    clock: Clock
    written_down: float
    allowed: float
    """The most seconds since then."""
    begun: float | None = None
    """When the first byte was sent."""
    last: float | None = None
    """When the last byte was sent: the work cannot begin before that."""

    def __call__(self) -> None:
        """Raise to stop the request."""
        self.journal.check()
        now = self.clock.time()
        if now - self.written_down > (self.allowed if self.begun is None else LONGEST_UPLOAD):
            raise _TooLate
        if self.begun is None:
            self.begun = now
        self.last = now


def _has_files(call: Call) -> bool:
    """Whether files are read while the request is sent."""
    return call.encoded is not None and isinstance(call.encoded.body, tuple)


@attrs.define
class RecordedAttempts:
    """The step around each attempt: the row is durably *sending* before the attempt is sent."""

    journal: Journal
    key: RowKey
    entry: Entry
    gate: Gate
    clock: ServerClock
    may_have_applied: bool = False
    """Whether it may have been done: an attempt was sent, and its response does not clearly say that it was not."""
    moments: tuple[float, float] | None = None
    is_first: bool = attrs.field(init=False, default=True)
    """Whether nothing that was sent before this may have been done."""
    _before: Entry = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.is_first = self.entry.first_sent is None
        self._before = self.entry

    @property
    def last_sent(self) -> datetime | None:
        """When the row was sent last, or after that."""
        return self.entry.last_sent if self.moments is None else self.clock.latest(self.moments[1])

    async def __call__(self, call: Call, call_next: Next) -> Response[Any]:
        """Record the row, then answer *call*. Raises `NotNow` to leave it unsent."""
        if not self.gate.enter(self.key):
            raise NotNow
        before = self.may_have_applied
        first = self.moments[0] if self.moments and before else None
        allowed = LATEST
        while True:
            now = await self._write_down(first, allowed, LONGEST_UPLOAD if _has_files(call) else 0.0)
            self.moments = (now if first is None else first, now)
            self.may_have_applied = not call.operation.safe
            check = _LastCheck(self.journal, self.clock.clock, now, allowed)
            try:
                return await self._attempt(attrs.evolve(call, before_write=check), call_next, before)
            except _TooLate:  # nothing was sent, or not all of it
                self.may_have_applied = before
                allowed *= 2  # if connecting always takes this long, it must be sent at some point
            except (ValueError, OSError):
                if check.begun is None or _has_files(call):  # nothing was sent, or a file interrupted the request
                    self.may_have_applied = before
                raise
            finally:
                self.moments = (self.moments[0], check.last or now)

    async def _attempt(self, call: Call, call_next: Next, before: bool) -> Response[Any]:
        try:
            response = await call_next(call)
        except NoResponse as error:
            self.may_have_applied = before or error.may_have_applied
            self.gate.heed(self.key, None, error)
            await self._take_back()
            raise
        self.may_have_applied = before or isinstance(response, Success) or response.may_have_applied
        self.gate.heed(self.key, response, None)
        if isinstance(response, RateLimited | SyncPending):
            await self._take_back()
        return response

    async def _take_back(self) -> None:
        """Record that nothing was done by an attempt that may be repeated: this process may die while it waits."""
        if not self.may_have_applied:
            entry = attrs.evolve(self._before, state="unsent", message=NOT_NOW)
            await self.journal.record(self.key, without_people(entry), hold=True)

    async def _write_down(self, first: float | None, allowed: float, upload: float) -> float:
        """Durably record the row as being sent; returns the recorded moment, at most *allowed* seconds ago.

        *first* is the moment of an earlier attempt that may have been performed. If this process dies, all that is
        known is that the row was fully sent within *upload* seconds, or never.
        """
        while True:
            now = self.clock.clock.time()
            times: dict[str, Any] = {"last_sent": self.clock.latest(now + upload)}
            if self.is_first:
                began = now if first is None else first
                times |= {"first_sent": self.clock.earliest(began), "first_sent_by": self.clock.latest(began)}
            sending = attrs.evolve(self.entry, state="sending", **times)
            await self.journal.record(self.key, sending)
            self.entry = sending
            if self.clock.clock.time() - now <= allowed:
                return now


async def send(
    kombo: AsyncKomboClient,
    request: Request[Any],
    reconciler: Reconciler | None,
    step: RecordedAttempts,
    options: Options,
) -> Sent:
    """Send *request* and record the result.

    The entry of *step* has `first_sent` if it may have been done before. Whatever ends this early, even cancellation,
    is recorded. Raises `NotNow` if nothing was sent, and errors that are not the row's fault.
    """
    before, clock = step.entry, step.clock.clock
    start = clock.time()
    response: Response[Any] | None = None
    error: Exception | None = None
    try:
        with_steps = options.copy()
        with_steps["attempt_middleware"] = (*options.get("attempt_middleware", ()), step)
        response = await kombo.send(request, **with_steps)
    except NotNow:
        if not step.may_have_applied:
            await _record_not_now(step, before)
            raise
    except (NoResponse, ValueError) as failure:
        error = failure
    except TypeError as failure:
        if step.moments is not None:
            await _record_broken_off(step, before)
            raise
        error = failure  # a value in this row that cannot be sent
    except BaseException:
        await _record_broken_off(step, before)
        raise
    said = said_by(request, reconciler, before, response, error, may_have_applied=step.may_have_applied)
    times = {"last_sent": step.last_sent, "finished": step.clock.earliest(clock.time())}
    entry = attrs.evolve(step.entry, **{**times, **said})
    await step.journal.record(step.key, without_people(entry), hold=entry.state == "in_doubt")
    if (fault := machine_fault(error)) is not None:
        raise fault
    return Sent(
        entry=entry,
        response=response,
        error=error,
        seconds=clock.time() - start,
        moments=step.moments,
        is_first=step.is_first,
    )


async def _record_not_now(step: RecordedAttempts, before: Entry) -> None:
    """Record that an attempt was certainly not performed, if one was made; the row stays this run's."""
    if step.moments is not None:
        entry = attrs.evolve(before, state="unsent", message=NOT_NOW)
        await step.journal.record(step.key, without_people(entry), hold=True)


async def _record_broken_off(step: RecordedAttempts, before: Entry) -> None:
    if step.may_have_applied:
        message = "interrupted before the response came"
        entry = attrs.evolve(step.entry, state="in_doubt", last_sent=step.last_sent, message=message)
    else:
        entry = attrs.evolve(before, state="unsent", message="interrupted before it was sent")
    with anyio.CancelScope(shield=True), suppress(JournalError):  # the exception being raised says more
        await step.journal.record(step.key, without_people(entry))
