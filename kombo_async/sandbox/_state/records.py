"""Records in SQLite, so that the process's memory does not grow with them."""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec

SCHEMA = """
    CREATE TABLE IF NOT EXISTS records (
        integration TEXT, model TEXT, place INTEGER, data BLOB NOT NULL, touched TEXT NOT NULL,
        PRIMARY KEY (integration, model, place)
    ) WITHOUT ROWID;
    CREATE TEMP TABLE look_ups (
        integration TEXT, model TEXT, field TEXT, value, place INTEGER,
        PRIMARY KEY (integration, model, field, value, place)
    ) WITHOUT ROWID;
"""


class Records:
    """The records of one model of an integration: plain data, each in its place."""

    def __init__(self, connection: sqlite3.Connection, integration_id: str, model: str) -> None:
        self._connection = connection
        self._key = (integration_id, model)

    def count(self) -> int:
        """How many there are."""
        statement = "SELECT count(*) FROM records WHERE integration = ? AND model = ?"
        count: int = self._connection.execute(statement, self._key).fetchone()[0]
        return count

    def read(self, place: int) -> tuple[dict[str, Any], str]:
        """A record, and when it was touched last. Raises `LookupError` where the sandbox was reset since."""
        found = self._connection.execute(
            "SELECT data, touched FROM records WHERE integration = ? AND model = ? AND place = ?", (*self._key, place)
        ).fetchone()
        if found is None:
            raise LookupError(f"there is no record of {self._key[1]} in place {place} any more: the sandbox was reset")
        data, touched = found
        return msgspec.json.decode(data), touched

    def write(self, place: int, data: dict[str, Any], touched: str) -> None:
        """Keep a new or changed record."""
        values = (*self._key, place, msgspec.json.encode(data), touched)
        self._connection.execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?)", values)

    def touch(self, place: int, touched: str) -> None:
        """Keep when a record was touched last."""
        self._connection.execute(
            "UPDATE records SET touched = ? WHERE integration = ? AND model = ? AND place = ?",
            (touched, *self._key, place),
        )

    def places(self, field: str, value: Any) -> list[int]:
        """Where the records are that were entered with *value* in *field*."""
        found = self._connection.execute(
            "SELECT place FROM look_ups WHERE integration = ? AND model = ? AND field = ? AND value = ? ORDER BY place",
            (*self._key, field, value),
        )
        return [place for (place,) in found]

    def enter(self, field: str, value: Any, place: int) -> None:
        """Let the record in *place* be found by *value* in *field*."""
        self._connection.execute(
            "INSERT OR IGNORE INTO look_ups VALUES (?, ?, ?, ?, ?)", (*self._key, field, value, place)
        )

    def strike(self, field: str, value: Any, place: int) -> None:
        """Undo `enter`."""
        self._connection.execute(
            "DELETE FROM look_ups WHERE integration = ? AND model = ? AND field = ? AND value = ? AND place = ?",
            (*self._key, field, value, place),
        )
