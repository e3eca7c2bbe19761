"""Send the rows of an upload: rounds of a bulk run, until all are settled or nothing more can be done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import anyio
import attrs

from kombo_async._cli.rows import ParsedRow
from kombo_async._cli.signals import POLL, StopSignals
from kombo_async._cli.tally import RowResult, Tally, refused_row, row_result
from kombo_async._codec.codes import Meaning, meaning
from kombo_async.bulk import Bulk, Outcome, Row
from kombo_async.errors import Failure

OUTAGE = 20
"""A round ends after this many consecutive rows that did not get through."""
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 60.0
"""Seconds between two rounds."""


class Numbers:
    """A set of row numbers, at one bit each."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, number: int) -> None:
        """Add *number*."""
        byte, bit = divmod(number, 8)
        if byte >= len(self._bits):
            self._bits.extend(bytes(max(1024, byte + 1 - len(self._bits))))
        self._bits[byte] |= 1 << bit

    def __contains__(self, number: int) -> bool:
        byte, bit = divmod(number, 8)
        return byte < len(self._bits) and bool(self._bits[byte] >> bit & 1)


@attrs.define(kw_only=True)
class Sending:
    """The sending of an upload's rows."""

    rows: Callable[[], Iterator[ParsedRow]]
    """Reads the rows from the start; called once for each round."""
    bulk: Callable[[Iterator[Row]], Bulk]
    settled: Callable[[RowResult], None]
    """Called once with the result of each row."""
    say: Callable[[str], None]
    """Shows a line of progress."""
    tally: Tally
    signals: StopSignals
    keep_trying: timedelta | None = None
    one_integration: bool = True
    stopped_by: str = ""
    """Why it ended before all rows were tried."""
    begun: bool = False
    """Whether rows may have been sent: the journal is open, and rows are being read."""
    _over: Numbers = attrs.field(factory=Numbers)
    _unsent: dict[int, RowResult] = attrs.field(factory=dict[int, RowResult])
    """Rows of this round that did not get through, and those in doubt."""
    _in_a_row: int = 0
    _through_at: float = attrs.field(factory=time.monotonic)
    """When a row last got through."""

    async def run(self) -> None:
        """Send all rows. Raises `JournalError` or `TableError`."""
        try:
            await self._rounds()
        finally:
            for row in self._unsent.values():
                self._settle(row)
            self._unsent.clear()

    async def _rounds(self) -> None:
        pause = FIRST_PAUSE
        while True:
            before = self._through_at
            await self._round()
            if not self._can_go_on():
                return
            pause = FIRST_PAUSE if self._through_at > before else min(pause * 2, LONGEST_PAUSE)
            await self._wait(min(pause, self._left()))
            if self.signals.count:
                self.stopped_by = self._stopped()
                return

    def _can_go_on(self) -> bool:
        """Whether another round might get further."""
        if self.keep_trying is None or self.stopped_by or not self._is_waiting():
            return False
        return self._left() > 0

    def _is_waiting(self) -> bool:
        return self._in_a_row >= OUTAGE or any(row.result == "unsent" for row in self._unsent.values())

    def _left(self) -> float:
        trying = self.keep_trying.total_seconds() if self.keep_trying is not None else 0.0
        return trying - (time.monotonic() - self._through_at)

    async def _wait(self, seconds: float) -> None:
        """Wait before the next round; a signal ends it."""
        until = time.monotonic() + seconds
        minutes = max(0, self._left()) / 60
        self.say(f"no request is succeeding; retrying in {seconds:.0f} s, for {minutes:.0f} min more")
        while time.monotonic() < until and not self.signals.count:  # noqa: ASYNC110 (signals set no event)
            await anyio.sleep(POLL)

    async def _round(self) -> None:
        held = dict(self._unsent)
        self._unsent.clear()
        self._in_a_row = 0
        run = self.bulk(self._to_send())
        error: Exception | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._listen, run, tasks.cancel_scope)
            tasks.start_soon(self._show_waiting, run)
            try:
                async with run as outcomes:
                    async for outcome in outcomes:
                        held.pop(outcome.tag, None)
                        self._take(outcome, run)
            except Exception as failure:
                error = failure  # raised outside of the task group, which would wrap it
            tasks.cancel_scope.cancel()
        self._unsent = {**held, **self._unsent}
        if error is not None:
            raise error

    def _to_send(self) -> Iterator[Row]:
        self.begun = True
        for row in self.rows():
            if row.number in self._over:
                continue
            if row.request is None or row.faults:
                self._settle(refused_row(row))
                continue
            yield Row(row.request, key=row.key, integration_id=row.integration_id, tag=row.number)

    def _take(self, outcome: Outcome, run: Bulk) -> None:
        result = row_result(outcome)
        through = result.result != "unsent" and (outcome.response is not None or result.earlier)
        if through and result.result != "in_doubt":
            self._in_a_row = 0
            self._through_at = time.monotonic()
        if self.keep_trying is not None and not self.stopped_by and result.result in ("unsent", "in_doubt"):
            self._unsent[result.row] = result
            self._in_a_row += 1
            if self._in_a_row >= OUTAGE:
                run.stop()
        else:
            self._settle(result)
        if self.one_integration and not self.stopped_by and self._is_hopeless(outcome):
            self.stopped_by = f"No row can be sent now: {outcome.response}"
            run.stop()

    def _settle(self, row: RowResult) -> None:
        self._over.add(row.row)
        self.settled(row)

    def _is_hopeless(self, outcome: Outcome) -> bool:
        """Whether the other rows would fail as well, because of the key, the integration or its first sync."""
        response: Any = outcome.response
        if outcome.result != "unsent" or not isinstance(response, Failure):
            return False
        why = meaning(response.status_code, response.code, from_kombo=True)
        if why is Meaning.SYNC_PENDING:
            return self.keep_trying is None
        return why in (Meaning.SET_UP, Meaning.UNSUPPORTED)

    async def _listen(self, run: Bulk, scope: anyio.CancelScope) -> None:
        """Let requests in flight finish on the first signal; cancel them on the second, which leaves them in doubt."""
        await self.signals.wait(1)
        self.stopped_by = self._stopped()
        self.say("stopping: waiting for requests in flight; press Ctrl-C again to stop at once")
        run.stop()
        await self.signals.wait(2)
        scope.cancel()

    def _stopped(self) -> str:
        return "Stopped. Run the same command to continue."

    async def _show_waiting(self, run: Bulk) -> None:
        while True:
            await anyio.sleep(1)
            if run.waiting:
                seconds = max(run.waiting.values())
                more = f"checking {len(run.waiting):,} rows in doubt again in {max(0, seconds):.0f} s"
                self.say(f"{self.tally.settled:,} of {self.tally.total:,}, {more}")
