"""A bulk run: rows in, outcomes out, in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Self

import anyio
from anyio.streams.memory import MemoryObjectSendStream

from kombo_async._prefetch import Prefetch
from kombo_async.bulk._journal import Journal, RowKey
from kombo_async.bulk._outcome import Outcome
from kombo_async.bulk._rows import Doubt, Rows, Settings
from kombo_async.bulk._source import Requests, Source

if TYPE_CHECKING:
    from kombo_async.client import AsyncKomboClient

DEFAULT_CONCURRENCY = 100
"""How many rows are under way at once, those included that wait for a place (30 actions for each integration)."""
MOST_DEFERRED = 1_000
"""How many rows in doubt wait for the end of the run; with more, the oldest are looked for at once."""


class Bulk:
    """A bulk run, to be iterated once: `async for outcome in kombo.bulk(...)`.

    Leaving the loop early, or being cancelled, begins no more rows and gives those in flight `grace` seconds to end;
    what has not ended by then is in doubt, and settled by the next run. `async with kombo.bulk(...) as outcomes` makes
    sure that all of that is over at the end of the block.
    """

    def __init__(
        self,
        kombo: AsyncKomboClient,
        requests: Requests,
        journal: Journal,
        settings: Settings,
        *,
        address: str,
        integration_id: str | None,
    ) -> None:
        self._address = address
        self._source = Source(requests)
        self._journal = journal
        self._settings = settings
        self._stopped = anyio.Event()
        self._rows = Rows(kombo, integration_id, journal, settings, self._stopped)
        self._doubts = deque[Doubt]()
        self._error: Exception | None = None
        self._turn = 0
        self._turns: dict[int, anyio.Event] = {}
        self._outcomes = self._iterate()

    def __aiter__(self) -> AsyncGenerator[Outcome]:
        return self._outcomes

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._outcomes.aclose()

    @property
    def waiting(self) -> Mapping[RowKey, datetime]:
        """The rows in doubt that the run waits for, and when each is looked for again."""
        return MappingProxyType(self._rows.waiting)

    def stop(self) -> None:
        """Begin nothing more: the outcomes of what is in flight still come, then the iteration ends."""
        self._stopped.set()

    async def _iterate(self) -> AsyncGenerator[Outcome]:
        await self._journal.open(self._address)
        give, take = anyio.create_memory_object_stream[Outcome](0)
        work = Prefetch(partial(self._run, give))
        try:
            async for outcome in take:
                yield outcome
            await work.result()
            if self._error is not None:
                raise self._error
        finally:
            self.stop()
            take.close()
            with anyio.CancelScope(shield=True):
                await self._end(work)
                give.close()
                await self._journal.aclose()

    async def _end(self, work: Prefetch[None]) -> None:
        with suppress(Exception):  # it has been raised already, or nobody is there any more to raise it to
            with anyio.move_on_after(self._settings.grace):
                await work.result()
                return
            work.cancel()
            await work.result()

    async def _run(self, give: MemoryObjectSendStream[Outcome]) -> None:
        async with give, anyio.create_task_group() as workers:
            for _ in range(self._settings.concurrency):
                workers.start_soon(self._work, give)

    async def _work(self, give: MemoryObjectSendStream[Outcome]) -> None:
        try:
            while await self._one(give):
                pass
        except Exception as error:  # the source's, the journal's or a middleware's: the others end what is in flight
            self._error = self._error or error
            self.stop()
            for turn in self._turns.values():
                turn.set()

    async def _one(self, give: MemoryObjectSendStream[Outcome]) -> bool:
        """Bring one row to its end, or put it aside; False where there is none left."""
        if len(self._doubts) < MOST_DEFERRED and not self._stopped.is_set():
            numbered = await self._source.next()
            if numbered is not None:
                place, row = numbered
                outcome = await self._rows.begin(row)
                if isinstance(outcome, Doubt):
                    if self._rows.can_look(outcome) and not self._settings.ordered:
                        self._doubts.append(outcome)
                        return True
                    outcome = await self._rows.settle(outcome)
                await self._emit(give, place, outcome)
                return True
        if self._doubts:
            await self._emit(give, None, await self._rows.settle(self._doubts.popleft()))
            return True
        return False

    async def _emit(self, give: MemoryObjectSendStream[Outcome], place: int | None, outcome: Outcome) -> None:
        if self._settings.ordered and place is not None:
            await self._wait_for_turn(place)
        with suppress(anyio.BrokenResourceError):  # nobody takes outcomes any more; the journal has them
            await give.send(outcome)
        self._turn += 1
        if self._turn in self._turns:
            self._turns[self._turn].set()

    async def _wait_for_turn(self, place: int) -> None:
        """Hold an outcome back until all before it are out; each worker holds one at most."""
        while self._turn != place and self._error is None:
            await self._turns.setdefault(place, anyio.Event()).wait()
        self._turns.pop(place, None)
