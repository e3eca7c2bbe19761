"""The connection to the SQLite store's file, and its formats of names and times."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from kombo_async.mirror._store import StoreUnavailable
from kombo_async.mirror._table import Table

_AWAY = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
}


class SqliteConnection:
    """One connection to the file at *path*, with the clock *now* and the tables it was opened for."""

    def __init__(self, path: str, now: Callable[[], float]) -> None:
        self._path = path if path == ":memory:" else os.path.abspath(path)
        self._file = (0, 0)
        with translated(path):
            if path != ":memory:":
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # people's data: only for the owner
            self._db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = NORMAL")
                if path != ":memory:":
                    found = os.stat(path)
                    self._file = (found.st_dev, found.st_ino)
            except BaseException:
                self._db.close()
                raise
        self._now = now
        self._tables: tuple[Table, ...] = ()
        self._table_set = ""
        self._keeps_changes = False

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def check_file(self) -> None:
        """Raise `StoreUnavailable` if the file was removed or replaced: what is written would be lost."""
        if self._path == ":memory:":
            return
        try:
            there = os.stat(self._path)
        except OSError:
            there = None
        if there is None or (there.st_dev, there.st_ino) != self._file:
            raise StoreUnavailable(
                f"the SQLite file {self._path!r} was removed or replaced while it was open: restart the process"
            )

    def transaction(self, work: Callable[..., Any], *args: Any) -> Any:
        """Run *work* in a transaction."""
        self.check_file()
        with translated(self._path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                result = work(*args)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # SQLite itself rolls back after some errors
                    self._db.execute("ROLLBACK")
                raise
        return result

    def _all(self, sql: str, *values: Any) -> list[Any]:
        return self._db.execute(sql, values).fetchall()

    def _one(self, sql: str) -> Any:
        return self._db.execute(sql).fetchone()[0]


@contextmanager
def translated(path: str) -> Generator[None]:
    """Raise errors of SQLite and the system as `StoreUnavailable` or as a `RuntimeError` that names the file."""
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(f"the SQLite file {path!r} cannot be used: {error.strerror}") from None
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", None)
        if isinstance(code, int) and code & 0xFF in _AWAY:
            raise StoreUnavailable(f"the SQLite file {path!r} cannot be used: {error}") from None
        if isinstance(error, sqlite3.IntegrityError | sqlite3.DataError):
            raise
        raise RuntimeError(f"the SQLite file {path!r} cannot be used: {error}") from error


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
