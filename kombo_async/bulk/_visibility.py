"""How soon what was done shows in Kombo's copy: learned from rows that surely were done.

A request that has left is done within some time or not at all, and what is done shows some time after that. Neither
time is published, but each answer tells how long Kombo took, and each done row that shows tells how far the copy is
behind at most. From these follows how old a row in doubt that does not show must be to be surely not there.
"""

from __future__ import annotations

from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import anyio
import attrs

from kombo_async.bulk._candidates import candidates_by_email
from kombo_async.bulk._journal import Entry

if TYPE_CHECKING:
    from kombo_async.client import AsyncKomboClient

AT_LEAST = timedelta(seconds=30)
"""No row is sent again sooner than this after it was sent: some systems are slow now and then."""
LOOK_EVERY = timedelta(seconds=1)
TIMES_SLOWER = 10
"""A row in doubt may take so many times as long as the slowest that was answered."""
TIMES_LATER = 2
"""And show so many times as late as the copy was behind, at most, when it was looked at."""


@attrs.frozen
class _Done:
    """A row that was surely done."""

    email: str
    ids: frozenset[str]
    sent: datetime


@attrs.define
class Visibility:
    """What was learned of one integration."""

    under_way: int = 0
    """How many rows are being sent: more will be learned from them."""
    _slowest: timedelta | None = None
    _behind: timedelta | None = None
    _newest: _Done | None = None
    """The done row that was sent last, until it has shown."""
    _last_sent: datetime | None = None
    _looked: datetime | None = None
    _looking: anyio.Lock = attrs.field(factory=anyio.Lock)

    def learn(self, email: str, entry: Entry) -> None:
        """Take in what became of a row."""
        sent, finished = entry.last_sent, entry.finished
        if entry.state not in ("done", "in_doubt") or entry.found or sent is None or finished is None:
            return  # no answer, or one that says nothing of how long the work takes
        self._slowest = max(self._slowest or timedelta(), finished - sent)
        if entry.state == "done" and entry.ids and (self._last_sent is None or sent > self._last_sent):
            self._last_sent = sent
            self._newest = _Done(email, frozenset(entry.ids.values()), sent)

    @property
    def next_look(self) -> datetime | None:
        """When looking again may teach more, None where there is nothing to look for."""
        now = datetime.now(UTC)
        if self._newest is None:
            return now + LOOK_EVERY if self.under_way else None
        return now + max(LOOK_EVERY, now - self._newest.sent)

    async def sure_after(self, kombo: AsyncKomboClient) -> timedelta | None:
        """How long after it was sent a row that does not show is surely not there; None where that is not known (yet).

        Raises `KomboError` where looking fails.
        """
        async with self._looking:
            now = datetime.now(UTC)
            if self._newest is not None and (self._looked is None or now - self._looked > LOOK_EVERY):
                await self._look(kombo, self._newest)
                self._looked = now
        if self._slowest is None or self._behind is None:
            return None
        return max(AT_LEAST, TIMES_SLOWER * self._slowest, TIMES_LATER * self._behind)

    async def _look(self, kombo: AsyncKomboClient, newest: _Done) -> None:
        if await _shows(kombo, newest):
            behind = datetime.now(UTC) - newest.sent
            self._behind = behind if self._behind is None else min(self._behind, behind)
            if self._newest is newest:
                self._newest = None


async def _shows(kombo: AsyncKomboClient, done: _Done) -> bool:
    async with aclosing(candidates_by_email(kombo, done.email)) as candidates:
        async for candidate in candidates:
            ids = {candidate.id, *(each.id for each in candidate.applications or ())}
            if not done.ids.isdisjoint(ids):
                return True
    return False
