"""Where a mirror keeps its tables, and how far it has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import attrs

from kombo_async.mirror._table import Table


@attrs.frozen
class Mark:
    """How far one table of an integration has come."""

    since: datetime | None = None
    """All that changed before this is in the table; None before the first full pass has ended."""
    lowered: datetime | None = None
    """Where to go back to, once, because changes have become visible that are older than the mark."""
    full_at: datetime | None = None
    """When the last full pass that has ended began."""

    @property
    def reach(self) -> datetime | None:
        """What the next pass has to read from; None for everything."""
        return min(self.since, self.lowered or self.since) if self.since is not None else None


class Store(Protocol):
    """Keeps records by integration and ID. `SqliteStore` is the default; write one for the database of your app.

    Each method is one transaction, durable when it returns.
    """

    async def open(self, tables: Sequence[Table]) -> None:
        """Make the tables that are not there yet."""
        ...

    async def integrations(self) -> list[str]:
        """The integrations that have been added."""
        ...

    async def add(self, integration_id: str) -> None:
        """Keep an integration from now on; nothing happens if it is there."""
        ...

    async def remove(self, integration_id: str) -> None:
        """Remove an integration with its marks and all of its records."""
        ...

    async def mark(self, integration_id: str, table: Table) -> Mark:
        """How far the table has come."""
        ...

    async def begin(self, integration_id: str, table: Table) -> tuple[int, Mark]:
        """Begin a pass: gives its number, higher than those of all passes before, and how far the table has come."""
        ...

    async def write(
        self, integration_id: str, table: Table, number: int, changed: Mapping[str, Any], deleted: Sequence[str]
    ) -> None:
        """Put in or replace the records *changed*, by their IDs, noting the pass *number*; remove those *deleted*."""
        ...

    async def finish(
        self, integration_id: str, table: Table, number: int, before: Mark, after: Mark, *, full: bool
    ) -> int:
        """End a pass: set `since` and `full_at` as in *after*, and `lowered` to None unless it is no more as *before*.

        After a *full* pass, remove (and count) the records that no pass from *number* on has written.
        """
        ...

    async def lower(self, integration_id: str, since: datetime) -> None:
        """Set `lowered` of all tables for which a pass has begun to *since*, unless it is earlier already."""
        ...

    async def aclose(self) -> None:
        """Close what `open` opened."""
        ...
