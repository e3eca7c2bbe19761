"""The change log in the PostgreSQL store, and its subscribers' positions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from kombo_async.mirror._diff import Difference
from kombo_async.mirror._postgres_pool import NOW, Connection, PostgresPool
from kombo_async.mirror._store import Change, LeaseLost
from kombo_async.mirror._table import Table


class PostgresChanges:
    """The change log."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool
        self._tables: tuple[Table, ...] = ()
        self._keeps_changes = False

    def open(self, tables: Sequence[Table], keeps_changes: bool) -> None:
        """Remember which tables exist, and whether their changes are logged."""
        self._tables, self._keeps_changes = tuple(tables), keeps_changes

    def keeps(self, table: Table) -> bool:
        """Whether changes of *table* are logged."""
        return self._keeps_changes and table.keeps_records

    async def subscribe(self, subscriber: str, owner: str, seconds: float) -> int | None:
        """See `Store.subscribe`."""
        async with self._pool.transaction() as db:
            await db.execute(
                f"INSERT INTO {self._pool.own('subscribers')} VALUES ($1, 0, NULL, 0) ON CONFLICT DO NOTHING",
                subscriber,
            )
            position: int | None = await db.fetchval(
                f"UPDATE {self._pool.own('subscribers')} SET owner = $2, lease_until = {NOW} + $3 WHERE name = $1 "
                f"AND (owner = $2 OR lease_until <= {NOW}) RETURNING position",
                subscriber,
                owner,
                float(seconds),
            )
        return position

    async def changes(self, after: int, limit: int) -> list[Change]:
        """See `Store.changes`."""
        async with self._pool.transaction() as db:
            rows = await db.fetch(
                f"SELECT * FROM {self._pool.own('changes')} WHERE position > $1 ORDER BY position LIMIT $2",
                after,
                limit,
            )
            records: dict[tuple[str, str, str], Any] = {}
            for name in {row["name"] for row in rows} & {table.name for table in self._tables}:
                keys = [(row["integration_id"], row["id"]) for row in rows if row["name"] == name]
                found = await db.fetch(
                    f"SELECT integration_id, id, data::text FROM {self._pool.of(name)} WHERE (integration_id, id) IN "
                    "(SELECT * FROM unnest($1::text[], $2::text[]))",
                    [key[0] for key in keys],
                    [key[1] for key in keys],
                )
                records.update({(name, row[0], row[1]): json.loads(row[2]) for row in found})
        return [
            Change(
                position=row["position"],
                table=row["name"],
                integration_id=row["integration_id"],
                id=row["id"],
                kind=row["kind"],
                fields=tuple(json.loads(row["fields"])),
                before=json.loads(row["before"]),
                record=records.get((row["name"], row["integration_id"], row["id"])),
                at=row["at"],
            )
            for row in rows
        ]

    async def acknowledge(self, subscriber: str, owner: str, position: int) -> None:
        """See `Store.acknowledge`."""
        rows = await self._pool.fetch(
            f"UPDATE {self._pool.own('subscribers')} SET position = $3 WHERE name = $1 AND owner = $2 RETURNING 1",
            subscriber,
            owner,
            position,
        )
        if not rows:
            raise LeaseLost(f"another process is already reading the changes for {subscriber!r}")

    async def prune(self, seconds: float) -> None:
        """See `Store.prune`."""
        await self._pool.execute(
            f"DELETE FROM {self._pool.own('changes')} WHERE at <= to_timestamp({NOW} - $1) "
            f"OR position <= (SELECT min(position) FROM {self._pool.own('subscribers')})",
            float(seconds),
        )

    async def log(self, db: Connection, integration_id: str, table: Table, differences: Sequence[Difference]) -> None:
        """Append to the log, in the transaction of *db*."""
        told = [each for each in differences if each.matters]
        if not told or not self.keeps(table):
            return
        # One writer at a time from here to the commit, so positions become visible in order.
        await db.execute("SELECT pg_advisory_xact_lock(hashtext($1))", f"kombo_async {self._pool.schema} changes")
        await db.execute(
            f"INSERT INTO {self._pool.own('changes')} (at, name, integration_id, id, kind, fields, before) "
            f"SELECT to_timestamp({NOW}), $1, $2, * FROM unnest($3::text[], $4::text[], $5::jsonb[], $6::jsonb[])",
            table.name,
            integration_id,
            [each.id for each in told],
            [each.kind for each in told],
            [json.dumps(each.fields) for each in told],
            [json.dumps(each.before) for each in told],
        )
