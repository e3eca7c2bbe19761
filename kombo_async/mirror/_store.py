"""The protocol of stores: where a mirror keeps its tables, its progress, and who works on what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias

import attrs

from kombo_async.mirror._records import Record
from kombo_async.mirror._table import Table

Lane: TypeAlias = Literal["quick", "long", "failing"]
"""Integrations wait only for others in the same lane: quick ones, those that read a lot, those that failed last."""


class LeaseLost(Exception):
    """Another process took over the integration, or it was removed: this one no longer writes for it."""


class StoreUnavailable(Exception):
    """The database cannot be used for now: it is away, full or locked. Its message says why, without secrets."""


class TablesDiffer(Exception):
    """Another process that is running keeps other tables in the same store; only one set of them can be right."""


@attrs.frozen(kw_only=True)
class Watermark:
    """How far a table of an integration is up to date."""

    since: datetime | None = None
    """All changes before this are in the table; None until the first full sync has ended."""
    rewind: datetime | None = None
    """Where to go back to, once, since changes older than the watermark have become visible."""
    full_at: datetime | None = None
    """When the last completed full sync began, by Kombo's clock."""
    full_wanted: bool = False
    """Whether the next sync must be a full one."""
    missing_at: datetime | None = None
    """When Kombo last said that the integration has no such list; None if it has."""

    @property
    def reach(self) -> datetime | None:
        """The time to read from in the next sync; None for everything."""
        return min(self.since, self.rewind or self.since) if self.since is not None else None


@attrs.frozen(kw_only=True)
class Turn:
    """The right to work on an integration until its lease ends. Writes with it are *fenced*:

    once another process has taken over the integration, each method that takes a turn raises `LeaseLost`.
    """

    integration_id: str
    fence: int
    """The fencing token: higher than in all earlier turns of this integration."""
    lane: Lane
    told: int
    """How many times webhooks have notified the integration."""
    is_told: bool
    """Whether it was notified since it was last brought up to date."""
    models: frozenset[str] | None
    """The models that changed, according to webhooks; None for any."""
    failures: int
    """How many times in a row it has failed."""
    category: str | None
    """The kind of system, where known: HRIS, ATS, ASSESSMENT or LMS."""


@attrs.frozen(kw_only=True)
class Ending:
    """How a turn ended."""

    lane: Lane
    """The lane to wait in from now on."""
    next_in: float
    """Seconds until it is due again; if it was notified in the meantime, it is due at once."""
    succeeded: bool = False
    """Whether everything notified before the turn began has been done."""
    failures: int = 0
    error: str | None = None
    """What went wrong: one of Kombo's codes or a class name, never people's data."""


@attrs.frozen(kw_only=True)
class Written:
    """What `Store.write` changed."""

    inserted: int = 0
    changed: int = 0
    deleted: int = 0
    told: int = 0
    """The current `Turn.told`."""


@attrs.frozen(kw_only=True)
class BlindSpot:
    """A field that nests a record of another list, whose changes `updated_after` does not catch."""

    table: str
    path: str
    model: str
    """The other list's model, as Kombo names it."""


@attrs.frozen(kw_only=True)
class Stale:
    """A record of another list that changed: records of the table that nest it at *path* must be read again."""

    path: str
    id: str
    noted_at: datetime | None
    """When it was noted, by Kombo's clock; None if that was not known."""
    read: bool
    """Whether they have been read again since; they need another read once late changes are certain to show."""


@attrs.frozen(kw_only=True)
class Change:
    """A record that was inserted, changed or deleted in a table."""

    position: int
    """Its position in the log, ascending."""
    table: str
    integration_id: str
    id: str
    kind: Literal["inserted", "changed", "deleted"]
    fields: tuple[str, ...]
    """Which fields changed."""
    before: Mapping[str, Any]
    """The previous values of those fields."""
    record: Mapping[str, Any] | None
    """The record as it is in the table now; None if it has since been deleted."""
    at: datetime


@attrs.frozen(kw_only=True)
class StoredIntegration:
    """The state of one integration; times are seconds since 1970 by the store's clock."""

    integration_id: str
    lane: Lane
    due_at: float
    told_at: float | None
    """Since when a notification has been pending."""
    looked_at: float | None
    """When it was last brought up to date."""
    failures: int
    error: str | None
    held_by: str | None
    """The process that works on it."""
    now: float
    full_at: datetime | None
    """When the oldest of its tables' last full syncs began; None if a table has had none."""


class Store(Protocol):
    """Keeps records by integration and ID. `SqliteStore` is the default; you can write one for your app's database.

    Each method is one transaction, durable when it returns. Any number of processes may use one store at the same time.
    Times are by the store's clock. While the database is away, methods raise `StoreUnavailable`.
    `kombo_async.mirror.testing` has the checks that a store must pass.
    """

    async def open(self, tables: Sequence[Table], *, changes: bool = False) -> None:
        """Create missing tables and columns; with *changes*, keep a change log from now on."""
        ...

    async def aclose(self) -> None:
        """Close what `open` opened."""
        ...

    # integrations

    async def add(self, integration_id: str, category: str | None = None, *, again: bool = True) -> None:
        """Add an integration, due at once. If it exists, only its *category* changes.

        One that was removed is added only with *again*: late webhooks must not bring it back.
        """
        ...

    async def remove(self, integration_id: str) -> None:
        """Remove an integration with its watermarks and all its records, end its turn, and note that it is removed."""
        ...

    async def integrations(self) -> list[StoredIntegration]:
        """The integrations that have been added, by ID."""
        ...

    async def tell(self, integration_id: str, models: frozenset[str] | None = None) -> None:
        """Note that *models* (None: any) changed, which makes an integration due at once. Unknown ones are ignored."""
        ...

    async def tell_all(self, seconds: float) -> None:
        """Make all integrations due that have not been checked for *seconds*."""
        ...

    async def rewind(self, integration_id: str, since: datetime) -> None:
        """Set `rewind` to *since* for all tables with a watermark, unless it is already earlier."""
        ...

    # turns

    async def claim(self, owner: str, places: Mapping[Lane, int], seconds: float) -> list[Turn]:
        """Take turns of integrations that are due and free, up to a number per lane, leased to *owner* for *seconds*.

        Notified ones come first, the longest ago first; then those that are longest due. From then on, *owner* counts
        as running, until it has not renewed for *seconds*, or renews for 0. Raises `TablesDiffer` while another process
        that counts as running was opened with other tables, requests or columns. Otherwise, if columns are new, all
        earlier turns are lost, and the columns are filled from existing records.
        """
        ...

    async def take(self, owner: str, integration_id: str, seconds: float) -> Turn | None:
        """Take the turn of one integration, due or not; None while another process has it.

        Raises `TablesDiffer`, and fills new columns, as `claim` does.
        """
        ...

    async def renew(self, owner: str, seconds: float) -> Mapping[str, int]:
        """Extend all turns of *owner*; returns the fencing tokens of those it still has, by integration."""
        ...

    async def release(self, turn: Turn, ending: Ending) -> None:
        """End a turn. Does nothing if it is already over."""
        ...

    # syncs

    async def watermarks(self, integration_id: str) -> Mapping[str, Watermark]:
        """The watermarks of an integration's tables, by table name."""
        ...

    async def begin(self, turn: Turn, table: Table, *, full: bool) -> Watermark:
        """Begin a sync and return the table's watermark; a watermark for another query is dropped."""
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
        noted_at: datetime | None = None,
    ) -> Written:
        """Insert or replace *records*, remove those *deleted*; skip unchanged ones.

        *full* says that a full sync of the table is in progress: the records are noted as seen.
        For each of *blind_spots*, changed records are noted as stale, and so are all *deleted*, also unknown ones:
        others may still nest them. *noted_at* is the time by Kombo's clock, if known; keep at least its milliseconds.
        """
        ...

    async def unseen(self, turn: Turn, table: Table, after: str, limit: int) -> list[str]:
        """IDs above *after* of records that the current full sync has not seen, ascending."""
        ...

    async def finish(self, turn: Turn, table: Table, before: Watermark, after: Watermark, *, full: bool) -> None:
        """End a sync: store *after* except for `rewind`, which becomes None unless it has changed since *before*."""
        ...

    # what updated_after does not catch

    async def want_full(self, turn: Turn, table: str) -> None:
        """Make the table's next sync a full one."""
        ...

    async def stale(self, turn: Turn, table: Table, limit: int) -> list[Stale]:
        """What makes records of the table stale."""
        ...

    async def nesting(self, turn: Turn, table: Table, path: str, ids: Sequence[str], limit: int) -> list[str]:
        """IDs of records with one of *ids* at *path*: an object or a list of objects, nested or not."""
        ...

    async def settle(self, turn: Turn, table: Table, stale: Sequence[Stale], *, done: bool) -> None:
        """Remove *stale* if *done*, otherwise note that they were read; those noted again since then stay."""
        ...

    # the change log

    async def subscribe(self, subscriber: str, owner: str, seconds: float) -> int | None:
        """Lease a subscriber's position in the log to *owner*, or extend the lease; None while another has it."""
        ...

    async def changes(self, after: int, limit: int) -> list[Change]:
        """The log above a position, in order. Nothing is ever inserted before existing entries."""
        ...

    async def acknowledge(self, subscriber: str, owner: str, position: int) -> None:
        """Store a subscriber's position. Raises `LeaseLost` if *owner* no longer reads for it."""
        ...

    async def prune(self, seconds: float) -> None:
        """Remove entries that all subscribers have had, and those older than *seconds*."""
        ...
