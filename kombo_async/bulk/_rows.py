"""The way of one row through a bulk run: claimed, sent, and settled where it is in doubt."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import anyio
import attrs

from kombo_async.bulk._applications import ApplicationReconciler
from kombo_async.bulk._journal import Entry, Journal, RowKey
from kombo_async.bulk._outcome import Outcome, Result, Row, digest
from kombo_async.bulk._reconcile import Found, NotSure, Reconciler, Verdict, repeat
from kombo_async.bulk._sending import ALREADY_THERE, Sent, send
from kombo_async.options import Options
from kombo_async.request import Request

if TYPE_CHECKING:
    from kombo_async.client import AsyncKomboClient

logger: logging.Logger = logging.getLogger("kombo_async.bulk")

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
    visible_after: timedelta | None
    settle_wait: float = attrs.field(validator=attrs.validators.ge(0))
    grace: float = attrs.field(validator=attrs.validators.ge(0))
    options: Options


@attrs.frozen
class Item:
    """A row under way."""

    row: Row
    key: RowKey
    digest: str
    integration_id: str | None


@attrs.frozen
class Doubt:
    """A row in doubt, and what its sending came to if that was in this run."""

    item: Item
    entry: Entry
    sent: Sent | None = None


class Rows:
    """What each worker of a bulk run does with a row."""

    def __init__(
        self,
        kombo: AsyncKomboClient,
        integration_id: str | None,
        journal: Journal,
        settings: Settings,
        stopped: anyio.Event,
    ) -> None:
        self._kombo = kombo
        self._integration_id = settings.options.get("integration_id") or integration_id
        self._journal = journal
        self._settings = settings
        self._stopped = stopped
        self._applications = ApplicationReconciler(settings.visible_after)
        self.waiting: dict[RowKey, datetime] = {}
        """The rows in doubt that wait to be looked for again, and until when."""

    async def begin(self, row: Row) -> Outcome | Doubt:
        """Send *row*, unless an earlier run has settled it, or left it in doubt."""
        item = self._item(row)
        claim = await self._journal.claim(item.key)
        entry = claim.entry or Entry(state="unsent", digest=item.digest)
        if claim.taken:
            return _outcome(item, entry, "duplicate", earlier=True)
        if entry.state == "done" or (entry.state == "refused" and not self._is_to_be_retried(entry)):
            self._learn(item, entry)
            await self._journal.release(item.key)
            return _outcome(item, entry, entry.state, earlier=True)
        if entry.state in ("sending", "in_doubt"):
            return Doubt(item, entry)
        sent = await self._send(item, attrs.evolve(entry, digest=item.digest))
        return Doubt(item, sent.entry, sent) if _needs_a_look(sent) else _sent_outcome(item, sent)

    async def settle(self, doubt: Doubt) -> Outcome:
        """Look, and send again what is surely not there; what cannot be told stays in doubt."""
        for _ in range(ROUNDS):
            verdict = await self._look(doubt)
            if isinstance(verdict, Found):
                now = datetime.now(UTC)
                return await self._record(doubt, state="done", ids=verdict.ids, found=True, message="", finished=now)
            if isinstance(verdict, NotSure):
                if doubt.entry.state == "done":  # the answer "already there" has settled it; its ID stays unknown
                    return await self._record(doubt, found=True, message="")
                return await self._record(doubt, state="in_doubt", message=verdict.why)
            sent = await self._send(doubt.item, attrs.evolve(doubt.entry, digest=doubt.item.digest, message=""))
            if not _needs_a_look(sent):
                return _sent_outcome(doubt.item, sent)
            doubt = Doubt(doubt.item, sent.entry, sent)
        return await self._record(doubt, state="in_doubt", message=_why(doubt.entry) + f", {ROUNDS} times")

    def can_look(self, doubt: Doubt) -> bool:
        """Whether there is a reconciler for the row."""
        return self._reconciler(doubt) is not None

    def _item(self, row: Row) -> Item:
        request = row.request
        integration_id = row.integration_id or self._integration_id
        if request.operation.integration and integration_id is None:
            raise ValueError(f"integration_id: {request.operation.id} needs one; pass it to the client or in each Row")
        fingerprint = digest(request, integration_id)
        key = row.key or (self._settings.key(request) if self._settings.key else fingerprint)
        return Item(row, RowKey(key, request.operation.id, integration_id or ""), fingerprint, integration_id)

    def _is_to_be_retried(self, entry: Entry) -> bool:
        """A row that Kombo has not seen, since its file was missing, say, may have been mended meanwhile."""
        return self._settings.retry_refused or entry.status_code is None

    async def _send(self, item: Item, entry: Entry) -> Sent:
        options: Options = {**self._settings.options}
        if item.integration_id is not None:
            options["integration_id"] = item.integration_id
        sending = self._applications.sending(item.integration_id) if _is_applying(item) else nullcontext()
        with sending:
            sent = await send(self._kombo, item.row.request, item.key, entry, self._journal, options)
            self._learn(item, sent.entry)
        return sent

    def _learn(self, item: Item, entry: Entry) -> None:
        if _is_applying(item):
            self._applications.learn(item.row.request, entry, item.integration_id)

    def _reconciler(self, doubt: Doubt) -> Reconciler | None:
        """The caller's own reconciler, else ours, else None: what is in doubt then stays so."""
        request = doubt.item.row.request
        if type(request) in self._settings.reconcilers:
            return self._settings.reconcilers[type(request)]
        if _is_applying(doubt.item):
            return self._applications
        return repeat if request.operation.idempotent else None

    async def _look(self, doubt: Doubt) -> Verdict:
        """What the reconciler says; again and again, while it will be able to say more within `settle_wait`."""
        item, entry, reconciler = doubt.item, doubt.entry, self._reconciler(doubt)
        deadline = datetime.now(UTC) + timedelta(seconds=self._settings.settle_wait)
        if entry.digest != item.digest:
            return NotSure("the row has changed since it was sent")
        if reconciler is None:
            return NotSure(f"{_why(entry)}; nothing can look for {item.row.request.operation.id}")
        kombo = self._kombo.for_integration(item.integration_id) if item.integration_id else self._kombo
        while not self._stopped.is_set():
            try:
                verdict = await reconciler(kombo, item.row.request, entry, item.integration_id)
            except Exception as error:  # whatever it is, the row is not lost for it
                logger.warning("looking for a row in doubt failed: %s", type(error).__name__)
                return NotSure(f"{_why(entry)}; looking for it failed: {error}")
            if entry.state == "done" and not isinstance(verdict, Found):
                return NotSure("it does not show yet")  # its ID alone is unknown: not worth a wait
            if not isinstance(verdict, NotSure):
                return verdict
            if verdict.look_again is None:
                return NotSure(f"{_why(entry)}; {verdict.why}")
            if verdict.look_again > deadline:
                when = f"{verdict.look_again:%Y-%m-%d %H:%M} UTC"
                return NotSure(f"{_why(entry)}; {verdict.why}, which can be told after {when}")
            await self._wait(item.key, verdict.look_again)
        return NotSure(f"{_why(entry)}; the run was stopped before it was looked for")

    async def _wait(self, key: RowKey, until: datetime) -> None:
        self.waiting[key] = until
        try:
            with anyio.move_on_after(max(0.01, (until - datetime.now(UTC)).total_seconds())):
                await self._stopped.wait()
        finally:
            del self.waiting[key]

    async def _record(self, doubt: Doubt, **changes: Any) -> Outcome:
        entry = attrs.evolve(doubt.entry, **changes)
        await self._journal.record(doubt.item.key, entry)
        return _outcome(doubt.item, entry, _result(entry), doubt.sent, earlier=doubt.sent is None)


def _is_applying(item: Item) -> bool:
    return item.row.request.operation.id in ("PostAtsCandidates", "PostAtsJobsJobIdApplications")


def _needs_a_look(sent: Sent) -> bool:
    """Whether what came of it is in doubt, or is done but its ID unknown."""
    return sent.entry.state == "in_doubt" or (sent.entry.state == "done" and sent.entry.code == ALREADY_THERE)


def _why(entry: Entry) -> str:
    return entry.message.partition(";")[0] or "its run ended before its answer came"


def _result(entry: Entry) -> Result:
    return "in_doubt" if entry.state == "sending" else entry.state


def _sent_outcome(item: Item, sent: Sent) -> Outcome:
    return _outcome(item, sent.entry, _result(sent.entry), sent)


def _outcome(item: Item, entry: Entry, result: Result, sent: Sent | None = None, *, earlier: bool = False) -> Outcome:
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
