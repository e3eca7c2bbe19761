"""The mirror's tables in PostgreSQL (extra `[postgres]`; asyncio only, since asyncpg is).

PostgreSQL cannot store NUL or halves of surrogate pairs: U+FFFD replaces them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from kombo_async.errors import InputFault, InvalidInput
from kombo_async.mirror import _postgres_tables as tables_sql
from kombo_async.mirror._diff import Difference
from kombo_async.mirror._postgres_changes import PostgresChanges
from kombo_async.mirror._postgres_errors import TOO_LARGE
from kombo_async.mirror._postgres_pool import PostgresPool
from kombo_async.mirror._postgres_rows import PostgresRows
from kombo_async.mirror._postgres_syncs import PostgresSyncs
from kombo_async.mirror._postgres_turns import PostgresTurns
from kombo_async.mirror._records import Record
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


class PostgresStore:
    """Tables in a schema, each with `integration_id`, `id`, `data` (the whole record, `jsonb`) and its typed columns.

    Args:
        dsn: Where the database is: `postgresql://user@host/database`; None takes libpq's environment (`PGHOST`, ...).
        schema: Where the tables are.
        migrate: Whether `open` creates what is missing. If not, first run the SQL from `sql`, with a role that may.
        pool_size: The most connections to keep.
        connect: More settings for `asyncpg.connect`, such as `ssl`, or `statement_cache_size=0` for PgBouncer.

    Raises:
        InvalidInput: The schema's name is invalid.
    """

    def __init__(
        self,
        dsn: str | None = None,
        *,
        schema: str = "kombo",
        migrate: bool = True,
        pool_size: int = 10,
        connect: Mapping[str, Any] | None = None,
    ) -> None:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", schema):
            raise InvalidInput(
                InputFault("schema", f"{schema!r} is not a valid schema name: use letters, digits and _")
            )
        self.schema = schema
        self._migrate = migrate
        self._tables: tuple[Table, ...] = ()
        self._pool = PostgresPool(dsn, schema, pool_size, connect or {})
        self._rows = PostgresRows(schema)
        self._log = PostgresChanges(self._pool)
        self._turns = PostgresTurns(self._pool, self._rows)
        self._syncs = PostgresSyncs(self._pool, self._rows, self._log)

    def __repr__(self) -> str:
        return f"PostgresStore(schema={self.schema!r})"

    def sql(self, tables: Sequence[Table]) -> str:
        """The SQL that creates all missing tables; it can be run again.

        Pass the tables of the mirror: `store.sql(mirror.all_tables)`.
        """
        statements = [
            *tables_sql.migration(self.schema, tables),
            *tables_sql.indexes(self.schema, tables),
        ]
        return "".join(f"{each};\n" for each in statements)

    async def open(self, tables: Sequence[Table], *, changes: bool = False) -> None:
        """See `Store.open`. Raises `RuntimeError` if tables are missing and `migrate` is false."""
        self._tables = tuple(tables)
        self._log.open(tables, changes)
        self._turns.open(tables)
        await self._pool.open()
        try:
            await self._prepare(tables)
        except BaseException:
            await self.aclose()
            raise

    async def _prepare(self, tables: Sequence[Table]) -> None:
        async with self._pool.transaction() as db:
            await self._turns.lock(db, "open")
            await self._rows.open(db, tables, migrate=self._migrate, too_large=TOO_LARGE)
            await self._turns.keep_time(db)

    async def aclose(self) -> None:
        """See `Store.aclose`."""
        await self._pool.aclose()

    async def add(self, integration_id: str, category: str | None = None, *, again: bool = True) -> None:
        """See `Store.add`."""
        await self._turns.add(integration_id, category, again=again)

    async def remove(self, integration_id: str) -> None:
        """See `Store.remove`."""
        async with self._pool.transaction() as db:
            await self._turns.remove(db, integration_id)
            for name in ("watermarks", "seen", "stale"):
                await db.execute(f"DELETE FROM {self._pool.own(name)} WHERE integration_id = $1", integration_id)
            for table in self._tables:
                for nested in table.nested:
                    await db.execute(
                        f"DELETE FROM {self._pool.of(nested.name)} WHERE integration_id = $1", integration_id
                    )
                sql = f"DELETE FROM {self._pool.of(table.name)} WHERE integration_id = $1"
                if not self._log.keeps(table):
                    await db.execute(sql, integration_id)
                    continue
                gone = await db.fetch(f"{sql} RETURNING id", integration_id)
                await self._log.log(db, integration_id, table, [Difference(row[0], "deleted") for row in gone])

    async def integrations(self) -> list[StoredIntegration]:
        """See `Store.integrations`."""
        return await self._turns.integrations()

    async def tell(self, integration_id: str, models: frozenset[str] | None = None) -> None:
        """See `Store.tell`."""
        await self._turns.tell(integration_id, models)

    async def tell_all(self, seconds: float) -> None:
        """See `Store.tell_all`."""
        await self._turns.tell_all(seconds)

    async def rewind(self, integration_id: str, since: datetime) -> None:
        """See `Store.rewind`."""
        await self._syncs.rewind(integration_id, since)

    async def claim(self, owner: str, places: Mapping[Lane, int], seconds: float) -> list[Turn]:
        """See `Store.claim`."""
        return await self._turns.claim(owner, places, seconds)

    async def take(self, owner: str, integration_id: str, seconds: float) -> Turn | None:
        """See `Store.take`."""
        return await self._turns.take(owner, integration_id, seconds)

    async def renew(self, owner: str, seconds: float) -> Mapping[str, int]:
        """See `Store.renew`."""
        return await self._turns.renew(owner, seconds)

    async def release(self, turn: Turn, ending: Ending) -> None:
        """See `Store.release`."""
        await self._turns.release(turn, ending)

    async def watermarks(self, integration_id: str) -> Mapping[str, Watermark]:
        """See `Store.watermarks`."""
        return await self._syncs.watermarks(integration_id)

    async def begin(self, turn: Turn, table: Table, *, full: bool) -> Watermark:
        """See `Store.begin`."""
        return await self._syncs.begin(turn, table, full=full)

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
        return await self._syncs.write(
            turn, table, records, deleted, full=full, blind_spots=blind_spots, noted_at=noted_at
        )

    async def unseen(self, turn: Turn, table: Table, after: str, limit: int) -> list[str]:
        """See `Store.unseen`."""
        return await self._syncs.unseen(turn, table, after, limit)

    async def finish(self, turn: Turn, table: Table, before: Watermark, after: Watermark, *, full: bool) -> None:
        """See `Store.finish`."""
        await self._syncs.finish(turn, table, before, after, full=full)

    async def want_full(self, turn: Turn, table: str) -> None:
        """See `Store.want_full`."""
        await self._syncs.want_full(turn, table)

    async def stale(self, turn: Turn, table: Table, limit: int) -> list[Stale]:
        """See `Store.stale`."""
        return await self._syncs.stale(turn, table, limit)

    async def nesting(self, turn: Turn, table: Table, path: str, ids: Sequence[str], limit: int) -> list[str]:
        """See `Store.nesting`."""
        return await self._syncs.nesting(turn, table, path, ids, limit)

    async def settle(self, turn: Turn, table: Table, stale: Sequence[Stale], *, done: bool) -> None:
        """See `Store.settle`."""
        await self._syncs.settle(turn, table, stale, done=done)

    async def subscribe(self, subscriber: str, owner: str, seconds: float) -> int | None:
        """See `Store.subscribe`."""
        return await self._log.subscribe(subscriber, owner, seconds)

    async def changes(self, after: int, limit: int) -> list[Change]:
        """See `Store.changes`."""
        return await self._log.changes(after, limit)

    async def acknowledge(self, subscriber: str, owner: str, position: int) -> None:
        """See `Store.acknowledge`."""
        await self._log.acknowledge(subscriber, owner, position)

    async def prune(self, seconds: float) -> None:
        """See `Store.prune`."""
        await self._log.prune(seconds)
