"""One row's path through a bulk run: claimed, sent, and settled if in doubt."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Hashable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

import anyio
import attrs

from kombo_async._chain.server_clock import ServerClock
from kombo_async._codec.encode import check_header
from kombo_async._machine_faults import machine_fault
from kombo_async.bulk._doubts import Doubts
from kombo_async.bulk._gate import Gate
from kombo_async.bulk._identity import digest, shows_of, subject_of
from kombo_async.bulk._item import Doubt, Held, Item, outcome_of
from kombo_async.bulk._journal import Claim, Entry, Journal, JournalError, RowKey, without_people
from kombo_async.bulk._outcome import Outcome, Row
from kombo_async.bulk._reconcile import Reconciler, Repeatable
from kombo_async.bulk._sending import NotNow, RecordedAttempts, Sent, send
from kombo_async.bulk._settings import Settings
from kombo_async.bulk._waiting import wait_until
from kombo_async.bulk._words import in_words
from kombo_async.errors import InputFault, InvalidInput, KomboError
from kombo_async.options import Options
from kombo_async.request import Request

if TYPE_CHECKING:
    from kombo_async.client import AsyncKomboClient

HELD_POLL = 0.5
"""Seconds between two checks on a row that another run holds."""
OTHER_SUBJECT = "key: this key belongs to another person or job in the journal; give each its own key"
OTHER_DETAILS = "it was sent earlier with different details, which Kombo has; these were not sent"
_REPEATABLE = Repeatable()


class Rows:
    """What each worker of a bulk run does with a row."""

    def __init__(
        self,
        kombo: AsyncKomboClient,
        integration_id: str | None,
        journal: Journal,
        settings: Settings,
        clock: ServerClock,
        stopped: anyio.Event,
    ) -> None:
        self._clock = clock
        self._kombo = kombo
        self._integration_id = settings.options.get("integration_id") or integration_id
        self._journal = journal
        self._settings = settings
        self._stopped = stopped
        self._gates: dict[str | None, Gate] = {}
        self._met: dict[RowKey, Item] = {}
        """The rows in progress."""
        self._subjects = Counter[str]()
        """The subjects of the rows that are being sent."""
        self.doubts: Doubts = Doubts(self._kombo, journal, settings, self._clock, stopped, self._subjects)
        self.on_gate_change: Any = lambda: None
        self._sends = anyio.Event()
        """Set when the first row is about to be sent."""

    def lane_of(self, row: Row) -> Hashable:
        """Rows of one lane wait for the same places: those of their integration."""
        return (row.integration_id or self._integration_id) if row.request.operation.action else ""

    def is_busy(self, lane: Hashable, under_way: int) -> bool:
        """Whether more rows of a lane would have to wait."""
        if lane == "":
            return False
        gate = self._gate(lane)  # type: ignore[arg-type]
        return under_way >= gate.limit or (gate.is_waiting() and under_way > 0)

    async def begin(self, row: Row) -> Outcome | Doubt | Held:
        """Send *row* unless an earlier run has settled it or left it in doubt."""
        try:
            item = self._item(row)
        except (JournalError, KomboError):
            raise
        except Exception as error:  # from the request or the caller's `key`: without a key it cannot be sent
            if machine_fault(error) is not None:
                raise
            return _unknown(row, self._integration_id, _without_its_text(error))
        under_way = self._met.get(item.key)
        if under_way is not None:
            return _met(item, under_way.entry)
        self._met[item.key] = item
        try:
            return await self._begin(item)
        finally:
            del self._met[item.key]

    async def settle(self, doubt: Doubt) -> Outcome:
        """Search, and send again what is certainly not there; the rest stays in doubt."""
        sends = 0
        while True:
            verdict = await self.doubts.settle(doubt, self._reconciler(doubt.item.row.request), sends)
            if isinstance(verdict, Outcome):
                return verdict
            outcome = await self._send(doubt.item, verdict, doubt.sent)
            if isinstance(outcome, Outcome):
                return outcome
            doubt, sends = outcome, sends + 1

    async def again(self, held: Held) -> Outcome | Doubt | Held:
        """Try again to claim a row that another run held."""
        if self._clock.clock.time() < held.next_try:
            await wait_until(self._clock.clock, held.next_try, self._stopped)
        if self._stopped.is_set() or self._clock.clock.time() >= held.until:
            entry = attrs.evolve(held.entry, message="another live run has this row")
            return outcome_of(held.item, entry, "held", earlier=True)
        outcome = await self.begin(held.item.row)
        return attrs.evolve(outcome, until=held.until) if isinstance(outcome, Held) else outcome

    def can_look(self, doubt: Doubt) -> bool:
        """Whether there is a reconciler for the row."""
        return self._reconciler(doubt.item.row.request) is not None

    def _item(self, row: Row) -> Item:
        request = row.request
        integration_id = row.integration_id or self._integration_id
        if row.integration_id:
            check_header("integration_id", row.integration_id)
        if request.operation.integration and not integration_id:
            raise InvalidInput(InputFault("integration_id", "is missing; pass it to the client or in the Row"))
        reconciler = self._reconciler(request)
        identity = reconciler.identity(request) if reconciler else None
        subject = subject_of(identity, integration_id) if identity else ""
        details = digest(request, integration_id)
        key = row.key if row.key is not None else self._settings.key(request) if self._settings.key else None
        row_key = RowKey(
            _checked_key(key) if key is not None else subject or details,
            identity.kind if identity else request.operation.id,
            integration_id or "",
        )
        entry = Entry(
            state="unsent",
            digest=details,
            subject=subject,
            shows=shows_of(identity) if identity else "",
            about=identity.about if identity else "",
            row=str(row.tag) if isinstance(row.tag, str | int) else "",
        )
        return Item(row, row_key, entry, integration_id, identity)

    async def _begin(self, item: Item) -> Outcome | Doubt | Held:
        claim = await self._journal.claim(item.key)
        entry = claim.entry
        if claim.status == "held":
            now = self._clock.clock.time()
            return Held(item, entry or item.entry, next_try=now + HELD_POLL, until=now + self._settings.settle_wait)
        if claim.status == "met":
            return _met(item, entry)
        if entry is not None and entry.subject and item.entry.subject and entry.subject != item.entry.subject:
            await self._journal.release(item.key)
            return outcome_of(item, attrs.evolve(item.entry, state="refused", message=OTHER_SUBJECT), "refused")
        return await self._go_on(item, claim)

    async def _go_on(self, item: Item, claim: Claim) -> Outcome | Doubt:
        entry = claim.entry
        if entry is None or entry.state == "unsent":
            return await self._send(item, self._to_send(item, entry), None, is_new=entry is None)
        if entry.is_unfinished:
            return Doubt(item, entry)
        changed = entry.digest != item.entry.digest
        if entry.state == "refused" and (changed or self._is_to_be_retried(entry)):
            return await self._send(item, self._to_send(item, entry), None)
        await self._journal.release(item.key)
        if entry.state == "given_up":
            return outcome_of(item, entry, "refused", earlier=True)
        if entry.state == "done" and changed:
            return outcome_of(item, attrs.evolve(entry, message=OTHER_DETAILS), "changed", earlier=True)
        return outcome_of(item, entry, entry.state, earlier=True)  # type: ignore[arg-type]

    def _to_send(self, item: Item, before: Entry | None) -> Entry:
        """The entry to send a row with, including the earliest time that it may have been done."""
        return item.entry if before is None else item.entry.at_times_of(before)

    def _is_to_be_retried(self, entry: Entry) -> bool:
        """A row that Kombo has not seen (its file was missing, for example) may have been fixed in the meantime."""
        return self._settings.retry_refused or entry.status_code is None

    async def _send(self, item: Item, entry: Entry, before: Sent | None, *, is_new: bool = False) -> Outcome | Doubt:
        gate = self._gate(item.integration_id)
        await self._ask_for_the_time()
        self._subjects[entry.subject] += 1
        try:
            sent = await self._send_through(gate, item, entry)
        finally:
            gate.leave(item.key)
            self._subjects[entry.subject] -= 1
            if not self._subjects[entry.subject]:
                del self._subjects[entry.subject]
        if isinstance(sent, str):
            return await self._leave_unsent(item, entry, sent, is_new=is_new)
        if sent.entry.state == "in_doubt":
            return Doubt(item, sent.entry, sent)
        return outcome_of(item, sent.entry, sent.entry.state, sent)  # type: ignore[arg-type]

    async def _send_through(self, gate: Gate, item: Item, entry: Entry) -> Sent | str:
        """Send the row once its integration accepts requests; returns why it does not, if so."""
        options: Options = {**self._settings.options}
        if item.integration_id is not None:
            options["integration_id"] = item.integration_id
        request = item.row.request
        while not self._stopped.is_set():
            if not gate.enter(item.key):
                if (why := gate.why_shut()) and not gate.is_waiting():
                    return why
                await gate.changed()
                continue
            step = RecordedAttempts(self._journal, item.key, entry, gate, self._clock)
            try:
                return await send(self._kombo, request, self._reconciler(request), step, options)
            except NotNow:
                continue
        return "the run was stopped before it was sent"

    async def _leave_unsent(self, item: Item, entry: Entry, why: str, *, is_new: bool) -> Outcome:
        entry = attrs.evolve(entry, state="unsent", message=why)
        if is_new:
            await self._journal.release(item.key)
        else:
            await self._journal.record(item.key, without_people(entry))
        return outcome_of(item, entry, "unsent")

    async def tell_the_time(self) -> None:
        """Learn the server's time more exactly while rows are being sent: the entries of a run that dies need it."""
        await self._sends.wait()
        with suppress(Exception):  # the rows meet the same error, and report it
            await self._clock.narrow(self._kombo)

    async def _ask_for_the_time(self) -> None:
        """Learn the server's time before the first row is sent: the entries of a run that dies need it."""
        if self._journal.durable:
            await self._clock.ask(self._kombo)
            self._sends.set()

    def _gate(self, integration_id: str | None) -> Gate:
        gate = self._gates.get(integration_id)
        if gate is None:
            gate = self._gates[integration_id] = Gate(self._clock.clock, lambda: self.on_gate_change())
        return gate

    def _reconciler(self, request: Request[Any]) -> Reconciler | None:
        """The reconciler by class, nearest first; repeatable requests need none. With None, rows in doubt stay so."""
        for cls in type(request).__mro__:
            if cls in self._settings.reconcilers:
                return self._settings.reconcilers[cls]
        return _REPEATABLE if request.operation.idempotent else None


def _checked_key(key: object) -> str:
    if not isinstance(key, str):
        raise InvalidInput(InputFault("key", f"must be text, not {type(key).__name__}"))
    if not key:
        raise InvalidInput(InputFault("key", "must not be empty"))
    try:
        key.encode()
    except UnicodeEncodeError:
        raise InvalidInput(InputFault("key", "must be valid Unicode")) from None
    if "\0" in key:  # where SQLite's JSON functions end a text
        raise InvalidInput(InputFault("key", "must not contain null characters"))
    return key


def _without_its_text(error: Exception) -> InvalidInput:
    """The error of a row that cannot be identified. Only ours may be quoted: others may name people."""
    if isinstance(error, InvalidInput):
        return error
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {frames[-1].name}, line {frames[-1].lineno}" if frames else ""
    return InvalidInput(InputFault("", f"the row cannot be identified: {type(error).__name__}{where}"))


def _met(item: Item, entry: Entry | None) -> Outcome:
    """The outcome of a row whose key came before in this run."""
    mine = item.entry
    if entry is not None and entry.subject and mine.subject and entry.subject != mine.subject:
        return outcome_of(item, attrs.evolve(mine, state="refused", message=OTHER_SUBJECT), "refused")
    result: Literal["duplicate", "changed"] = "duplicate"
    if entry is not None and entry.digest and entry.digest != mine.digest:
        result = "changed"
    message = OTHER_DETAILS if result == "changed" else "duplicate of an earlier row in this run"
    return outcome_of(item, attrs.evolve(entry or mine, message=message), result, earlier=True)


def _unknown(row: Row, integration_id: str | None, error: Exception) -> Outcome:
    """The outcome of a row whose key cannot be determined."""
    return Outcome(
        key=row.key if isinstance(row.key, str) else "",
        request=row.request,
        integration_id=row.integration_id or integration_id,
        tag=row.tag,
        result="refused",
        error=error,
        entry=Entry(state="refused", digest="", message=in_words(error)),
    )
