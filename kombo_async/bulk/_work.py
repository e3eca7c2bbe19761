"""The work of a bulk run, in its own task, independent of who takes the outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from kombo_async._chain.server_clock import ServerClock
from kombo_async.bulk._item import Doubt, Held
from kombo_async.bulk._journal import Journal, JournalError, RowKey
from kombo_async.bulk._later import Later
from kombo_async.bulk._outcome import Outcome, Row
from kombo_async.bulk._rows import Rows
from kombo_async.bulk._settings import Settings
from kombo_async.bulk._source import Requests, Source

if TYPE_CHECKING:
    from kombo_async.client import AsyncKomboClient

MOST_DEFERRED = 1_000
"""How many rows in doubt or held wait until the end of the run; with more, some are handled at once."""


class Work:
    """A run, from the opening of its journal to its closing."""

    def __init__(
        self,
        kombo: AsyncKomboClient,
        requests: Requests,
        journal: Journal,
        settings: Settings,
        clock: ServerClock,
        address: str,
        integration_id: str | None,
    ) -> None:
        self._kombo = kombo
        self._address = address
        self._journal = journal
        self._settings = settings
        self._clock = clock
        self._stopped = anyio.Event()
        self._abandoned = anyio.Event()
        self._rows = Rows(kombo, integration_id, journal, settings, clock, self._stopped)
        self._source = Source(requests, self._rows.lane_of, self._rows.is_busy, ordered=settings.ordered)
        self._rows.on_gate_change = self._source.look_again
        self._later = Later()
        self._error: Exception | None = None
        self._turn = 0
        self._turns: dict[int, anyio.Event] = {}
        self._begun = False
        self._ended = anyio.Event()
        self._all_taken = True
        self._give: MemoryObjectSendStream[Outcome] | None = None
        self._take: MemoryObjectReceiveStream[Outcome] | None = None

    @property
    def is_complete(self) -> bool:
        """See `Bulk.is_complete`."""
        return self._ended.is_set() and self._source.is_exhausted and self._error is None and self._all_taken

    def waiting(self) -> Mapping[RowKey, float]:
        """See `Bulk.waiting`."""
        now = self._clock.clock.time()
        return {key: until - now for key, until in self._rows.doubts.waiting.items()}

    def stop(self) -> None:
        """See `Bulk.stop`."""
        self._stopped.set()
        self._source.stop()

    def abandon(self) -> None:
        """Nobody takes outcomes any more: let requests in flight finish within `grace` seconds."""
        if not self._ended.is_set():
            self.stop()
            self._abandoned.set()
        if self._take is not None:
            self._take.close()

    async def wait_for_end(self) -> None:
        """Wait until the run, if started, is over."""
        if self._begun:
            await self._ended.wait()

    def begin(self) -> None:
        """Prepare: outcomes can be taken from now on."""
        self._begun = True
        self._give, self._take = anyio.create_memory_object_stream[Outcome](0)

    async def next(self) -> Outcome:
        """The next outcome. Raises `anyio.EndOfStream` after the last, `anyio.ClosedResourceError` once abandoned."""
        if self._take is None:
            raise anyio.ClosedResourceError
        return await self._take.receive()

    async def run(self) -> None:
        """Run to the end. Raises what ended it early."""
        try:
            async with self._kombo:  # an invalid setting is no row's fault, and fails here
                await self._journal.open(self._address)
                try:
                    await self._go()
                except BaseException:
                    await self._close_journal()
                    raise
                if self._error is not None:
                    await self._close_journal()
                    raise self._error
                await self._journal.aclose()
        finally:
            self._ended.set()
            if self._give is not None:
                self._give.close()

    async def _close_journal(self) -> None:
        """Close the journal. An exception already being raised wins over one from closing."""
        with anyio.CancelScope(shield=True), suppress(JournalError):
            await self._journal.aclose()

    async def _go(self) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._source.run)
            tasks.start_soon(self._rows.tell_the_time)
            with anyio.CancelScope() as in_flight:
                tasks.start_soon(self._limit, in_flight)
                async with anyio.create_task_group() as workers:
                    for _ in range(self._settings.concurrency):
                        workers.start_soon(self._keep_working)
            tasks.cancel_scope.cancel()

    async def _limit(self, in_flight: anyio.CancelScope) -> None:
        """Give requests in flight `grace` seconds once nobody takes outcomes any more."""
        await self._abandoned.wait()
        await self._clock.clock.sleep(self._settings.grace)
        in_flight.cancel()

    async def _keep_working(self) -> None:
        try:
            while await self._one():
                pass
        except Exception as error:  # from the source, the journal, a middleware or the machine, not from a row
            self._error = self._error or error
            self.stop()
            for turn in self._turns.values():
                turn.set()

    async def _one(self) -> bool:
        """Finish one row, or put it aside; False if there is none left."""
        if len(self._later) < MOST_DEFERRED and not self._stopped.is_set():
            try:
                numbered = await self._source.next()
            except Exception as error:  # the source's own: the rows that it gave before are sent all the same
                self._error = self._error or error
                numbered = None
            if numbered is not None:
                await self._begin(*numbered)
                return True
        if self._later:
            with self._later.next() as left:
                outcome = await self._settle(left)
            await self._emit(None, outcome)
            return True
        return False

    async def _begin(self, index: int, row: Row) -> None:
        try:
            outcome = await self._rows.begin(row)
        finally:
            self._source.left(row)
        if not isinstance(outcome, Outcome):
            can_wait = isinstance(outcome, Held) or self._rows.can_look(outcome)
            if can_wait and not self._settings.ordered:
                self._later.add(outcome)
                return
            outcome = await self._settle(outcome)
        await self._emit(index, outcome)

    async def _settle(self, left: Doubt | Held) -> Outcome:
        outcome: Outcome | Doubt | Held = left
        while not isinstance(outcome, Outcome):
            outcome = await (self._rows.again(outcome) if isinstance(outcome, Held) else self._rows.settle(outcome))
        return outcome

    async def _emit(self, index: int | None, outcome: Outcome) -> None:
        if self._settings.ordered and index is not None:
            await self._wait_for_turn(index)
        try:
            if self._give is not None:
                await self._give.send(outcome)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):  # nobody takes them, but the journal has them
            self._all_taken = False
        self._turn += 1
        if self._turn in self._turns:
            self._turns[self._turn].set()

    async def _wait_for_turn(self, index: int) -> None:
        """Hold an outcome back until all earlier ones are out; each worker holds one at most."""
        while self._turn != index and self._error is None:
            await self._turns.setdefault(index, anyio.Event()).wait()
        self._turns.pop(index, None)
