"""Settle rows in doubt by hand: a person has looked in the connected system, and says what is there.

::

    async with open_doubts("upload.journal") as doubts:
        async for doubt in doubts:
            print(doubt.key, doubt.about, doubt.why, doubt.found)    # the methods take a doubt or its key
        await doubts.found("5f3a", "HPEb3Vx8ZTGmBcyoUiqBBiTw")     # it was done: this is its ID
        await doubts.send_again("9c01")                            # it was not done: the next run sends it
        await doubts.give_up("b7e2")                               # leave it; it is never sent again

`kombo-async resolve` does the same from a terminal.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import attrs

from kombo_async.bulk._journal import Entry, Journal, JournalError, Match, RowKey, without_people
from kombo_async.bulk._words import joined
from kombo_async.bulk.sqlite import SqliteJournal

SHORT = 12
"""How many characters of a digest to show."""
ENOUGH = 4
"""How many characters of a digest name a row, at least."""
_DIGEST = re.compile("[0-9a-f]{32}")
_NEVER = Entry(state="unsent", digest="")


class UnknownDoubt(LookupError):
    """No row in doubt has this key, or several do."""


@attrs.frozen
class Doubt:
    """A row in doubt."""

    row_key: RowKey
    entry: Entry = attrs.field(repr=False)

    @property
    def key(self) -> str:
        """The row's key."""
        return self.row_key.key

    @property
    def short_key(self) -> str:
        """Enough of the key to name the row: all of it if it is your own key."""
        return self.key[:SHORT] if _DIGEST.fullmatch(self.key) else self.key

    @property
    def name(self) -> str:
        """Its key with its integration and kind, which together are unique."""
        return "@".join(filter(None, (self.key, self.row_key.integration_id, self.row_key.kind)))

    @property
    def integration_id(self) -> str | None:
        """The integration that it is for."""
        return self.row_key.integration_id or None

    @property
    def about(self) -> str:
        """A description for people; empty if the journal has none."""
        return self.entry.about

    @property
    def row(self) -> str:
        """The row's tag, such as its number in the file."""
        return self.entry.row

    @property
    def sent(self) -> datetime | None:
        """When it was last sent, by the server's clock."""
        return self.entry.last_sent

    @property
    def why(self) -> str:
        """Why it is in doubt."""
        return self.entry.message or "its run ended before the response came"

    @property
    def found(self) -> tuple[Match, ...]:
        """Possible matches, and why they are not certain."""
        return self.entry.found

    @property
    def log_url(self) -> str | None:
        """The page of Kombo's dashboard that shows the call, if the response named one."""
        return self.entry.log_url


class Doubts:
    """The rows of a journal that are in doubt, to iterate over and settle."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def __aiter__(self) -> AsyncIterator[Doubt]:
        async for key, entry in self._journal.unfinished():
            yield Doubt(key, entry)

    async def get(self, key: str | Doubt) -> Doubt:
        """The row with this key, if it is still in doubt. Raises `UnknownDoubt`.

        The beginning of a key is enough, except for your own keys: "1" is not the beginning of "10". If rows of
        several integrations or kinds have the same key, `Doubt.name` is what tells them apart.
        """
        if isinstance(key, Doubt):
            key = key.name
        doubts = [doubt async for doubt in self if key in (doubt.key, doubt.name) or _begins(doubt, key)]
        exact = [doubt for doubt in doubts if key in (doubt.key, doubt.name)] or doubts
        if not doubts:
            raise UnknownDoubt(f"no row in doubt has the key {key!r}")
        if len({doubt.key for doubt in exact}) > 1:
            raise UnknownDoubt(f"{len(exact)} rows in doubt have keys that begin with {key!r}: give more of the key")
        if len(exact) > 1:
            names = ", ".join(sorted(doubt.name for doubt in exact))
            raise UnknownDoubt(f"{len(exact)} rows in doubt have the key {exact[0].key!r}: give one of {names}")
        return exact[0]

    async def found(self, key: str | Doubt, id: str) -> Doubt:
        """The row is done: *id* is what was created for it.

        Raises `UnknownDoubt`, and `ValueError` if another row of the journal is known to have created that.
        """
        if not id.strip():
            raise ValueError("found: must be the ID of what was created")
        doubt = await self.get(key)
        ids = next((each.ids for each in doubt.found if id in each.ids.values()), {"id": id})
        entry = attrs.evolve(doubt.entry, state="done", proof="person", ids=ids, message="")
        if not await self._record(doubt, entry):
            raise ValueError(f"found: {id} was created by another row of this journal")
        return attrs.evolve(doubt, entry=entry)

    async def send_again(self, key: str | Doubt) -> Doubt:
        """The row was not done: the next run sends it. Raises `UnknownDoubt`."""
        doubt = await self.get(key)
        entry = attrs.evolve(doubt.entry, state="unsent", found=(), message="").at_times_of(_NEVER)
        await self._record(doubt, entry)
        return attrs.evolve(doubt, entry=entry)

    async def give_up(self, key: str | Doubt) -> Doubt:
        """Leave the row: it is never sent again, and no longer in doubt. Raises `UnknownDoubt`."""
        doubt = await self.get(key)
        entry = attrs.evolve(doubt.entry, state="given_up", message=joined("given up by hand", doubt.why))
        await self._record(doubt, entry)
        return attrs.evolve(doubt, entry=entry)

    async def _record(self, doubt: Doubt, entry: Entry) -> bool:
        claim = await self._journal.claim(doubt.row_key)
        if claim.status == "held":
            raise JournalError(f"the row {doubt.key!r} is being worked on by a run; wait until it ends")
        written = await self._journal.record(doubt.row_key, without_people(entry))
        if not written:
            await self._journal.release(doubt.row_key)
        return written


def _begins(doubt: Doubt, text: str) -> bool:
    """Whether *text* is the beginning of the row's key, and enough of it."""
    return len(text) >= ENOUGH and doubt.key.startswith(text) and doubt.short_key != doubt.key


@asynccontextmanager
async def open_doubts(journal: Journal | str | os.PathLike[str], *, job: str | None = None) -> AsyncGenerator[Doubts]:
    """Open the rows in doubt of a journal: in a SQLite file, in Redis (its URL, with *job*), or a `Journal`.

    Raises `JournalError` if it does not exist or a run is using it.
    """
    opened = _journal(journal, job)
    await opened.open(None)
    try:
        yield Doubts(opened)
    finally:
        await opened.aclose()


def _journal(journal: Journal | str | os.PathLike[str], job: str | None) -> Journal:
    if not isinstance(journal, str | os.PathLike):
        return journal
    if str(journal).startswith(("redis://", "rediss://", "unix://")):
        from kombo_async.bulk.redis import RedisJournal  # needs the extra [redis]

        if job is None:
            raise JournalError("job: a Redis can hold the journals of many jobs; name one")
        return RedisJournal(str(journal), job=job)
    return SqliteJournal(journal)
