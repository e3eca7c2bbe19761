"""The mirror's tables in a SQLite file, for an app to read with SQL."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar, cast

import anyio
from anyio import to_thread

from kombo_async.mirror._records import Record
from kombo_async.mirror._sqlite_tables import SqliteTables
from kombo_async.mirror._store import (
    BlindSpot,
    Change,
    Ending,
    Lane,
    Stale,
    StoredIntegration,
    Turn,
    Watermark,
    Written,
)
from kombo_async.mirror._table import Table

T = TypeVar("T")


class SqliteStore:
    """Tables in the file at *path*, each with `integration_id`, `id`, `data` (the whole record, JSON) and its columns.

    Columns are typed and indexed; times are UTC texts that sort by time, booleans are 0 or 1. The file may have other
    tables, too, and other connections may read it at the same time::

        SELECT id FROM employees WHERE integration_id = ? AND work_email = ?

    Several processes on one machine may use one file. Only its owner can read it (0600).
    """

    def __init__(self, path: str | os.PathLike[str], *, now: Callable[[], float] = time.time) -> None:
        self.path: str = os.fspath(path)
        self._now = now
        self._tables: SqliteTables | None = None
        self._turn = anyio.Lock()

    def __repr__(self) -> str:
        return f"SqliteStore({self.path!r})"

    async def open(self, tables: Sequence[Table], *, changes: bool = False) -> None:
        """See `Store.open`."""
        async with self._turn:
            if self._tables is None:
                self._tables = await self._run(SqliteTables, self.path, self._now)
        try:
            await self._do(SqliteTables.open, tables, changes)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self.aclose()
            raise

    async def aclose(self) -> None:
        """See `Store.aclose`."""
        async with self._turn:
            tables, self._tables = self._tables, None
            if tables is not None:
                await self._run(tables.close)

    async def add(self, integration_id: str, category: str | None = None, *, again: bool = True) -> None:
        """See `Store.add`."""
        await self._do(SqliteTables.add, integration_id, category, again)

    async def remove(self, integration_id: str) -> None:
        """See `Store.remove`."""
        await self._do(SqliteTables.remove, integration_id)

    async def integrations(self) -> list[StoredIntegration]:
        """See `Store.integrations`."""
        return await self._do(SqliteTables.integrations)

    async def tell(self, integration_id: str, models: frozenset[str] | None = None) -> None:
        """See `Store.tell`."""
        await self._do(SqliteTables.tell, integration_id, models)

    async def tell_all(self, seconds: float) -> None:
        """See `Store.tell_all`."""
        await self._do(SqliteTables.tell_all, seconds)

    async def rewind(self, integration_id: str, since: datetime) -> None:
        """See `Store.rewind`."""
        await self._do(SqliteTables.rewind, integration_id, since)

    async def claim(self, owner: str, places: Mapping[Lane, int], seconds: float) -> list[Turn]:
        """See `Store.claim`."""
        return await self._do(SqliteTables.claim, owner, places, seconds)

    async def take(self, owner: str, integration_id: str, seconds: float) -> Turn | None:
        """See `Store.take`."""
        return await self._do(SqliteTables.take, owner, integration_id, seconds)

    async def renew(self, owner: str, seconds: float) -> Mapping[str, int]:
        """See `Store.renew`."""
        return await self._do(SqliteTables.renew, owner, seconds)

    async def release(self, turn: Turn, ending: Ending) -> None:
        """See `Store.release`."""
        await self._do(SqliteTables.release, turn, ending)

    async def watermarks(self, integration_id: str) -> Mapping[str, Watermark]:
        """See `Store.watermarks`."""
        return await self._do(SqliteTables.watermarks, integration_id)

    async def begin(self, turn: Turn, table: Table, *, full: bool) -> Watermark:
        """See `Store.begin`."""
        return await self._do(SqliteTables.begin, turn, table, full)

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
        """See `Store.write`."""
        return await self._do(SqliteTables.write, turn, table, records, deleted, full, blind_spots, noted_at)

    async def unseen(self, turn: Turn, table: Table, after: str, limit: int) -> list[str]:
        """See `Store.unseen`."""
        return await self._do(SqliteTables.unseen, turn, table, after, limit)

    async def finish(self, turn: Turn, table: Table, before: Watermark, after: Watermark, *, full: bool) -> None:
        """See `Store.finish`."""
        await self._do(SqliteTables.finish, turn, table, before, after, full)

    async def want_full(self, turn: Turn, table: str) -> None:
        """See `Store.want_full`."""
        await self._do(SqliteTables.want_full, turn, table)

    async def stale(self, turn: Turn, table: Table, limit: int) -> list[Stale]:
        """See `Store.stale`."""
        return await self._do(SqliteTables.stale, turn, table, limit)

    async def nesting(self, turn: Turn, table: Table, path: str, ids: Sequence[str], limit: int) -> list[str]:
        """See `Store.nesting`."""
        return await self._do(SqliteTables.nesting, turn, table, path, ids, limit)

    async def settle(self, turn: Turn, table: Table, stale: Sequence[Stale], *, done: bool) -> None:
        """See `Store.settle`."""
        await self._do(SqliteTables.settle, turn, table, stale, done)

    async def subscribe(self, subscriber: str, owner: str, seconds: float) -> int | None:
        """See `Store.subscribe`."""
        return await self._do(SqliteTables.subscribe, subscriber, owner, seconds)

    async def changes(self, after: int, limit: int) -> list[Change]:
        """See `Store.changes`."""
        return await self._do(SqliteTables.changes, after, limit)

    async def acknowledge(self, subscriber: str, owner: str, position: int) -> None:
        """See `Store.acknowledge`."""
        await self._do(SqliteTables.acknowledge, subscriber, owner, position)

    async def prune(self, seconds: float) -> None:
        """See `Store.prune`."""
        await self._do(SqliteTables.prune, seconds)

    async def _do(self, work: Callable[..., T], *args: Any) -> T:
        """Run a method of the tables in a transaction; one at a time, and never abandoned halfway."""
        async with self._turn:
            if self._tables is None:
                raise RuntimeError(f"{self!r} is not open")
            return cast("T", await self._run(self._tables.transaction, work, self._tables, *args))

    async def _run(self, work: Callable[..., T], *args: Any) -> T:
        """Run *work* in a worker thread."""
        return await to_thread.run_sync(work, *args)
