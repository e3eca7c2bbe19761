"""A bulk run: rows in, outcomes out, in bounded memory."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import anyio
import attrs
from anyio.streams.memory import MemoryObjectSendStream

from kombo_async.bulk.journal import Entry, Journal, RowKey
from kombo_async.bulk.outcome import Outcome, Result, Row, digest
from kombo_async.bulk.reconcile import Found, NotSure, NotThere, Reconciler, Verdict, reconciler_of
from kombo_async.bulk.sending import ALREADY_THERE, Sent, send
from kombo_async.bulk.source import Source
from kombo_async.options import Options
from kombo_async.prefetch import Prefetch
from kombo_async.request import Request

if TYPE_CHECKING:
    from kombo_async.client import AsyncKomboClient

Requests: TypeAlias = Iterable[Request[Any] | Row] | AsyncIterable[Request[Any] | Row]

logger = logging.getLogger("kombo_async.bulk")

AT_ONCE = 100
"""How many rows are under way at once, those included that wait for a place (30 actions for each integration)."""
MOST_DEFERRED = 1_000
"""How many rows in doubt wait for the end of the run; with more, the oldest are looked for at once."""
ROUNDS = 3
"""How often a row is looked for and sent again, at most, when each sending ends in doubt."""


@attrs.frozen(kw_only=True)
class Settings:
    """How a bulk run goes about its work; `AsyncKomboClient.bulk` says what each means."""

    key: Callable[[Request[Any]], str] | None
    concurrency: int = attrs.field(validator=attrs.validators.ge(1))
    ordered: bool
    retry_refused: bool
    reconcilers: Mapping[type[Request[Any]], Reconciler]
    visible_after: timedelta
    settle_wait: float
    grace: float
    options: Options


@attrs.frozen
class _Item:
    """A row under way."""

    row: Row
    key: RowKey
    digest: str
    integration_id: str | None


@attrs.frozen
class _Doubt:
    """A row in doubt, and what its sending came to if that was in this run."""

    item: _Item
    entry: Entry
    sent: Sent | None = None


class Bulk:
    """A bulk run, to be iterated once: `async for outcome in kombo.bulk(...)`.

    Leaving the loop early, or being cancelled, begins no more rows and gives those in flight `grace` seconds to end;
    what has not ended by then is in doubt, and settled by the next run. `async with kombo.bulk(...) as outcomes` makes
    that happen at the end of the block even where an exception is kept, and with it the frames of the loop.
    """

    def __init__(
        self, kombo: AsyncKomboClient, address: str, requests: Requests, journal: Journal, settings: Settings
    ) -> None:
        self._kombo = kombo
        self._address = address
        self._source = Source(requests)
        self._journal = journal
        self._settings = settings
        self._outcomes = self._iterate()
        self._doubts = deque[_Doubt]()
        self._stopped = anyio.Event()
        self._error: Exception | None = None
        self._turns: dict[int, anyio.Event] = {}
        self._turn = 0

    def __aiter__(self) -> AsyncGenerator[Outcome]:
        return self._outcomes

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._outcomes.aclose()

    def stop(self) -> None:
        """Begin nothing more: the outcomes of what is in flight still come, then the iteration ends."""
        self._stopped.set()

    async def _iterate(self) -> AsyncGenerator[Outcome]:
        await self._journal.open(self._address)
        give, take = anyio.create_memory_object_stream[Outcome](0)
        work: Prefetch[None] | None = None
        try:
            work = Prefetch(partial(self._run, give))
            async for outcome in take:
                yield outcome
            await work.result()
            if self._error is not None:
                raise self._error
        finally:
            self.stop()
            take.close()
            with anyio.CancelScope(shield=True):
                if work is not None:
                    await self._end(work)
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
            while (outcome := await self._next_outcome()) is not None:
                place, result = outcome
                if result is not None:
                    await self._emit(give, place, result)
        except Exception as error:  # the source's, the journal's or a middleware's: the others end what is in flight
            self._error = self._error or error
            self._stopped.set()
            for turn in self._turns.values():
                turn.set()

    async def _next_outcome(self) -> tuple[int, Outcome | None] | None:
        """Bring one row to its end (or put it aside), None where there is none left."""
        if len(self._doubts) >= MOST_DEFERRED:
            return -1, await self._settle(self._doubts.popleft())
        if not self._stopped.is_set() and (numbered := await self._source.next()) is not None:
            place, row = numbered
            return place, await self._begin(row)
        if self._doubts:
            return -1, await self._settle(self._doubts.popleft())
        return None

    async def _emit(self, give: MemoryObjectSendStream[Outcome], place: int, outcome: Outcome) -> None:
        if self._settings.ordered:
            while self._turn != place and self._error is None:
                await self._turns.setdefault(place, anyio.Event()).wait()
            self._turns.pop(place, None)
        with suppress(anyio.BrokenResourceError):  # nobody takes outcomes any more; the journal has them
            await give.send(outcome)
        if self._settings.ordered:
            self._turn += 1
            if self._turn in self._turns:
                self._turns[self._turn].set()

    async def _begin(self, row: Row) -> Outcome | None:
        item = self._item(row)
        claim = await self._journal.claim(item.key)
        entry = claim.entry or Entry(state="unsent", digest=item.digest)
        if claim.taken:
            return self._outcome(item, entry, "duplicate", earlier=True)
        if entry.state == "done" or (entry.state == "refused" and not self._is_to_be_retried(entry)):
            await self._journal.release(item.key)
            return self._outcome(item, entry, entry.state, earlier=True)
        if entry.state in ("sending", "in_doubt"):
            return await self._put_aside(_Doubt(item, entry))
        return await self._send(item, attrs.evolve(entry, digest=item.digest))

    def _is_to_be_retried(self, entry: Entry) -> bool:
        """A row that Kombo has not seen, as its file was missing, say, may have been mended meanwhile."""
        return self._settings.retry_refused or entry.status_code is None

    def _item(self, row: Row) -> _Item:
        request = row.request
        integration_id = row.integration_id or self._settings.options.get("integration_id")
        integration_id = integration_id or self._kombo.integration_id
        fingerprint = digest(request, integration_id)
        key = row.key or (self._settings.key(request) if self._settings.key else fingerprint)
        return _Item(row, RowKey(key, request.operation.id, integration_id or ""), fingerprint, integration_id)

    async def _send(self, item: _Item, entry: Entry) -> Outcome | None:
        sent = await self._sent(item, entry)
        if sent.entry.state == "in_doubt" or (sent.entry.code == ALREADY_THERE and sent.entry.state == "done"):
            return await self._put_aside(_Doubt(item, sent.entry, sent))
        return self._outcome(item, sent.entry, _result(sent.entry), sent)

    async def _sent(self, item: _Item, entry: Entry) -> Sent:
        options: Options = {**self._settings.options}
        if item.integration_id is not None:
            options["integration_id"] = item.integration_id
        return await send(self._kombo, item.row.request, item.key, entry, self._journal, options)

    async def _put_aside(self, doubt: _Doubt) -> Outcome | None:
        """Look for the row when all others have been sent, or at once where their order matters."""
        if self._settings.ordered or self._reconciler(doubt) is None:
            return await self._settle(doubt)
        self._doubts.append(doubt)
        return None

    def _reconciler(self, doubt: _Doubt) -> Reconciler | None:
        settings = self._settings
        return reconciler_of(doubt.item.row.request, settings.reconcilers, settings.visible_after)

    async def _settle(self, doubt: _Doubt) -> Outcome:
        """Look, and send again what is surely not there; what cannot be told stays in doubt."""
        item = doubt.item
        for _ in range(ROUNDS):
            verdict = await self._look(doubt)
            if isinstance(verdict, Found):
                entry = attrs.evolve(doubt.entry, state="done", ids=verdict.ids, found=True, message="")
                return await self._record(doubt, attrs.evolve(entry, finished=datetime.now(UTC)))
            if isinstance(verdict, NotSure):
                if doubt.entry.state == "done":  # the refusal "already there" has settled it; only its ID is not known
                    return await self._record(doubt, attrs.evolve(doubt.entry, found=True))
                break
            sent = await self._sent(item, attrs.evolve(doubt.entry, digest=item.digest, message=""))
            doubt = _Doubt(item, sent.entry, sent)
            if sent.entry.state != "in_doubt" and sent.entry.code != ALREADY_THERE:
                return self._outcome(item, sent.entry, _result(sent.entry), sent)
        else:
            verdict = NotSure("it was sent again, and its end is not known again")
        return await self._record(doubt, attrs.evolve(doubt.entry, state="in_doubt", message=verdict.why))

    async def _look(self, doubt: _Doubt) -> Verdict:
        """What the reconciler says, once more if it can soon say more."""
        item, reconciler = doubt.item, self._reconciler(doubt)
        if doubt.entry.digest != item.digest:
            return NotSure("the row has changed since it was sent")
        if reconciler is None:
            return NotSure(_why(doubt.entry) + f"; nothing can look for {item.row.request.operation.id} yet")
        while True:
            if self._stopped.is_set():
                return NotSure(_why(doubt.entry) + "; the run was stopped before it was looked for")
            kombo = self._kombo.for_integration(item.integration_id) if item.integration_id else self._kombo
            try:
                verdict = await reconciler(kombo, item.row.request, doubt.entry)
            except Exception as error:  # whatever it is, the row is not lost for it
                logger.warning("looking for a row in doubt failed: %s", type(error).__name__)
                return NotSure(f"{_why(doubt.entry)}; looking for it failed: {error}")
            if isinstance(verdict, NotThere) and doubt.entry.state == "done":
                return NotSure("")
            if not isinstance(verdict, NotSure):
                return verdict
            seconds = self._seconds_until(verdict.look_again)
            if seconds is None:
                when = f"; it can be told after {verdict.look_again:%Y-%m-%d %H:%M} UTC" if verdict.look_again else ""
                return NotSure(f"{_why(doubt.entry)}; {verdict.why}{when}")
            with anyio.move_on_after(seconds):
                await self._stopped.wait()

    def _seconds_until(self, time: datetime | None) -> float | None:
        """How long to wait until *time*, None where that is longer than this run waits."""
        seconds = float("inf") if time is None else (time - datetime.now(UTC)).total_seconds()
        return None if seconds > self._settings.settle_wait else max(0.01, seconds)

    async def _record(self, doubt: _Doubt, entry: Entry) -> Outcome:
        await self._journal.record(doubt.item.key, entry)
        return self._outcome(doubt.item, entry, _result(entry), doubt.sent, earlier=doubt.sent is None)

    def _outcome(
        self, item: _Item, entry: Entry, result: Result, sent: Sent | None = None, *, earlier: bool = False
    ) -> Outcome:
        return Outcome(
            key=item.key.key,
            request=item.row.request,
            integration_id=item.integration_id,
            tag=item.row.tag,
            result=result,
            response=sent.response if sent else None,
            error=sent.error if sent else None,
            entry=entry,
            earlier=earlier,
            seconds=sent.seconds if sent else 0.0,
        )


def _result(entry: Entry) -> Result:
    return "in_doubt" if entry.state == "sending" else entry.state


def _why(entry: Entry) -> str:
    return entry.message.partition(";")[0] or "its run ended before its answer came"
