"""Rows of the SQLite store: create their tables, fill columns, write and delete."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence, Set
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from kombo_async.mirror._columns import Column
from kombo_async.mirror._records import Record
from kombo_async.mirror._sqlite_connection import SqliteConnection, quoted, to_text
from kombo_async.mirror._table import Table

_TYPES = {"text": "TEXT", "timestamptz": "TEXT", "date": "TEXT", "numeric": "NUMERIC", "boolean": "INTEGER"}


class SqliteRows(SqliteConnection):
    """The tables of records."""

    def _create(self, name: str, columns: str, typed: Sequence[Column]) -> None:
        self._db.execute(f'CREATE TABLE IF NOT EXISTS "{name}" ({columns})')
        there = {row[1] for row in self._all(f'PRAGMA table_xinfo("{name}")')}
        if "data" not in there or "integration_id" not in there:
            raise RuntimeError(f"{name}: a table of this name exists and is not the mirror's; choose another name")
        added = [column for column in typed if column.name not in there]
        for column in added:
            self._db.execute(f'ALTER TABLE "{name}" ADD COLUMN {quoted(column.name)} {_TYPES.get(column.type, "TEXT")}')
        for column in typed:
            if column.type != "jsonb":
                index = quoted(f"{name}.{column.name}")
                self._db.execute(f'CREATE INDEX IF NOT EXISTS {index} ON "{name}" ({quoted(column.name)})')

    def _fill(self) -> None:
        """Fill columns and nested tables that the processes before this one did not know, from existing records."""
        known = dict(self._all("SELECT name, layout FROM kombo_layouts"))
        for table in self._tables:
            if known.get(table.name) != table.layout:
                self._fill_table(table, *table.added(known.get(table.name)))
                self._db.execute("INSERT OR REPLACE INTO kombo_layouts VALUES (?, ?)", [table.name, table.layout])

    def _fill_table(self, table: Table, columns: Sequence[Column], nested: Set[str]) -> None:
        names = ", ".join(f"{quoted(column.name)} = ?" for column in columns)
        items = [(each.name, each, inner) for each, inner in table.typed_nested if each.name in nested]
        after = 0
        sql = f'SELECT rowid, integration_id, id, data FROM "{table.name}" WHERE rowid > ? ORDER BY rowid LIMIT 1000'
        while (columns or nested) and (rows := self._all(sql, after)):
            after = rows[-1][0]
            plain = [(rowid, integration_id, id, json.loads(data)) for rowid, integration_id, id, data in rows]
            if columns:
                values = [(*_values(columns, record), rowid) for rowid, _, _, record in plain]
                self._db.executemany(f'UPDATE "{table.name}" SET {names} WHERE rowid = ?', values)
            for name, each, inner in items:
                for _, integration_id, id, record in plain:
                    self._delete_items(name, integration_id, [id])
                    self._put_items(name, inner, integration_id, id, each.rows(record))

    def _put(self, integration_id: str, table: Table, new: Sequence[Record], changed: Sequence[Record]) -> None:
        columns = [
            "integration_id",
            "id",
            "data",
            "kombo_digest",
            *(quoted(each.name) for each in table.typed_columns),
        ]
        updates = ", ".join(f"{name} = excluded.{name}" for name in columns[2:])
        self._db.executemany(
            f'INSERT INTO "{table.name}" ({", ".join(columns)}) VALUES ({", ".join("?" * len(columns))}) '
            f"ON CONFLICT (integration_id, id) DO UPDATE SET {updates}",
            [(integration_id, each.id, *_row(table, each, each.fit())) for each in (*new, *changed)],
        )
        for nested, columns_ in table.typed_nested:
            self._delete_items(nested.name, integration_id, [each.id for each in changed])
            for each in (*new, *changed):
                self._put_items(nested.name, columns_, integration_id, each.id, nested.rows(each.fit().plain))

    def _put_items(
        self,
        name: str,
        columns: Sequence[Column],
        integration_id: str,
        parent_id: str,
        items: Iterable[tuple[int, Any]],
    ) -> None:
        names = ["integration_id", "parent_id", "position", "data", *(quoted(each.name) for each in columns)]
        rows = [
            (integration_id, parent_id, position, json.dumps(item, ensure_ascii=False), *_values(columns, item))
            for position, item in items
        ]
        sql = f'INSERT INTO "{name}" ({", ".join(names)}) VALUES ({", ".join("?" * len(names))})'
        self._db.executemany(sql, rows)

    def _delete(self, integration_id: str, table: Table, ids: Sequence[str]) -> None:
        sql = f'DELETE FROM "{table.name}" WHERE integration_id = ? AND id = ?'
        self._db.executemany(sql, [(integration_id, id) for id in ids])
        for nested in table.nested:
            self._delete_items(nested.name, integration_id, ids)

    def _delete_items(self, name: str, integration_id: str, parent_ids: Sequence[str]) -> None:
        sql = f'DELETE FROM "{name}" WHERE integration_id = ? AND parent_id = ?'
        self._db.executemany(sql, [(integration_id, id) for id in parent_ids])


def _row(table: Table, record: Record, fit: Record) -> tuple[Any, ...]:
    if not table.keeps_records:
        return ("{}", record.digest)
    values = _values(table.typed_columns, fit.plain) if table.typed_columns else []
    return (fit.json, record.digest, *values)


def _values(columns: Sequence[Column], record: Any) -> list[Any]:
    return [_adapted(column.value(record)) for column in columns]


def _adapted(value: Any) -> Any:
    if isinstance(value, datetime):
        return to_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and abs(value) < 2**63 else float(value)
    return value
