"""Settle rows in doubt: by what is found, or by proof that nothing was done. Nothing else counts."""

from __future__ import annotations

import inspect
import logging
from collections import Counter
from collections.abc import Awaitable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import anyio
import attrs

from kombo_async._chain.server_clock import ServerClock
from kombo_async._machine_faults import machine_fault
from kombo_async.bulk._item import Doubt, outcome_of
from kombo_async.bulk._journal import Entry, Journal, JournalError, RowKey, without_people
from kombo_async.bulk._outcome import Outcome
from kombo_async.bulk._reconcile import LONGEST_ACTION, Found, Look, NotSure, NotThere, Reconciler, Verdict
from kombo_async.bulk._settings import Settings
from kombo_async.bulk._waiting import wait_until
from kombo_async.bulk._words import joined
from kombo_async.errors import KomboError

if TYPE_CHECKING:
    from kombo_async.client import AsyncKomboClient

logger: logging.Logger = logging.getLogger("kombo_async.bulk")

ROUNDS = 3
"""How often a row is searched for and sent again, at most, if each sending ends in doubt."""
SYNCED_WITHIN = 60.0
"""Seconds that a call of `synced_since` may take. After one that took longer, the next must return at once."""
RIVAL = "another row for the same person and job is being sent"
UNPROVEN = "it was not found, which proves nothing: it may still be in progress, or Kombo's copy may be behind"


class _TooSlow(Exception):
    """A function that the caller passed took too long."""


class Doubts:
    """What a bulk run does with a row in doubt."""

    def __init__(
        self,
        kombo: AsyncKomboClient,
        journal: Journal,
        settings: Settings,
        clock: ServerClock,
        stopped: anyio.Event,
        being_sent: Counter[str],
    ) -> None:
        self._kombo = kombo
        self._journal = journal
        self._settings = settings
        self._clock = clock
        self._stopped = stopped
        self._being_sent = being_sent
        self._waiting: dict[RowKey, float] = {}
        self._patience = SYNCED_WITHIN
        """Seconds that the next answer of `synced_since` may take."""

    @property
    def waiting(self) -> Mapping[RowKey, float]:
        """The rows that wait for `resend_after` to pass, and until when on the client's clock."""
        return MappingProxyType(self._waiting)

    async def settle(self, doubt: Doubt, reconciler: Reconciler | None, sends: int) -> Outcome | Entry:
        """The outcome of the row; or the entry to send it again with, if it was definitely not done.

        *sends* is how often this has returned the latter already.
        """
        if sends >= ROUNDS:
            return await self._keep(doubt, NotSure(f"it was sent {sends + 1} times, and is still in doubt"))
        verdict = await self._verdict(doubt, reconciler)
        if isinstance(verdict, Found):
            return await self._done(doubt, verdict)
        if isinstance(verdict, NotSure):
            return await self._keep(doubt, verdict)
        # What was sent so far was not done: only what is created from now on can be the row's.
        return attrs.evolve(doubt.item.entry, last_sent=self._timed(doubt).last_sent)

    async def _done(self, doubt: Doubt, verdict: Found) -> Outcome:
        entry = attrs.evolve(
            self._timed(doubt),
            state="done",
            proof="look",
            ids=verdict.match.ids,
            found=(verdict.match,),
            message="",
            finished=self._clock.earliest(self._clock.clock.time()),
        )
        if not await self._journal.record(doubt.item.key, without_people(entry)):
            match = attrs.evolve(verdict.match, why="it belongs to another row")
            return await self._keep(doubt, NotSure("the record that was found belongs to another row", (match,)))
        changed = entry.digest != doubt.item.entry.digest
        return outcome_of(doubt.item, entry, "changed" if changed else "done", doubt.sent, earlier=doubt.sent is None)

    async def _keep(self, doubt: Doubt, verdict: NotSure) -> Outcome:
        message = joined(_why(doubt.entry), verdict.why)
        entry = attrs.evolve(self._timed(doubt), state="in_doubt", message=message, found=tuple(verdict.found))
        await self._journal.record(doubt.item.key, entry)
        return outcome_of(doubt.item, entry, "in_doubt", doubt.sent, earlier=doubt.sent is None)

    async def _verdict(self, doubt: Doubt, reconciler: Reconciler | None) -> Verdict:
        """The search's verdict, with `NotThere` only if proven; waits for proof if it can come within `settle_wait`."""
        item, entry = doubt.item, doubt.entry
        if reconciler is None:
            return NotSure(f"no reconciler can look for {item.row.request.operation.id}")
        if entry.digest != item.entry.digest and entry.shows != item.entry.shows:
            return NotSure("the row has changed since it was sent, so what to look for is no longer known")
        if self._being_sent[entry.subject] and entry.subject:
            return NotSure(RIVAL)
        deadline = self._clock.clock.time() + self._settings.settle_wait
        while not self._stopped.is_set():
            try:
                await self._clock.ask(self._kombo)
                proven = await self._is_surely_over(item.integration_id, self._timed(doubt), doubt)
                verdict = await self._looked(doubt, reconciler)
            except JournalError:
                raise
            except Exception as error:  # whatever it is, the row must not get lost
                if (fault := machine_fault(error)) is not None:
                    raise fault from None
                logger.warning("looking for a row in doubt failed: %s", type(error).__name__)
                return NotSure(f"looking for it failed: {_reason(error)}")
            if isinstance(verdict, Found) and await self._has_rival(doubt):
                return NotSure(RIVAL, (verdict.match,))
            if not isinstance(verdict, NotThere) or proven:
                return verdict
            until = self._when_over(doubt)
            if until is None or until > deadline:
                return NotSure(UNPROVEN)
            await self._wait(item.key, until)
        return NotSure("the run was stopped before it was settled")

    async def _has_rival(self, doubt: Doubt) -> bool:
        """Whether another run is sending a row for the same person and job: what was found may be that row's."""
        key, subject = doubt.item.key, doubt.item.entry.subject
        if not subject or key.key == subject:  # by default, that would be the same row
            return False
        rivals = [
            other
            async for other, entry in self._journal.unfinished()
            if other != key and entry.state == "sending" and entry.subject == subject
        ]
        return bool(rivals)

    async def _looked(self, doubt: Doubt, reconciler: Reconciler) -> Verdict:
        """What a search says; searches once more if that depends on how exactly the time of sending is known."""
        look = self._look(doubt)
        verdict = await reconciler.look(look)
        if not isinstance(verdict, NotSure) or not any(look.is_close(each.created) for each in verdict.found):
            return verdict
        await self._clock.narrow(self._kombo)
        exact = self._look(doubt)
        return verdict if exact.entry == look.entry else await reconciler.look(exact)

    def _look(self, doubt: Doubt) -> Look:
        item = doubt.item
        return Look(
            kombo=self._kombo.for_integration(item.integration_id) if item.integration_id else self._kombo,
            request=item.row.request,
            identity=item.identity,
            integration_id=item.integration_id,
            entry=self._timed(doubt),
            owners=partial(self._owners, item.key),
        )

    async def _owners(self, this: RowKey, ids: Sequence[str]) -> Mapping[str, RowKey]:
        """The rows that these IDs prove, without *this*, which a run that was held up may have settled."""
        return {id: key for id, key in (await self._journal.owners(ids)).items() if key != this}

    def _timed(self, doubt: Doubt) -> Entry:
        """The entry with the server's times filled in, now that they are known."""
        entry, moments = doubt.entry, doubt.sent.moments if doubt.sent else None
        if entry.last_sent is None:
            # An earlier run sent it, so before now.
            entry = attrs.evolve(entry, last_sent=self._clock.latest(moments[1] if moments else self._now()))
        if doubt.sent is None or moments is None or not doubt.sent.is_first:
            return entry
        first, by = self._clock.bounds(moments[0], entry.first_sent, entry.first_sent_by)
        return attrs.evolve(entry, first_sent=first, first_sent_by=by)

    async def _is_surely_over(self, integration_id: str | None, entry: Entry, doubt: Doubt) -> bool:
        """Whether a created record would show by now, by the caller's word or because of a later sync."""
        until = self._when_over(doubt)
        if until is not None and self._now() >= until:
            return True
        if self._settings.synced_since is None or entry.last_sent is None:
            return False
        answer: Any = self._settings.synced_since(integration_id, entry.last_sent + LONGEST_ACTION)
        if inspect.isawaitable(answer):
            answer = await self._within_time(answer)
        return answer is True  # the text "no" would be truthy, too; without proof nothing is sent again

    async def _within_time(self, answer: Awaitable[object]) -> object:
        """The result of *answer*. Raises `_TooSlow` if that takes too long."""
        clock = self._clock.clock
        with clock.until(clock.time() + self._patience):
            return await answer
        self._patience = 0.0
        raise _TooSlow(f"synced_since: did not return within {SYNCED_WITHIN:.0f} seconds")

    def _when_over(self, doubt: Doubt) -> float | None:
        """When `resend_after` has certainly passed, on the client's clock; None if never."""
        after = self._settings.resend_after
        if after is None:
            return None
        if doubt.sent is not None and doubt.sent.moments is not None:
            return doubt.sent.moments[1] + after.total_seconds()
        last = self._timed(doubt).last_sent
        now = self._clock.earliest(self._now())
        if last is None or now is None:  # no server time is known: only a wait of zero is over
            return self._now() if after == timedelta() else None
        return self._now() + (after - (now - last)).total_seconds()

    async def _wait(self, key: RowKey, until: float) -> None:
        self._waiting[key] = until
        try:
            await wait_until(self._clock.clock, until, self._stopped)
        finally:
            del self._waiting[key]

    def _now(self) -> float:
        return self._clock.clock.time()


def _reason(error: Exception) -> str:
    """Why a search failed. Only our own errors are quoted: others may name people."""
    return str(error) if isinstance(error, KomboError | _TooSlow) else type(error).__name__


def _why(entry: Entry) -> str:
    return entry.message.partition("; ")[0] or "its run ended before the response came"
