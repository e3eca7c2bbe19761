"""Syncs in the PostgreSQL store: watermarks, writes, unseen and stale records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from kombo_async.mirror._diff import Difference, difference
from kombo_async.mirror._postgres_changes import PostgresChanges
from kombo_async.mirror._postgres_pool import Connection, PostgresPool
from kombo_async.mirror._postgres_rows import PostgresRows
from kombo_async.mirror._records import Record
from kombo_async.mirror._store import BlindSpot, Stale, Turn, Watermark, Written
from kombo_async.mirror._table import Table


class PostgresSyncs:
    """What a sync writes during its turn."""

    def __init__(self, pool: PostgresPool, rows: PostgresRows, changes: PostgresChanges) -> None:
        self._pool = pool
        self._rows = rows
        self._changes = changes

    async def watermarks(self, integration_id: str) -> Mapping[str, Watermark]:
        """See `Store.watermarks`."""
        rows = await self._pool.fetch(
            f"SELECT * FROM {self._pool.own('watermarks')} WHERE integration_id = $1", integration_id
        )
        return {row["name"]: _watermark(row) for row in rows}

    async def rewind(self, integration_id: str, since: datetime) -> None:
        """See `Store.rewind`."""
        await self._pool.execute(
            f"UPDATE {self._pool.own('watermarks')} SET rewind = least(rewind, $2) WHERE integration_id = $1",
            integration_id,
            since,
        )

    async def begin(self, turn: Turn, table: Table, *, full: bool) -> Watermark:
        """See `Store.begin`."""
        async with self._pool.turn(turn) as (db, _):
            key = (turn.integration_id, table.name)
            compares = False
            if full:
                await db.execute(f"DELETE FROM {self._pool.own('seen')} WHERE integration_id = $1 AND name = $2", *key)
                # Seen records need noting only if the table has records that might be gone.
                there = f"SELECT true FROM {self._pool.of(table.name)} WHERE integration_id = $1 LIMIT 1"
                compares = bool(await db.fetchval(there, turn.integration_id))
            names = ("since", "rewind", "full_at", "missing_at")
            kept = ", ".join(f"{name} = CASE WHEN w.question = excluded.question THEN w.{name} END" for name in names)
            row = await db.fetchrow(
                f"INSERT INTO {self._pool.own('watermarks')} AS w (integration_id, name, question, compares) "
                "VALUES ($1, $2, $3, $5) ON CONFLICT (integration_id, name) DO UPDATE SET "
                f"question = excluded.question, {kept}, "
                "full_wanted = w.full_wanted AND w.question = excluded.question, "
                "compares = CASE WHEN $4 THEN excluded.compares ELSE w.compares END RETURNING *",
                *key,
                table.question,
                full,
                compares,
            )
        return _watermark(row)

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
        logs = self._changes.keeps(table)
        integration_id = turn.integration_id
        there = await self._there(table, integration_id, [*(each.id for each in records), *deleted], data=logs)
        gone = [id for id in deleted if id in there]
        new = [each for each in records if each.id not in there]
        changed = [each for each in records if each.id in there and there[each.id][1] != each.digest]
        async with self._pool.turn(turn) as (db, told):
            await self._rows.put(db, integration_id, table, new, changed)
            await self._rows.delete(db, integration_id, table, gone)
            if full and records:
                await self._note_seen(db, integration_id, table, [each.id for each in records])
            stale = [*(each.id for each in (*new, *changed)), *deleted]
            for spot in blind_spots if stale else ():
                await db.execute(
                    f"INSERT INTO {self._pool.own('stale')} SELECT $1, $2, $3, unnest($4::text[]), $5, false "
                    "ON CONFLICT (integration_id, name, path, id) DO UPDATE SET noted_at = excluded.noted_at, "
                    "read = false",
                    integration_id,
                    spot.table,
                    spot.path,
                    stale,
                    noted_at,
                )
            if logs:
                differences = [Difference(each.id, "inserted") for each in new]
                differences += [difference(each.fit(), there[each.id][2]) for each in changed]
                differences += [Difference(id, "deleted") for id in gone]
                await self._changes.log(db, integration_id, table, differences)
        return Written(inserted=len(new), changed=len(changed), deleted=len(gone), told=told)

    async def _there(
        self, table: Table, integration_id: str, ids: Sequence[str], *, data: bool
    ) -> Mapping[str, Sequence[Any]]:
        """The existing records, read before the transaction: nobody else writes during the lease.

        If the lease is lost, the transaction refuses.
        """
        if not ids:
            return {}
        rows = await self._pool.fetch(
            f"SELECT t.id, t.kombo_digest, {'t.data::text' if data else 'NULL'} FROM unnest($2::text[]) AS u (id) "
            f"CROSS JOIN LATERAL (SELECT * FROM {self._pool.of(table.name)} t WHERE t.integration_id = $1 "
            "AND t.id = u.id LIMIT 1) t",
            integration_id,
            list(ids),
        )
        return {row[0]: row for row in rows}

    async def _note_seen(self, db: Connection, integration_id: str, table: Table, ids: Sequence[str]) -> None:
        await db.execute(
            f"INSERT INTO {self._pool.own('seen')} SELECT $1, $2, unnest($3::text[]) WHERE (SELECT compares FROM "
            f"{self._pool.own('watermarks')} WHERE integration_id = $1 AND name = $2) ON CONFLICT DO NOTHING",
            integration_id,
            table.name,
            list(ids),
        )

    async def unseen(self, turn: Turn, table: Table, after: str, limit: int) -> list[str]:
        """See `Store.unseen`."""
        async with self._pool.turn(turn) as (db, _):
            # Compare two sets of similar size by hashing, whatever the planner believes about tables that just grew.
            await db.execute("SET LOCAL enable_nestloop = off")
            rows = await db.fetch(
                f'SELECT id FROM {self._pool.of(table.name)} t WHERE integration_id = $1 AND id COLLATE "C" > $2 '
                f"AND (SELECT compares FROM {self._pool.own('watermarks')} WHERE integration_id = $1 AND name = $3) "
                f"AND NOT EXISTS (SELECT 1 FROM {self._pool.own('seen')} s WHERE s.integration_id = $1 AND s.name = $3 "
                'AND s.id = t.id) ORDER BY id COLLATE "C" LIMIT $4',
                turn.integration_id,
                after,
                table.name,
                limit,
            )
        return [row[0] for row in rows]

    async def finish(self, turn: Turn, table: Table, before: Watermark, after: Watermark, *, full: bool) -> None:
        """See `Store.finish`."""
        async with self._pool.turn(turn) as (db, _):
            await db.execute(
                f"UPDATE {self._pool.own('watermarks')} SET since = $3, full_at = $4, full_wanted = $5, "
                "missing_at = $6, rewind = CASE WHEN rewind IS NOT DISTINCT FROM $7 THEN NULL ELSE rewind END "
                "WHERE integration_id = $1 AND name = $2",
                turn.integration_id,
                table.name,
                after.since,
                after.full_at,
                after.full_wanted,
                after.missing_at,
                before.rewind,
            )
            if full:
                await db.execute(
                    f"DELETE FROM {self._pool.own('seen')} WHERE integration_id = $1 AND name = $2",
                    turn.integration_id,
                    table.name,
                )

    async def want_full(self, turn: Turn, table: str) -> None:
        """See `Store.want_full`."""
        async with self._pool.turn(turn) as (db, _):
            await db.execute(
                f"UPDATE {self._pool.own('watermarks')} SET full_wanted = true WHERE integration_id = $1 AND name = $2",
                turn.integration_id,
                table,
            )

    async def stale(self, turn: Turn, table: Table, limit: int) -> list[Stale]:
        """See `Store.stale`."""
        rows = await self._pool.fetch(
            f"SELECT path, id, noted_at, read FROM {self._pool.own('stale')} "
            "WHERE integration_id = $1 AND name = $2 ORDER BY read LIMIT $3",
            turn.integration_id,
            table.name,
            limit,
        )
        return [Stale(**dict(row)) for row in rows]

    async def nesting(self, turn: Turn, table: Table, path: str, ids: Sequence[str], limit: int) -> list[str]:
        """See `Store.nesting`."""
        rows = await self._pool.fetch(
            f"SELECT id FROM {self._pool.of(table.name)} WHERE integration_id = $1 AND EXISTS (SELECT 1 "
            "FROM jsonb_path_query(data, $2::text::jsonpath) AS inner_id WHERE inner_id #>> '{}' = ANY($3)) "
            "ORDER BY id LIMIT $4",
            turn.integration_id,
            "lax $." + ".".join(f'"{step}"' for step in (*path.split("."), "id")),
            list(ids),
            limit,
        )
        return [row[0] for row in rows]

    async def settle(self, turn: Turn, table: Table, stale: Sequence[Stale], *, done: bool) -> None:
        """See `Store.settle`."""
        sql = (
            f"DELETE FROM {self._pool.own('stale')} s USING"
            if done
            else f"UPDATE {self._pool.own('stale')} s SET read = true FROM"
        )
        async with self._pool.turn(turn) as (db, _):
            await db.execute(
                f"{sql} unnest($3::text[], $4::text[], $5::timestamptz[]) AS u (path, id, noted_at) "
                "WHERE s.integration_id = $1 AND s.name = $2 AND s.path = u.path AND s.id = u.id "
                "AND s.noted_at IS NOT DISTINCT FROM u.noted_at",
                turn.integration_id,
                table.name,
                [each.path for each in stale],
                [each.id for each in stale],
                [each.noted_at for each in stale],
            )


def _watermark(row: Any) -> Watermark:
    names = ("since", "rewind", "full_at", "full_wanted", "missing_at")
    return Watermark(**{name: row[name] for name in names})
