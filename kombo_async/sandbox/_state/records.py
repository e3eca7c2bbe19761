"""Records in SQLite, to keep the process's memory constant."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

SCHEMA = """
    CREATE TABLE IF NOT EXISTS records (
        integration TEXT, model TEXT, place INTEGER, data BLOB NOT NULL, touched TEXT NOT NULL,
        PRIMARY KEY (integration, model, place)
    ) WITHOUT ROWID;
    DROP INDEX IF EXISTS records_touched; -- of older files
    CREATE TABLE IF NOT EXISTS touches (
        integration TEXT, model TEXT, field TEXT, value TEXT, at TEXT NOT NULL,
        PRIMARY KEY (integration, model, field, value)
    ) WITHOUT ROWID;
    -- These fail if they are other tables:
    SELECT integration, model, place, data, touched FROM records LIMIT 0;
    SELECT integration, model, field, value, at FROM touches LIMIT 0;
    CREATE TEMP TABLE look_ups (
        records INTEGER, field TEXT, value, place INTEGER,
        PRIMARY KEY (records, field, value, place)
    ) WITHOUT ROWID;
"""


class Records:
    """The stored records of one model of an integration: plain data by place."""

    _count = 0

    def __init__(self, connection: sqlite3.Connection, integration_id: str, model: str) -> None:
        self._connection = connection
        self._key = (integration_id, model)
        Records._count += 1
        self._number = Records._count

    def end(self) -> int:
        """The place after the last stored one."""
        statement = "SELECT max(place) FROM records WHERE integration = ? AND model = ?"
        last: int | None = self._connection.execute(statement, self._key).fetchone()[0]
        return 0 if last is None else last + 1

    def read(self, place: int) -> tuple[dict[str, Any], str] | None:
        """A stored record, and when it was last touched."""
        found = self._connection.execute(
            "SELECT data, touched FROM records WHERE integration = ? AND model = ? AND place = ?", (*self._key, place)
        ).fetchone()
        return None if found is None else (msgspec.json.decode(found[0]), found[1])

    def write(self, place: int, data: dict[str, Any], touched: str) -> None:
        """Store a new or changed record."""
        values = (*self._key, place, msgspec.json.encode(data), touched)
        self._connection.execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?)", values)

    def stored(self, start: int, end: int, *, without: str) -> list[tuple[int, bool]]:
        """The places from *start* to *end* whose records are stored, and whether their JSON is *without* a text."""
        return self._connection.execute(
            "SELECT place, instr(data, ?) = 0 FROM records"
            " WHERE integration = ? AND model = ? AND place >= ? AND place < ?",
            (without.encode(), *self._key, start, end),
        ).fetchall()

    def touched(self, start: int, end: int) -> list[tuple[int, str]]:
        """The places from *start* to *end* whose records are stored, and when they were last touched."""
        return self._connection.execute(
            "SELECT place, touched FROM records WHERE integration = ? AND model = ? AND place >= ? AND place < ?",
            (*self._key, start, end),
        ).fetchall()

    def touch_all(self, field: str, value: str, at: str) -> None:
        """Store when all records with *value* in *field* were last touched."""
        self._connection.execute(
            "INSERT OR REPLACE INTO touches VALUES (?, ?, ?, ?, ?)", (*self._key, field, value, at)
        )

    def touches(self) -> list[tuple[str, str, str]]:
        """What `touch_all` stored: fields, values and times."""
        statement = "SELECT field, value, at FROM touches WHERE integration = ? AND model = ?"
        return self._connection.execute(statement, self._key).fetchall()

    # Look-ups

    def enter(self, field: str, values: Iterable[tuple[Any, int]]) -> None:
        """Make records findable by values of *field*: for each of *values*, the record in that place."""
        self._connection.executemany(
            "INSERT OR IGNORE INTO look_ups VALUES (?, ?, ?, ?)",
            [(self._number, field, value, place) for value, place in values],
        )

    def strike(self, field: str, values: Iterable[Any], place: int) -> None:
        """Undo `enter`."""
        self._connection.executemany(
            "DELETE FROM look_ups WHERE records = ? AND field = ? AND value = ? AND place = ?",
            [(self._number, field, value, place) for value in values],
        )

    def places(self, field: str, value: Any, most: int | None = None) -> list[int]:
        """The places that have *value* in *field*, in order; at most the first *most*."""
        found = self._connection.execute(
            "SELECT place FROM look_ups WHERE records = ? AND field = ? AND value = ? ORDER BY place LIMIT ?",
            (self._number, field, value, -1 if most is None else most),
        )
        return [place for (place,) in found]

    def common_values(self, field: str, least: int) -> list[Any]:
        """The values of *field* that more than *least* records have."""
        found = self._connection.execute(
            "SELECT value FROM look_ups WHERE records = ? AND field = ? GROUP BY value HAVING count(*) > ?",
            (self._number, field, least),
        )
        return [value for (value,) in found]

    def places_containing(self, field: str, text: str, without: Sequence[Any]) -> list[int]:
        """The places of records with *text* in a value of *field* that is not one of those *without*."""
        statement = "SELECT place FROM look_ups WHERE records = ? AND field = ? AND instr(value, ?) > 0"
        statement += f" AND value NOT IN ({', '.join('?' * len(without))})"
        found = self._connection.execute(statement, (self._number, field, text, *without))
        return [place for (place,) in found]
