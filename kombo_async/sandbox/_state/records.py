"""Records in SQLite, to keep the process's memory constant."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import msgspec

SCHEMA = """
    CREATE TABLE IF NOT EXISTS records (
        integration TEXT, model TEXT, place INTEGER, data BLOB NOT NULL, touched TEXT NOT NULL,
        PRIMARY KEY (integration, model, place)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS records_touched ON records (integration, model, touched, place);
    CREATE TEMP TABLE look_ups (
        records INTEGER, field TEXT, value, place INTEGER,
        PRIMARY KEY (records, field, value, place)
    ) WITHOUT ROWID;
"""

_ALSO = "SELECT 1 FROM look_ups AS other WHERE other.place = mine.place AND records = ? AND field = ?"
Look: TypeAlias = tuple[str, Sequence[Any]]
"""A field and the values to find there, any of them."""


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

    def stored(self, start: int, end: int) -> list[int]:
        """The places from *start* to *end* whose records are stored."""
        found = self._connection.execute(
            "SELECT place FROM records WHERE integration = ? AND model = ? AND place >= ? AND place < ?",
            (*self._key, start, end),
        )
        return [place for (place,) in found]

    def touched_since(self, at: str, start: int = 0, limit: int = -1) -> list[int]:
        """The first places from *start* on whose stored records were touched then or later, in order."""
        found = self._connection.execute(
            "SELECT place FROM records WHERE integration = ? AND model = ? AND touched >= ? AND place >= ?"
            " ORDER BY place LIMIT ?",
            (*self._key, at, start, limit),
        )
        return [place for (place,) in found]

    # Look-ups

    def enter(self, field: str, values: Iterable[Any], place: int) -> None:
        """Make the record in *place* findable by *values* of *field*."""
        self._connection.executemany(
            "INSERT OR IGNORE INTO look_ups VALUES (?, ?, ?, ?)",
            [(self._number, field, value, place) for value in values],
        )

    def strike(self, field: str, values: Iterable[Any], place: int) -> None:
        """Undo `enter`."""
        self._connection.executemany(
            "DELETE FROM look_ups WHERE records = ? AND field = ? AND value = ? AND place = ?",
            [(self._number, field, value, place) for value in values],
        )

    def count_up_to(self, field: str, value: Any, most: int) -> int:
        """How many records are found by *value*, but no more than *most*."""
        statement = (
            "SELECT count(*) FROM (SELECT 1 FROM look_ups WHERE records = ? AND field = ? AND value = ? LIMIT ?)"
        )
        count: int = self._connection.execute(statement, (self._number, field, value, most)).fetchone()[0]
        return count

    def places(self, look: Look, others: Sequence[Look] = (), start: int = 0, limit: int = -1) -> list[int]:
        """The first places from *start* on that have a value of *look* and of each of *others*, in order."""
        field, values = look
        statement = "SELECT place FROM look_ups AS mine WHERE records = ? AND field = ? AND value = ? AND place >= ?"
        given: list[Any] = []
        for other_field, other_values in others:
            statement += f" AND EXISTS ({_ALSO} AND value IN ({', '.join('?' * len(other_values))}))"
            given += [self._number, other_field, *other_values]
        statement += " ORDER BY place LIMIT ?"
        found: set[int] = set()
        for value in values:
            rows = self._connection.execute(statement, (self._number, field, value, start, *given, limit))
            found.update(place for (place,) in rows)
        places = sorted(found)
        return places if limit < 0 else places[:limit]

    def places_between(self, field: str, low: Any, high: Any, start: int = 0, limit: int = -1) -> list[int]:
        """The first places from *start* on whose records have a value of *field* from *low* to *high*, in order."""
        found = self._connection.execute(
            "SELECT place FROM look_ups WHERE records = ? AND field = ? AND value >= ? AND value <= ? AND place >= ?"
            " ORDER BY place LIMIT ?",
            (self._number, field, low, high, start, limit),
        )
        return [place for (place,) in found]

    def places_containing(self, field: str, text: str) -> list[int]:
        """The places of records with *text* in a value of *field*."""
        found = self._connection.execute(
            "SELECT place FROM look_ups WHERE records = ? AND field = ? AND instr(value, ?) > 0",
            (self._number, field, text),
        )
        return [place for (place,) in found]
