"""Integrations in the PostgreSQL store: which are due, and who has the turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kombo_async.mirror._clock_steps import STEP, TIMES
from kombo_async.mirror._models import merged_models, told_models
from kombo_async.mirror._postgres_pool import NOW, Connection, PostgresPool
from kombo_async.mirror._postgres_rows import PostgresRows
from kombo_async.mirror._postgres_tables import quoted
from kombo_async.mirror._store import Ending, Lane, StoredIntegration, Turn
from kombo_async.mirror._table import Table
from kombo_async.mirror._table_sets import differing, table_set


class PostgresTurns:
    """The table of integrations, with leases and fencing tokens."""

    def __init__(self, pool: PostgresPool, rows: PostgresRows) -> None:
        self._pool = pool
        self._rows = rows
        self._table_set = ""

    def open(self, tables: Sequence[Table]) -> None:
        """Remember which tables this process keeps."""
        self._table_set = table_set(tables)

    async def add(self, integration_id: str, category: str | None = None, *, again: bool = True) -> None:
        """See `Store.add`."""
        integrations, removed = self._pool.own("integrations"), self._pool.own("removed")
        rows = await self._pool.fetch(f"SELECT category FROM {integrations} WHERE id = $1", integration_id)
        if rows and category in (None, rows[0]["category"]):
            return
        async with self._pool.transaction() as db:
            await self.lock(db, f"integration {integration_id}")
            if again:
                await db.execute(f"DELETE FROM {removed} WHERE id = $1", integration_id)
            await db.execute(
                f"INSERT INTO {integrations} AS i (id, category, lane, due_at) "
                f"SELECT $1, $2, 'long', {NOW} WHERE NOT EXISTS (SELECT 1 FROM {removed} WHERE id = $1) "
                "ON CONFLICT (id) DO UPDATE SET category = coalesce(excluded.category, i.category)",
                integration_id,
                category,
            )

    async def remove(self, db: Connection, integration_id: str) -> None:
        """Remove an integration, in the transaction of *db*, and note that it is removed."""
        await self.lock(db, f"integration {integration_id}")
        await db.execute(f"DELETE FROM {self._pool.own('integrations')} WHERE id = $1", integration_id)
        await db.execute(f"INSERT INTO {self._pool.own('removed')} VALUES ($1) ON CONFLICT DO NOTHING", integration_id)

    async def lock(self, db: Connection, what: str) -> None:
        """Have others who lock *what* wait until the transaction of *db* ends."""
        await db.execute("SELECT pg_advisory_xact_lock(hashtext($1))", f"kombo_async {self._pool.schema} {what}")

    async def integrations(self) -> list[StoredIntegration]:
        """See `Store.integrations`."""
        rows = await self._pool.fetch(
            f"SELECT i.id AS integration_id, lane, due_at, told_at, looked_at, failures, error, {NOW} AS now, "
            f"CASE WHEN lease_until > {NOW} THEN owner END AS held_by, "
            "CASE WHEN count(w.full_at) = count(*) THEN min(w.full_at) END AS full_at "
            f"FROM {self._pool.own('integrations')} i LEFT JOIN {self._pool.own('watermarks')} w "
            r"ON w.integration_id = i.id AND w.missing_at IS NULL AND w.name NOT LIKE 'kombo\_%' "
            "GROUP BY i.id ORDER BY i.id"
        )
        return [StoredIntegration(**dict(row)) for row in rows]

    async def tell(self, integration_id: str, models: frozenset[str] | None = None) -> None:
        """See `Store.tell`."""
        async with self._pool.transaction() as db:
            known = await db.fetchval(
                f"SELECT models FROM {self._pool.own('integrations')} WHERE id = $1 FOR UPDATE", integration_id
            )
            if known is not None:
                await db.execute(
                    f"UPDATE {self._pool.own('integrations')} SET told = told + 1, told_at = coalesce(told_at, {NOW}), "
                    f"models = $2, due_at = least(due_at, {NOW}) WHERE id = $1",
                    integration_id,
                    merged_models(known, models),
                )

    async def tell_all(self, seconds: float) -> None:
        """See `Store.tell_all`."""
        await self._pool.execute(
            f"UPDATE {self._pool.own('integrations')} SET due_at = {NOW} WHERE id IN (SELECT id FROM "
            f"{self._pool.own('integrations')} WHERE due_at > {NOW} AND coalesce(looked_at, 0) <= {NOW} - $1 "
            "ORDER BY id FOR UPDATE SKIP LOCKED)",
            float(seconds),
        )

    async def claim(self, owner: str, places: Mapping[Lane, int], seconds: float) -> list[Turn]:
        """See `Store.claim`."""
        turns: list[Turn] = []
        async with self._pool.transaction() as db:
            await self._join(db, owner, seconds)
            for lane, count in places.items():
                rows = await db.fetch(
                    f"{self._lease()} WHERE i.id IN (SELECT id FROM {self._pool.own('integrations')} WHERE lane = $3 "
                    f"AND due_at <= {NOW} AND lease_until <= {NOW} "
                    "ORDER BY told_at NULLS LAST, due_at, id LIMIT $4 FOR UPDATE SKIP LOCKED) RETURNING i.*",
                    owner,
                    float(seconds),
                    lane,
                    count,
                )
                turns += map(_turn, rows)
        return turns

    async def take(self, owner: str, integration_id: str, seconds: float) -> Turn | None:
        """See `Store.take`."""
        async with self._pool.transaction() as db:
            await self._agree_on_tables(db)
            rows = await db.fetch(
                f"{self._lease()} WHERE i.id = $3 AND lease_until <= {NOW} RETURNING i.*",
                owner,
                float(seconds),
                integration_id,
            )
        return _turn(rows[0]) if rows else None

    async def _join(self, db: Connection, owner: str, seconds: float) -> None:
        """Register a process as running. Raises `TablesDiffer` while one with other tables is."""
        processes = self._pool.own("processes")
        if await db.fetchval(f"SELECT true FROM {processes} WHERE owner = $1 AND lease_until > {NOW}", owner):
            return
        # One after the other, so that no two with different tables join at once.
        await self.lock(db, "join")
        await self._agree_on_tables(db)
        await db.execute(f"DELETE FROM {processes} WHERE lease_until <= {NOW}")
        if seconds > 0:
            await db.execute(
                f"INSERT INTO {processes} VALUES ($1, $2, {NOW} + $3) ON CONFLICT (owner) DO UPDATE SET "
                "tables = excluded.tables, lease_until = excluded.lease_until",
                owner,
                self._table_set,
                float(seconds),
            )

    async def _agree_on_tables(self, db: Connection) -> None:
        """Raise `TablesDiffer` while a process with other tables is running, else fill columns that are new."""
        other = await db.fetchval(
            f"SELECT tables FROM {self._pool.own('processes')} WHERE tables <> $1 AND lease_until > {NOW} LIMIT 1",
            self._table_set,
        )
        if other is not None:
            raise differing(self._table_set, other)
        if not await self._rows.is_filled(db):
            await self.lock(db, "join")
            # Processes that kept other columns may write no more, also if they were only paused.
            await db.execute(
                f"UPDATE {self._pool.own('integrations')} SET owner = NULL, lease_until = 0, "
                f"fence = nextval('{quoted(self._pool.schema)}.kombo_fence') WHERE id IN (SELECT id FROM "
                f"{self._pool.own('integrations')} WHERE owner IS NOT NULL ORDER BY id FOR UPDATE)"
            )
            await self._rows.fill(db)

    def _lease(self) -> str:
        return (
            f"UPDATE {self._pool.own('integrations')} AS i SET owner = $1, lease_until = {NOW} + $2, "
            f"fence = nextval('{quoted(self._pool.schema)}.kombo_fence')"
        )

    async def renew(self, owner: str, seconds: float) -> Mapping[str, int]:
        """See `Store.renew`."""
        async with self._pool.transaction() as db:
            await self.keep_time(db)
            processes = self._pool.own("processes")
            if seconds > 0:
                await db.execute(
                    f"UPDATE {processes} SET lease_until = {NOW} + $2 WHERE owner = $1 AND lease_until > {NOW}",
                    owner,
                    float(seconds),
                )
            else:
                await db.execute(f"DELETE FROM {processes} WHERE owner = $1", owner)
            rows = await db.fetch(
                f"UPDATE {self._pool.own('integrations')} SET lease_until = {NOW} + $2 WHERE id IN (SELECT id FROM "
                f"{self._pool.own('integrations')} WHERE owner = $1 ORDER BY id FOR UPDATE) RETURNING id, fence",
                owner,
                float(seconds),
            )
        return {row["id"]: row["fence"] for row in rows}

    async def keep_time(self, db: Connection) -> None:
        """Note the time. If the server's clock was set back since the last note, move all stored times back, too."""
        clock = self._pool.own("clock")
        back: float = await db.fetchval(
            f"WITH was AS (SELECT time FROM {clock} FOR UPDATE) UPDATE {clock} AS c SET time = {NOW} FROM was "
            "RETURNING was.time - c.time"
        )
        if back > STEP:
            # In one order, so that no two who change several wait for each other.
            await db.execute(f"SELECT 1 FROM {self._pool.own('integrations')} ORDER BY id FOR UPDATE")
            for name, columns in TIMES.items():
                changes = ", ".join(f"{column} = greatest({column} - $1, {column} * 0)" for column in columns)
                await db.execute(f"UPDATE {self._pool.own(name)} SET {changes}", back)

    async def release(self, turn: Turn, ending: Ending) -> None:
        """See `Store.release`."""
        await self._pool.execute(
            f"""
            UPDATE {self._pool.own("integrations")} SET owner = NULL, lease_until = 0, lane = $3, failures = $4,
                error = $5, due_at = CASE WHEN told > $6 THEN {NOW} ELSE {NOW} + $7 END,
                told_at = CASE WHEN $8 AND told = $6 THEN NULL WHEN $8 THEN {NOW} ELSE told_at END,
                models = CASE WHEN $8 AND told = $6 THEN '[]' ELSE models END,
                looked_at = CASE WHEN $8 THEN {NOW} ELSE looked_at END
            WHERE id = $1 AND fence = $2
            """,
            turn.integration_id,
            turn.fence,
            ending.lane,
            ending.failures,
            ending.error,
            turn.told,
            float(ending.next_in),
            ending.succeeded,
        )


def _turn(row: Any) -> Turn:
    return Turn(
        integration_id=row["id"],
        fence=row["fence"],
        lane=row["lane"],
        told=row["told"],
        is_told=row["told_at"] is not None,
        models=told_models(row["models"]),
        failures=row["failures"],
        category=row["category"],
    )
