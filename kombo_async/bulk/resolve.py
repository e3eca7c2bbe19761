"""Settle rows in doubt by hand: a person has looked in the connected system, and says what is there.

::

    async with open_doubts("upload.journal") as doubts:
        async for doubt in doubts:
            print(doubt.key, doubt.about, doubt.why, doubt.found)
        await doubts.found("5f3a", "HPEb3Vx8ZTGmBcyoUiqBBiTw")     # it was done: this is its ID
        await doubts.send_again("9c01")                            # it was not done: the next run sends it
        await doubts.give_up("b7e2")                               # leave it; it is never sent again

`kombo-async resolve` does the same from a terminal.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import attrs

from kombo_async.bulk._journal import Entry, Journal, JournalError, Match, RowKey, without_people
from kombo_async.bulk._words import joined
from kombo_async.bulk.sqlite import SqliteJournal

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
        """The row's key. Its first characters are enough if they are unique."""
        return self.row_key.key

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

    async def get(self, key: str) -> Doubt:
        """The row with this key or a key that begins like this. Raises `UnknownDoubt`."""
        doubts = [doubt async for doubt in self if doubt.key.startswith(key)]
        exact = [doubt for doubt in doubts if doubt.key == key]
        if not doubts:
            raise UnknownDoubt(f"no row in doubt has the key {key!r}")
        if len(exact or doubts) > 1:
            raise UnknownDoubt(
                f"{len(exact or doubts)} rows in doubt have keys that begin with {key!r}: give more of the key"
            )
        return (exact or doubts)[0]

    async def found(self, key: str, id: str) -> Doubt:
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

    async def send_again(self, key: str) -> Doubt:
        """The row was not done: the next run sends it. Raises `UnknownDoubt`."""
        doubt = await self.get(key)
        entry = attrs.evolve(doubt.entry, state="unsent", found=(), message="").at_times_of(_NEVER)
        await self._record(doubt, entry)
        return attrs.evolve(doubt, entry=entry)

    async def give_up(self, key: str) -> Doubt:
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
