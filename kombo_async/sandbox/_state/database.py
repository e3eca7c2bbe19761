"""SQLite databases: in the caller's file, or temporary."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path

PATIENCE = 5.0
"""Seconds to wait for another process to close the same file."""


class _Database(sqlite3.Connection):
    """A connection that closes itself when it is no longer referenced, since few sandboxes are closed explicitly."""

    def __del__(self) -> None:
        with suppress(sqlite3.ProgrammingError):  # it could not be opened
            self.close()


def open_database(path: Path | None = None) -> sqlite3.Connection:
    """The database in the file at *path*, created if missing.

    Without a path it ends with its connection; it is in memory while it is small, and in a temporary file after that.
    With one, nobody else can open it meanwhile. Raises `sqlite3.DatabaseError` for another kind of file.
    """
    database = sqlite3.connect(path or "", timeout=PATIENCE, check_same_thread=False, factory=_Database)
    try:
        # The sandbox is for trying things out: a power cut may take the last calls with it.
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute(f"PRAGMA journal_mode = {'WAL' if path else 'OFF'}")
        if path:
            database.executescript("BEGIN IMMEDIATE; COMMIT")  # takes the lock, which is then held until the end
    except BaseException:
        database.close()
        raise
    return database
