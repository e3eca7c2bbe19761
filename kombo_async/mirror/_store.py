"""Where a mirror keeps its tables, how far it has come, and who works on what: the protocol of all stores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias

import attrs

from kombo_async.mirror._records import Record
from kombo_async.mirror._table import Table

Lane: TypeAlias = Literal["quick", "long", "failing"]
"""Which integrations wait for each other: those that end quickly, those that read much, those that failed last."""


class LeaseLost(Exception):
    """Another process took an integration over, or it was removed: nothing more is written for it by this one."""


@attrs.frozen(kw_only=True)
class Watermark:
    """How far one table of an integration has come."""

    since: datetime | None = None
    """All that changed before this is in the table; None before the first full sync has ended."""
    rewind: datetime | None = None
    """Where to go back to, once, because changes have become visible that are older than the watermark."""
    full_at: datetime | None = None
    """When the last full sync that has ended began, by Kombo's clock."""
    full_wanted: bool = False
    """Whether the next sync has to be a full one."""
    missing_at: datetime | None = None
    """When Kombo last said that the integration has no such list; None if it has."""

    @property
    def reach(self) -> datetime | None:
        """What the next sync has to read from; None for everything."""
        return min(self.since, self.rewind or self.since) if self.since is not None else None


@attrs.frozen(kw_only=True)
class Turn:
    """The right to work on an integration, until its lease ends. What is written with it is *fenced*:

    once another process has taken the integration over, each method that takes a turn raises `LeaseLost`.
    """

    integration_id: str
    fence: int
    """Higher than that of each turn of this integration before."""
    lane: Lane
    told: int
    """How many times the integration has been told of, by webhook."""
    is_told: bool
    """Whether it was told of since the last time that it was brought up to date."""
    models: frozenset[str] | None
    """The models that changed, as told; None for any."""
    failures: int
    """How many times in a row it has failed."""
    category: str | None
    """The kind of system, where known: HRIS, ATS, ASSESSMENT or LMS."""


@attrs.frozen(kw_only=True)
class Ending:
    """How a turn ended."""

    lane: Lane
    """Where to wait from now on."""
    next_in: float
    """Seconds until it is due again, unless it was told of in the meantime: then it is due at once."""
    succeeded: bool = False
    """Whether all that was told of until the turn began has been done."""
    failures: int = 0
    error: str | None = None
    """What went wrong: a code of Kombo's or the name of a class, nothing that could name a person."""


@attrs.frozen(kw_only=True)
class Written:
    """What `Store.write` has changed."""

    inserted: int = 0
    changed: int = 0
    deleted: int = 0
    told: int = 0
    """`Turn.told` as it is now."""


@attrs.frozen(kw_only=True)
class BlindSpot:
    """A field of a table in which a record of another list is nested, whose changes `updated_after` does not see."""

    table: str
    path: str
    model: str
    """The other list, by Kombo's name of its model."""


@attrs.frozen(kw_only=True)
class Stale:
    """A record of another list that changed: records of the table with it at *path* have to be read again."""

    path: str
    id: str
    noted_at: float
    age: float
    """Seconds since it was noted."""
    read: bool
    """Whether they have been read again since; once more is needed when late changes are sure to show."""


@attrs.frozen(kw_only=True)
class Change:
    """One record that was inserted, changed or deleted in a table."""

    position: int
    """Its place in the log, ascending."""
    table: str
    integration_id: str
    id: str
    kind: Literal["inserted", "changed", "deleted"]
    fields: tuple[str, ...]
    """Which fields changed."""
    before: Mapping[str, Any]
    """The values that those fields had."""
    record: Mapping[str, Any] | None
    """The record as it is in the table now; None if it has been deleted since."""
    at: datetime


@attrs.frozen(kw_only=True)
class StoredIntegration:
    """How one integration stands; times are seconds since 1970 by the store's clock."""

    integration_id: str
    lane: Lane
    due_at: float
    told_at: float | None
    """Since when something that it was told of has not been done."""
    looked_at: float | None
    """When it was last brought up to date."""
    failures: int
    error: str | None
    held_by: str | None
    """The process that works on it."""
    now: float
    full_at: datetime | None
    """When the oldest of its last full syncs began; None while a table has had none."""


class Store(Protocol):
    """Keeps records by integration and ID. `SqliteStore` is the default; write one for the database of your app.

    Each method is one transaction, durable when it returns. Any number of processes may use one store at the same time;
    time is the store's. `kombo_async.mirror.testing` has the checks that a store must pass.
    """

    async def open(self, tables: Sequence[Table], *, changes: bool = False) -> None:
        """Make the tables that are not there yet; with *changes*, keep a log of what changes from now on."""
        ...

    async def aclose(self) -> None:
        """Close what `open` opened."""
        ...

    # integrations

    async def add(self, integration_id: str, category: str | None = None) -> None:
        """Keep an integration from now on, due at once; nothing but its *category* changes if it is there."""
        ...

    async def remove(self, integration_id: str) -> None:
        """Remove an integration with its watermarks and all of its records, and end its turn."""
        ...

    async def integrations(self) -> list[StoredIntegration]:
        """The integrations that have been added, by their IDs."""
        ...

    async def tell(self, integration_id: str, models: frozenset[str] | None = None) -> None:
        """Note that *models* (None: any) changed, which makes an integration due at once; unknown ones are ignored."""
        ...

    async def tell_all(self, seconds: float) -> None:
        """Make all integrations that nobody has looked at for *seconds* due."""
        ...

    async def rewind(self, integration_id: str, since: datetime) -> None:
        """Set `rewind` of all tables which have a watermark to *since*, unless it is earlier already."""
        ...

    # turns

    async def claim(self, owner: str, places: Mapping[Lane, int], seconds: float) -> list[Turn]:
        """Turns of integrations that are due and free, at most so many of each lane, leased to *owner* for *seconds*.

        First those that were told of, longest ago first; then those that are longest due.
        """
        ...

    async def take(self, owner: str, integration_id: str, seconds: float) -> Turn | None:
        """The turn of one integration, due or not; None while another process has it."""
        ...

    async def renew(self, owner: str, seconds: float) -> Mapping[str, int]:
        """Prolong all turns of *owner*; the fences of those that it still has, by integration."""
        ...

    async def release(self, turn: Turn, ending: Ending) -> None:
        """End a turn. Nothing happens if it is over."""
        ...

    # syncs

    async def watermarks(self, integration_id: str) -> Mapping[str, Watermark]:
        """How far the tables of an integration have come, by their names."""
        ...

    async def begin(self, turn: Turn, table: Table, *, full: bool) -> Watermark:
        """Begin a sync, and say how far the table has come; a watermark of another question is forgotten."""
        ...

    async def write(
        self,
        turn: Turn,
        table: Table,
        records: Sequence[Record],
        deleted: Sequence[str],
        *,
        full: bool = False,
        blind_spots: Sequence[BlindSpot] = (),
    ) -> Written:
        """Put in or replace *records*, remove those *deleted*; skip what has not changed.

        *full* says that a full sync of the table is under way: it notes that they are there.
        For each of *blind_spots*, the records that changed are noted as stale.
        """
        ...

    async def unseen(self, turn: Turn, table: Table, after: str, limit: int) -> list[str]:
        """IDs above *after* of records that the full sync under way has not met, ascending."""
        ...

    async def finish(self, turn: Turn, table: Table, before: Watermark, after: Watermark, *, full: bool) -> None:
        """End a sync: set all of *after* but `rewind`, which becomes None unless it is no longer as *before*."""
        ...

    # what updated_after does not see

    async def want_full(self, turn: Turn, table: str) -> None:
        """Have the table's next sync be a full one."""
        ...

    async def stale(self, turn: Turn, table: Table, limit: int) -> list[Stale]:
        """What makes records of the table stale."""
        ...

    async def nesting(self, turn: Turn, table: Table, path: str, ids: Sequence[str], limit: int) -> list[str]:
        """IDs of the records with one of *ids* at *path*: an object or a list of objects, within others or not."""
        ...

    async def settle(self, turn: Turn, table: Table, stale: Sequence[Stale], *, done: bool) -> None:
        """Remove *stale* if *done*, else note that they were read; those noted again since then stay."""
        ...

    # the log of changes

    async def subscribe(self, subscriber: str, owner: str, seconds: float) -> int | None:
        """Lease the place of a subscriber in the log to *owner*, or prolong it; None while another has it."""
        ...

    async def changes(self, after: int, limit: int) -> list[Change]:
        """The log above a position, in order: what is in it once can never be preceded by more."""
        ...

    async def acknowledge(self, subscriber: str, owner: str, position: int) -> None:
        """Note how far a subscriber has come. Raises `LeaseLost` if *owner* is no longer the one who reads for it."""
        ...

    async def prune(self, seconds: float) -> None:
        """Remove from the log what all subscribers have had, and what is older than *seconds*."""
        ...
