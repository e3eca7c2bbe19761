"""Databases of SQLite's: in a file of the caller's, or out of sight."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path


class _Database(sqlite3.Connection):
    """A connection that closes itself when nobody holds it any more: few sandboxes are closed by hand."""

    def __del__(self) -> None:
        with suppress(sqlite3.ProgrammingError):  # it could not be opened
            self.close()


def open_database(path: Path | None = None) -> sqlite3.Connection:
    """The database in the file at *path*, which is made if there is none.

    Without a path it ends with its connection; it is in memory while it is small, and in a temporary file after that.
    Raises `sqlite3.DatabaseError` for another kind of file.
    """
    database = sqlite3.connect(path or "", check_same_thread=False, factory=_Database)
    # The sandbox is for trying things out: a power cut may take the last calls with it.
    database.execute("PRAGMA synchronous = OFF")
    database.execute(f"PRAGMA journal_mode = {'WAL' if path else 'OFF'}")
    return database
