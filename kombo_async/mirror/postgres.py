"""The mirror's tables in PostgreSQL (extra `[postgres]`; asyncio only, since asyncpg is).

PostgreSQL cannot hold the character NUL nor halves of surrogate pairs: U+FFFD stands in their place.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import anyio

from kombo_async._lazy import missing_extra

try:
    import asyncpg  # type: ignore[import-untyped]  # pyright: ignore[reportMissingTypeStubs]
except ModuleNotFoundError as _error:
    raise missing_extra(_error, "postgres", "asyncpg") from None

from kombo_async.errors import Fault, InvalidInput
from kombo_async.mirror import _postgres_tables as tables_sql
from kombo_async.mirror._diff import Difference, difference
from kombo_async.mirror._models import merged_models, told_models
from kombo_async.mirror._postgres_rows import Connection, PostgresRows
from kombo_async.mirror._postgres_tables import quoted
from kombo_async.mirror._records import Record
from kombo_async.mirror._store import (
    BlindSpot,
    Change,
    Ending,
    Lane,
    LeaseLost,
    Stale,
    StoredIntegration,
    Turn,
    Watermark,
    Written,
)
from kombo_async.mirror._table import Table

_asyncpg: Any = asyncpg

_NOW = "extract(epoch FROM clock_timestamp())::float8"


class PostgresStore:
    """Tables in a schema, each with `integration_id`, `id`, `data` (the whole record, `jsonb`) and its typed columns.

    Args:
        dsn: Where the database is: `postgresql://user@host/database`; None takes libpq's environment (`PGHOST`, ...).
        schema: Where the tables are.
        migrate: Whether `open` makes what is missing. If not, run what `sql` gives beforehand, by a role that may.
        pool_size: How many connections to keep at most.
        connect: More settings for `asyncpg.connect`, such as `ssl`, or `statement_cache_size=0` for PgBouncer.

    Raises:
        InvalidInput: The name of the schema is not one.
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
            raise InvalidInput(Fault("schema", f"{schema!r} is not a name for a schema: use letters, digits and _"))
        self.schema = schema
        self._dsn = dsn
        self._migrate = migrate
        self._pool_size = pool_size
        self._connect = dict(connect or {})
        self._pool: Any = None
        self._tables: tuple[Table, ...] = ()
        self._keeps_changes = False
        self._rows = PostgresRows(schema)

    def __repr__(self) -> str:
        return f"PostgresStore(schema={self.schema!r})"

    def sql(self, tables: Sequence[Table]) -> str:
        """The SQL that makes all tables which are not there yet; running it again does no harm.

        Pass the tables of the mirror: `store.sql(mirror.all_tables)`.
        """
        statements = [
            *tables_sql.migration(self.schema, tables),
            *tables_sql.indexes(self.schema, tables),
        ]
        return "".join(f"{each};\n" for each in statements)

    async def open(self, tables: Sequence[Table], *, changes: bool = False) -> None:
        """See `Store.open`. Raises `RuntimeError` where tables are missing and `migrate` is false."""
        self._tables, self._keeps_changes = tuple(tables), changes
        if self._pool is None:
            self._pool = await _asyncpg.create_pool(
                self._dsn, min_size=0, max_size=self._pool_size, command_timeout=300, reset=_nothing, **self._connect
            )
        try:
            await self._prepare(tables)
        except BaseException:
            await self.aclose()
            raise

    async def _prepare(self, tables: Sequence[Table]) -> None:
        async with self._transaction() as db:
            await db.execute("SELECT pg_advisory_xact_lock(hashtext($1))", f"kombo_async {self.schema} open")
            too_large = _asyncpg.ProgramLimitExceededError
            await self._rows.open(db, tables, migrate=self._migrate, too_large=too_large)

    async def aclose(self) -> None:
        """See `Store.aclose`."""
        pool, self._pool = self._pool, None
        if pool is not None:
            with anyio.CancelScope(shield=True):
                await pool.close()

    # integrations

    async def add(self, integration_id: str, category: str | None = None) -> None:
        """See `Store.add`."""
        await self._execute(
            f"INSERT INTO {self._own('integrations')} AS i (id, category, lane, due_at) "
            f"VALUES ($1, $2, 'long', {_NOW}) "
            "ON CONFLICT (id) DO UPDATE SET category = coalesce(excluded.category, i.category) "
            "WHERE excluded.category IS DISTINCT FROM i.category AND excluded.category IS NOT NULL",
            integration_id,
            category,
        )

    async def remove(self, integration_id: str) -> None:
        """See `Store.remove`."""
        async with self._transaction() as db:
            await db.execute(f"DELETE FROM {self._own('integrations')} WHERE id = $1", integration_id)
            for name in ("watermarks", "seen", "stale"):
                await db.execute(f"DELETE FROM {self._own(name)} WHERE integration_id = $1", integration_id)
            for table in self._tables:
                for nested in table.nested:
                    await db.execute(f"DELETE FROM {self._of(nested.name)} WHERE integration_id = $1", integration_id)
                sql = f"DELETE FROM {self._of(table.name)} WHERE integration_id = $1"
                if not (self._keeps_changes and table.keeps_records):
                    await db.execute(sql, integration_id)
                    continue
                gone = await db.fetch(f"{sql} RETURNING id", integration_id)
                await self._log(db, integration_id, table, [Difference(row[0], "deleted") for row in gone])

    async def integrations(self) -> list[StoredIntegration]:
        """See `Store.integrations`."""
        rows = await self._fetch(
            f"SELECT i.id AS integration_id, lane, due_at, told_at, looked_at, failures, error, {_NOW} AS now, "
            f"CASE WHEN lease_until > {_NOW} THEN owner END AS held_by, "
            "CASE WHEN count(w.full_at) = count(*) THEN min(w.full_at) END AS full_at "
            f"FROM {self._own('integrations')} i LEFT JOIN {self._own('watermarks')} w ON w.integration_id = i.id "
            r"AND w.missing_at IS NULL AND w.name NOT LIKE 'kombo\_%' GROUP BY i.id ORDER BY i.id"
        )
        return [StoredIntegration(**dict(row)) for row in rows]

    async def tell(self, integration_id: str, models: frozenset[str] | None = None) -> None:
        """See `Store.tell`."""
        async with self._transaction() as db:
            known = await db.fetchval(
                f"SELECT models FROM {self._own('integrations')} WHERE id = $1 FOR UPDATE", integration_id
            )
            if known is not None:
                await db.execute(
                    f"UPDATE {self._own('integrations')} SET told = told + 1, told_at = coalesce(told_at, {_NOW}), "
                    f"models = $2, due_at = least(due_at, {_NOW}) WHERE id = $1",
                    integration_id,
                    merged_models(known, models),
                )

    async def tell_all(self, seconds: float) -> None:
        """See `Store.tell_all`."""
        await self._execute(
            f"UPDATE {self._own('integrations')} SET due_at = {_NOW} WHERE id IN (SELECT id FROM "
            f"{self._own('integrations')} WHERE due_at > {_NOW} AND coalesce(looked_at, 0) <= {_NOW} - $1 "
            "ORDER BY id FOR UPDATE SKIP LOCKED)",
            float(seconds),
        )

    async def rewind(self, integration_id: str, since: datetime) -> None:
        """See `Store.rewind`."""
        await self._execute(
            f"UPDATE {self._own('watermarks')} SET rewind = least(rewind, $2) WHERE integration_id = $1",
            integration_id,
            since,
        )

    # turns

    async def claim(self, owner: str, places: Mapping[Lane, int], seconds: float) -> list[Turn]:
        """See `Store.claim`."""
        turns: list[Turn] = []
        async with self._transaction() as db:
            for lane, count in places.items():
                rows = await db.fetch(
                    f"{self._lease()} WHERE i.id IN (SELECT id FROM {self._own('integrations')} WHERE lane = $3 "
                    f"AND due_at <= {_NOW} AND lease_until <= {_NOW} "
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
        rows = await self._fetch(
            f"{self._lease()} WHERE i.id = $3 AND lease_until <= {_NOW} RETURNING i.*",
            owner,
            float(seconds),
            integration_id,
        )
        return _turn(rows[0]) if rows else None

    def _lease(self) -> str:
        return (
            f"UPDATE {self._own('integrations')} AS i SET owner = $1, lease_until = {_NOW} + $2, "
            f"fence = nextval('{quoted(self.schema)}.kombo_fence')"
        )

    async def renew(self, owner: str, seconds: float) -> Mapping[str, int]:
        """See `Store.renew`."""
        rows = await self._fetch(
            f"UPDATE {self._own('integrations')} SET lease_until = {_NOW} + $2 WHERE id IN (SELECT id FROM "
            f"{self._own('integrations')} WHERE owner = $1 ORDER BY id FOR UPDATE) RETURNING id, fence",
            owner,
            float(seconds),
        )
        return {row["id"]: row["fence"] for row in rows}

    async def release(self, turn: Turn, ending: Ending) -> None:
        """See `Store.release`."""
        await self._execute(
            f"""
            UPDATE {self._own("integrations")} SET owner = NULL, lease_until = 0, lane = $3, failures = $4, error = $5,
                due_at = CASE WHEN told > $6 THEN {_NOW} ELSE {_NOW} + $7 END,
                told_at = CASE WHEN $8 AND told = $6 THEN NULL WHEN $8 THEN {_NOW} ELSE told_at END,
                models = CASE WHEN $8 AND told = $6 THEN '[]' ELSE models END,
                looked_at = CASE WHEN $8 THEN {_NOW} ELSE looked_at END
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

    # syncs

    async def watermarks(self, integration_id: str) -> Mapping[str, Watermark]:
        """See `Store.watermarks`."""
        rows = await self._fetch(f"SELECT * FROM {self._own('watermarks')} WHERE integration_id = $1", integration_id)
        return {row["name"]: _watermark(row) for row in rows}

    async def begin(self, turn: Turn, table: Table, *, full: bool) -> Watermark:
        """See `Store.begin`."""
        async with self._turn(turn) as (db, _):
            key = (turn.integration_id, table.name)
            compares = False
            if full:
                await db.execute(f"DELETE FROM {self._own('seen')} WHERE integration_id = $1 AND name = $2", *key)
                # What is met has to be noted only where something is there that might not be.
                there = f"SELECT true FROM {self._of(table.name)} WHERE integration_id = $1 LIMIT 1"
                compares = bool(await db.fetchval(there, turn.integration_id))
            names = ("since", "rewind", "full_at", "missing_at")
            kept = ", ".join(f"{name} = CASE WHEN w.question = excluded.question THEN w.{name} END" for name in names)
            row = await db.fetchrow(
                f"INSERT INTO {self._own('watermarks')} AS w (integration_id, name, question, compares) "
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
    ) -> Written:
        """See `Store.write`."""
        logs = self._keeps_changes and table.keeps_records
        integration_id = turn.integration_id
        there = await self._there(table, integration_id, [*(each.id for each in records), *deleted], data=logs)
        gone = [id for id in deleted if id in there]
        new = [each for each in records if each.id not in there]
        changed = [each for each in records if each.id in there and there[each.id][1] != each.digest]
        async with self._turn(turn) as (db, told):
            await self._rows.put(db, integration_id, table, new, changed)
            await self._rows.delete(db, integration_id, table, gone)
            if full and records:
                await self._note_seen(db, integration_id, table, [each.id for each in records])
            touched = [*(each.id for each in new), *(each.id for each in changed), *gone]
            for spot in blind_spots if touched else ():
                await db.execute(
                    f"INSERT INTO {self._own('stale')} SELECT $1, $2, $3, unnest($4::text[]), {_NOW}, false "
                    "ON CONFLICT (integration_id, name, path, id) DO UPDATE SET noted_at = excluded.noted_at, "
                    "read = false",
                    integration_id,
                    spot.table,
                    spot.path,
                    touched,
                )
            if logs and touched:
                differences = [Difference(each.id, "inserted") for each in new]
                differences += [difference(each.fit(), there[each.id][2]) for each in changed]
                differences += [Difference(id, "deleted") for id in gone]
                await self._log(db, integration_id, table, differences)
        return Written(inserted=len(new), changed=len(changed), deleted=len(gone), told=told)

    async def _there(
        self, table: Table, integration_id: str, ids: Sequence[str], *, data: bool
    ) -> Mapping[str, Sequence[Any]]:
        """The records that are there, before the transaction: nobody else writes while the lease lasts.

        If it does not, the transaction refuses.
        """
        if not ids:
            return {}
        rows = await self._fetch(
            f"SELECT t.id, t.kombo_digest, {'t.data::text' if data else 'NULL'} FROM unnest($2::text[]) AS u (id) "
            f"CROSS JOIN LATERAL (SELECT * FROM {self._of(table.name)} t WHERE t.integration_id = $1 AND t.id = u.id "
            "LIMIT 1) t",
            integration_id,
            list(ids),
        )
        return {row[0]: row for row in rows}

    async def _note_seen(self, db: Connection, integration_id: str, table: Table, ids: Sequence[str]) -> None:
        await db.execute(
            f"INSERT INTO {self._own('seen')} SELECT $1, $2, unnest($3::text[]) WHERE (SELECT compares FROM "
            f"{self._own('watermarks')} WHERE integration_id = $1 AND name = $2) ON CONFLICT DO NOTHING",
            integration_id,
            table.name,
            list(ids),
        )

    async def unseen(self, turn: Turn, table: Table, after: str, limit: int) -> list[str]:
        """See `Store.unseen`."""
        async with self._turn(turn) as (db, _):
            # Two sets of equal size are compared: by hashing, whatever the planner believes of tables that just grew.
            await db.execute("SET LOCAL enable_nestloop = off")
            rows = await db.fetch(
                f'SELECT id FROM {self._of(table.name)} t WHERE integration_id = $1 AND id COLLATE "C" > $2 '
                f"AND (SELECT compares FROM {self._own('watermarks')} WHERE integration_id = $1 AND name = $3) "
                f"AND NOT EXISTS (SELECT 1 FROM {self._own('seen')} s WHERE s.integration_id = $1 AND s.name = $3 "
                'AND s.id = t.id) ORDER BY id COLLATE "C" LIMIT $4',
                turn.integration_id,
                after,
                table.name,
                limit,
            )
        return [row[0] for row in rows]

    async def finish(self, turn: Turn, table: Table, before: Watermark, after: Watermark, *, full: bool) -> None:
        """See `Store.finish`."""
        async with self._turn(turn) as (db, _):
            await db.execute(
                f"UPDATE {self._own('watermarks')} SET since = $3, full_at = $4, full_wanted = $5, missing_at = $6, "
                "rewind = CASE WHEN rewind IS NOT DISTINCT FROM $7 THEN NULL ELSE rewind END "
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
                    f"DELETE FROM {self._own('seen')} WHERE integration_id = $1 AND name = $2",
                    turn.integration_id,
                    table.name,
                )

    # what updated_after does not see

    async def want_full(self, turn: Turn, table: str) -> None:
        """See `Store.want_full`."""
        async with self._turn(turn) as (db, _):
            await db.execute(
                f"UPDATE {self._own('watermarks')} SET full_wanted = true WHERE integration_id = $1 AND name = $2",
                turn.integration_id,
                table,
            )

    async def stale(self, turn: Turn, table: Table, limit: int) -> list[Stale]:
        """See `Store.stale`."""
        rows = await self._fetch(
            f"SELECT path, id, noted_at, {_NOW} - noted_at AS age, read FROM {self._own('stale')} "
            "WHERE integration_id = $1 AND name = $2 ORDER BY read LIMIT $3",
            turn.integration_id,
            table.name,
            limit,
        )
        return [Stale(**dict(row)) for row in rows]

    async def nesting(self, turn: Turn, table: Table, path: str, ids: Sequence[str], limit: int) -> list[str]:
        """See `Store.nesting`."""
        rows = await self._fetch(
            f"SELECT id FROM {self._of(table.name)} WHERE integration_id = $1 AND CASE jsonb_typeof(data #> $2) "
            "WHEN 'object' THEN (data #> $2) ->> 'id' = ANY($3) "
            "WHEN 'array' THEN EXISTS (SELECT 1 FROM jsonb_array_elements(data #> $2) AS item "
            "WHERE jsonb_typeof(item) = 'object' AND item ->> 'id' = ANY($3)) ELSE false END ORDER BY id LIMIT $4",
            turn.integration_id,
            path.split("."),
            list(ids),
            limit,
        )
        return [row[0] for row in rows]

    async def settle(self, turn: Turn, table: Table, stale: Sequence[Stale], *, done: bool) -> None:
        """See `Store.settle`."""
        sql = (
            f"DELETE FROM {self._own('stale')} s USING"
            if done
            else f"UPDATE {self._own('stale')} s SET read = true FROM"
        )
        async with self._turn(turn) as (db, _):
            await db.execute(
                f"{sql} unnest($3::text[], $4::text[], $5::float8[]) AS u (path, id, noted_at) "
                "WHERE s.integration_id = $1 AND s.name = $2 AND s.path = u.path AND s.id = u.id "
                "AND s.noted_at = u.noted_at",
                turn.integration_id,
                table.name,
                [each.path for each in stale],
                [each.id for each in stale],
                [each.noted_at for each in stale],
            )

    # the log of changes

    async def subscribe(self, subscriber: str, owner: str, seconds: float) -> int | None:
        """See `Store.subscribe`."""
        async with self._transaction() as db:
            await db.execute(
                f"INSERT INTO {self._own('subscribers')} VALUES ($1, 0, NULL, 0) ON CONFLICT DO NOTHING", subscriber
            )
            position: int | None = await db.fetchval(
                f"UPDATE {self._own('subscribers')} SET owner = $2, lease_until = {_NOW} + $3 WHERE name = $1 "
                f"AND (owner = $2 OR lease_until <= {_NOW}) RETURNING position",
                subscriber,
                owner,
                float(seconds),
            )
        return position

    async def changes(self, after: int, limit: int) -> list[Change]:
        """See `Store.changes`."""
        async with self._transaction() as db:
            rows = await db.fetch(
                f"SELECT * FROM {self._own('changes')} WHERE position > $1 ORDER BY position LIMIT $2", after, limit
            )
            records: dict[tuple[str, str, str], Any] = {}
            for name in {row["name"] for row in rows} & {table.name for table in self._tables}:
                keys = [(row["integration_id"], row["id"]) for row in rows if row["name"] == name]
                found = await db.fetch(
                    f"SELECT integration_id, id, data::text FROM {self._of(name)} WHERE (integration_id, id) IN "
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
        rows = await self._fetch(
            f"UPDATE {self._own('subscribers')} SET position = $3 WHERE name = $1 AND owner = $2 RETURNING 1",
            subscriber,
            owner,
            position,
        )
        if not rows:
            raise LeaseLost(f"another process reads the changes for {subscriber!r}")

    async def prune(self, seconds: float) -> None:
        """See `Store.prune`."""
        await self._execute(
            f"DELETE FROM {self._own('changes')} WHERE at <= clock_timestamp() - make_interval(secs => $1) "
            f"OR position <= (SELECT min(position) FROM {self._own('subscribers')})",
            float(seconds),
        )

    # parts

    @asynccontextmanager
    async def _transaction(self) -> AsyncGenerator[Connection]:
        """A connection in a transaction, which is not cancelled half-way."""
        if self._pool is None:
            raise RuntimeError(f"{self!r} is not open")
        with anyio.CancelScope(shield=True):
            async with self._pool.acquire() as connection, connection.transaction():
                yield connection

    @asynccontextmanager
    async def _turn(self, turn: Turn) -> AsyncGenerator[tuple[Connection, int]]:
        """A transaction during which nobody can take the integration over, and how often it was told of."""
        async with self._transaction() as db:
            # All that follows looks up by keys; in a table that just began to grow, the planner would rather scan it.
            told: int | None = await db.fetchval(
                "SELECT told, set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true) "
                f"FROM {self._own('integrations')} WHERE id = $1 AND fence = $2 FOR SHARE",
                turn.integration_id,
                turn.fence,
            )
            if told is None:
                raise LeaseLost(f"another process has taken {turn.integration_id} over, or it was removed")
            yield db, told

    async def _execute(self, sql: str, *values: Any) -> None:
        await self._fetch(sql, *values)

    async def _fetch(self, sql: str, *values: Any) -> list[Any]:
        """Rows of one statement, which is a transaction by itself."""
        if self._pool is None:
            raise RuntimeError(f"{self!r} is not open")
        rows: list[Any] = []
        with anyio.CancelScope(shield=True):
            rows.extend(await self._pool.fetch(sql, *values))
        return rows

    def _own(self, name: str) -> str:
        return f"{quoted(self.schema)}.kombo_{name}"

    def _of(self, table: str) -> str:
        return f"{quoted(self.schema)}.{quoted(table)}"

    async def _log(self, db: Connection, integration_id: str, table: Table, differences: Sequence[Difference]) -> None:
        told = [each for each in differences if each.matters]
        if not told or not self._keeps_changes or not table.keeps_records:
            return
        # One writer at a time from here to the commit: positions become visible in their order.
        await db.execute("SELECT pg_advisory_xact_lock(hashtext($1))", f"kombo_async {self.schema} changes")
        await db.execute(
            f"INSERT INTO {self._own('changes')} (name, integration_id, id, kind, fields, before) "
            "SELECT $1, $2, * FROM unnest($3::text[], $4::text[], $5::jsonb[], $6::jsonb[])",
            table.name,
            integration_id,
            [each.id for each in told],
            [each.kind for each in told],
            [json.dumps(each.fields) for each in told],
            [json.dumps(each.before) for each in told],
        )


async def _nothing(connection: Connection) -> None:
    """Nothing is left behind in a connection that would have to be reset: that would be one more round trip each."""


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


def _watermark(row: Any) -> Watermark:
    names = ("since", "rewind", "full_at", "full_wanted", "missing_at")
    return Watermark(**{name: row[name] for name in names})
