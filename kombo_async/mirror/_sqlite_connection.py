"""The connection to the SQLite store's file, and its formats of names and times."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from kombo_async.mirror._table import Table


class SqliteConnection:
    """One connection to the file at *path*, with the clock *now* and the tables it was opened for."""

    def __init__(self, path: str, now: Callable[[], float]) -> None:
        if path != ":memory:" and not os.path.exists(path):
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # people's data: only for the owner
        self._db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._now = now
        self._tables: tuple[Table, ...] = ()
        self._table_set = ""
        self._keeps_changes = False

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def transaction(self, work: Callable[..., Any], *args: Any) -> Any:
        """Run *work* in a transaction."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            result = work(*args)
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        return result

    def _all(self, sql: str, *values: Any) -> list[Any]:
        return self._db.execute(sql, values).fetchall()

    def _one(self, sql: str) -> Any:
        return self._db.execute(sql).fetchone()[0]


def quoted(name: str) -> str:
    """*name* as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def to_text(time: datetime | None) -> str | None:
    """A time as text, in a form that sorts by time."""
    if time is None:
        return None
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_text(text: str | None) -> datetime | None:
    """The time in a text from `to_text`."""
    return None if text is None else datetime.fromisoformat(text)
