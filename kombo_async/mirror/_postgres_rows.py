"""Rows of the PostgreSQL store: create their tables, fill columns, write and delete."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kombo_async.mirror import _postgres_tables as tables_sql
from kombo_async.mirror._columns import Column
from kombo_async.mirror._postgres_pool import Connection
from kombo_async.mirror._postgres_tables import index_name, quoted
from kombo_async.mirror._records import Record
from kombo_async.mirror._table import Table

_LONGEST_INDEXED = 2000
"""The length in bytes of a text that certainly fits into an index."""
_BATCH = 1000


class PostgresRows:
    """The tables of records in a schema. Each method works in the transaction of the given connection."""

    def __init__(self, schema: str) -> None:
        self._schema = schema
        self._tables: tuple[Table, ...] = ()
        self._unindexed: set[str] = set()

    async def open(self, db: Connection, tables: Sequence[Table], *, migrate: bool, too_large: type[Exception]) -> None:
        """Create (or find) the tables. Texts too long for an index raise *too_large*."""
        self._tables = tuple(tables)
        if migrate:
            await self._migrate(db)
        await self._check_format(db)
        for name, _, columns in tables_sql.layouts(tables):
            await self._check_columns(db, name, columns)
        for statement in tables_sql.indexes(self._schema, tables) if migrate else ():
            try:
                async with db.transaction():
                    await db.execute(statement)
            except too_large:
                continue

    async def _migrate(self, db: Connection) -> None:
        create_schema, *statements = tables_sql.migration(self._schema, self._tables)
        # Even with IF NOT EXISTS, the role would need the right to create schemas.
        if not await db.fetchval("SELECT true FROM pg_namespace WHERE nspname = $1", self._schema):
            await db.execute(create_schema)
        for statement in statements:
            await db.execute(statement)

    async def _check_format(self, db: Connection) -> None:
        there = await db.fetchval("SELECT to_regclass($1)", _own(self._schema, "format"))
        if there is None:
            raise RuntimeError(
                f"the schema {self._schema!r} has no tables of the mirror: run the SQL that sql() returns"
            )
        version = await db.fetchval(f"SELECT max(version) FROM {_own(self._schema, 'format')}")
        if version != tables_sql.FORMAT:
            needed = tables_sql.FORMAT
            raise RuntimeError(f"the schema has version {version} of the mirror's tables, but {needed} is needed")

    async def _check_columns(self, db: Connection, name: str, columns: Sequence[Column]) -> None:
        rows = await db.fetch(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2",
            self._schema,
            name,
        )
        there = {row[0]: row[1].replace("timestamp with time zone", "timestamptz") for row in rows}
        if not {"integration_id", "data"} <= set(there):
            problem = (
                "is missing: run the SQL that sql() returns"
                if not there
                else "is not the mirror's; choose another name"
            )
            raise RuntimeError(f"the table {name!r} {problem}")
        for column in columns:
            if column.name not in there:
                raise RuntimeError(f"the table {name!r} has no column {column.name!r}: run the SQL that sql() returns")
            if there[column.name] != column.type:
                raise RuntimeError(f"{name}.{column.name} is {there[column.name]}, but must be {column.type}")

    async def is_filled(self, db: Connection) -> bool:
        """Whether all columns were filled by the processes before this one."""
        known = await self._layouts(db)
        return all(known.get(table.name) == table.layout for table in self._tables)

    async def fill(self, db: Connection) -> None:
        """Fill columns and nested tables that the processes before this one did not know, from existing records."""
        known = await self._layouts(db)
        for table in self._tables:
            if known.get(table.name) == table.layout:
                continue
            columns, nested = table.added(known.get(table.name))
            if columns or nested:
                await self._fill_table(db, table, columns, nested)
            await db.execute(
                f"INSERT INTO {_own(self._schema, 'layouts')} VALUES ($1, $2) "
                "ON CONFLICT (name) DO UPDATE SET layout = excluded.layout",
                table.name,
                table.layout,
            )

    async def _layouts(self, db: Connection) -> Mapping[str, str]:
        rows = await db.fetch(f"SELECT name, layout FROM {_own(self._schema, 'layouts')}")
        return {row["name"]: row["layout"] for row in rows}

    async def _fill_table(self, db: Connection, table: Table, added: Sequence[Column], nested: set[str]) -> None:
        after = ("", "")
        sql = (
            f"SELECT integration_id, id, data::text FROM {self._of(table.name)} WHERE (integration_id, id) > ($1, $2) "
            f"ORDER BY integration_id, id LIMIT {_BATCH}"
        )
        while rows := await db.fetch(sql, *after):
            after = (rows[-1][0], rows[-1][1])
            plain = [json.loads(row[2]) for row in rows]
            if added:
                values = [[each.value(record) for each in added] for record in plain]
                await self._drop_short_indexes(db, table.name, added, values)
                names = ", ".join(quoted(each.name) for each in added)
                sets = ", ".join(f"{quoted(each.name)} = u.{quoted(each.name)}" for each in added)
                arrays = ", ".join(f"${number}::{each.type}[]" for number, each in enumerate(added, 3))
                await db.execute(
                    f"UPDATE {self._of(table.name)} t SET {sets} FROM unnest($1::text[], $2::text[], {arrays}) "
                    f"AS u (integration_id, id, {names}) WHERE t.integration_id = u.integration_id AND t.id = u.id",
                    [row[0] for row in rows],
                    [row[1] for row in rows],
                    *(list(column) for column in zip(*values, strict=True)),
                )
            for row, record in zip(rows, plain, strict=True):
                await self._put_items(db, row[0], table, [(row[1], record)], only=nested)

    async def put(
        self, db: Connection, integration_id: str, table: Table, new: Sequence[Record], changed: Sequence[Record]
    ) -> None:
        """Insert *new* records, and replace those *changed*."""
        columns = ["id", "data", "kombo_digest", *(each.name for each in table.typed_columns)]
        types = ["text", "jsonb", "bytea", *(each.type for each in table.typed_columns)]
        fit = {each.id: each.fit() for each in (*new, *changed)} if table.keeps_records else {}
        added = [_row(table, each, fit.get(each.id)) for each in new]
        replaced = [_row(table, each, fit.get(each.id)) for each in changed]
        await self._drop_short_indexes(db, table.name, table.typed_columns, (row[3:] for row in (*added, *replaced)))
        if added:
            await db.copy_records_to_table(
                table.name,
                schema_name=self._schema,
                columns=["integration_id", *columns],
                records=[(integration_id, *row) for row in added],
            )
        if replaced:
            names = ", ".join(map(quoted, columns))
            sets = ", ".join(f"{quoted(name)} = u.{quoted(name)}" for name in columns[1:])
            arrays = ", ".join(f"${number}::{type}[]" for number, type in enumerate(types, 2))
            await db.execute(
                f"UPDATE {self._of(table.name)} t SET {sets} FROM unnest({arrays}) AS u ({names}) "
                "WHERE t.integration_id = $1 AND t.id = u.id",
                integration_id,
                *(list(values) for values in zip(*replaced, strict=True)),
            )
        if table.nested:
            await self._delete_items(db, integration_id, table, [each.id for each in changed])
            items = [(id, record.plain) for id, record in fit.items()]
            await self._put_items(db, integration_id, table, items)

    async def _drop_short_indexes(
        self, db: Connection, table: str, columns: Sequence[Column], rows: Iterable[Sequence[Any]]
    ) -> None:
        """Drop the index on a column once a text is too long for an index; *rows* are values of the columns."""
        texts = [(at, each.name) for at, each in enumerate(columns) if each.type == "text"]
        texts = [each for each in texts if index_name(table, each[1]) not in self._unindexed]
        if not texts:
            return
        for row in rows:
            for at, name in texts:
                index = index_name(table, name)
                value = row[at]
                if value and len(value) > _LONGEST_INDEXED // 4 and len(value.encode()) > _LONGEST_INDEXED:
                    self._unindexed.add(index)
                    await db.execute(f"DROP INDEX IF EXISTS {self._of(index)}")

    async def _put_items(
        self,
        db: Connection,
        integration_id: str,
        table: Table,
        records: Sequence[tuple[str, Mapping[str, Any]]],
        *,
        only: set[str] | None = None,
    ) -> None:
        for nested, columns in table.typed_nested:
            if only is not None and nested.name not in only:
                continue
            rows = [
                (integration_id, id, position, json.dumps(item), *(each.value(item) for each in columns))
                for id, record in records
                for position, item in nested.rows(record)
            ]
            await self._drop_short_indexes(db, nested.name, columns, (row[4:] for row in rows))
            if only is not None:
                await self._delete_items(db, integration_id, table, [id for id, _ in records], only=only)
            await db.copy_records_to_table(
                nested.name,
                schema_name=self._schema,
                columns=["integration_id", "parent_id", "position", "data", *(each.name for each in columns)],
                records=rows,
            )

    async def delete(self, db: Connection, integration_id: str, table: Table, ids: Sequence[str]) -> None:
        """Delete records, with the items nested in them."""
        if ids:
            sql = f"DELETE FROM {self._of(table.name)} WHERE integration_id = $1 AND id = ANY($2)"
            await db.execute(sql, integration_id, list(ids))
            await self._delete_items(db, integration_id, table, ids)

    async def _delete_items(
        self, db: Connection, integration_id: str, table: Table, ids: Sequence[str], *, only: set[str] | None = None
    ) -> None:
        for nested in table.nested:
            if ids and (only is None or nested.name in only):
                sql = f"DELETE FROM {self._of(nested.name)} WHERE integration_id = $1 AND parent_id = ANY($2)"
                await db.execute(sql, integration_id, list(ids))

    def _of(self, table: str) -> str:
        return f"{quoted(self._schema)}.{quoted(table)}"


def _own(schema: str, name: str) -> str:
    return f"{quoted(schema)}.kombo_{name}"


def _row(table: Table, record: Record, fit: Record | None) -> tuple[Any, ...]:
    if fit is None:
        return (record.id, "{}", record.digest)
    values = [each.value(fit.plain) for each in table.typed_columns] if table.typed_columns else []
    return (record.id, fit.json, record.digest, *values)
