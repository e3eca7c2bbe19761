"""SQLite databases: in the caller's file, or temporary."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path


class _Database(sqlite3.Connection):
    """A connection that closes itself when it is no longer referenced, since few sandboxes are closed explicitly."""

    def __del__(self) -> None:
        with suppress(sqlite3.ProgrammingError):  # it could not be opened
            self.close()


def open_database(path: Path | None = None) -> sqlite3.Connection:
    """The database in the file at *path*, created if missing.

    Without a path, it is temporary: in memory while it is small, then in a temporary file.
    Raises `sqlite3.DatabaseError` for another kind of file.
    """
    database = sqlite3.connect(path or "", check_same_thread=False, factory=_Database)
    # The sandbox is for trying things out: a power cut may lose the last calls.
    database.execute("PRAGMA synchronous = OFF")
    database.execute(f"PRAGMA journal_mode = {'WAL' if path else 'OFF'}")
    return database
