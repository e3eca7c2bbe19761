"""The state of a sandbox, kept up to date in SQLite: in the caller's file, or in a temporary one."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs
import msgspec

from kombo_async.sandbox._state.clock import Clock, parse, stamp
from kombo_async.sandbox._state.database import open_database
from kombo_async.sandbox._state.files import StoredFile
from kombo_async.sandbox._state.integrations import Integration, Sync
from kombo_async.sandbox._state.records import SCHEMA as RECORDS_SCHEMA
from kombo_async.sandbox._state.records import Records
from kombo_async.sandbox._state.sizes import Sizes

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS integrations (id TEXT PRIMARY KEY, data BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS files (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, content_type TEXT NOT NULL, data BLOB NOT NULL, url TEXT
    );
"""
VERSION = "3"


def open_state(path: Path | None) -> State:
    """The state in the file at *path*, created if missing; without a path, it is temporary.

    Raises `ValueError` if the file is not a state file, is damaged, is in use or cannot be opened.
    """
    with _told(path):
        connection = open_database(path)
        try:
            _check(connection)
            connection.executescript(_SCHEMA + RECORDS_SCHEMA)
            state = State(connection, path)
            if state.meta("version", VERSION) != VERSION:
                raise _Unfit("was written by another version; use a new file")
        except BaseException:
            connection.close()
            raise
    return state


class _Unfit(Exception):
    """Everything that a sandbox has to remember, except for calls."""


@contextmanager
def _told(path: Path | None) -> Generator[None]:
    """Turn every problem with the file into a `ValueError` that names its *path*."""
    try:
        yield
    except _Unfit as error:
        raise ValueError(f"state: {path} {error}") from None
    except sqlite3.OperationalError as error:
        in_use = error.sqlite_errorcode == sqlite3.SQLITE_BUSY
        why = "is in use by another sandbox" if in_use else f"cannot be opened: {error}"
        raise ValueError(f"state: {path} {why}") from None
    except sqlite3.DatabaseError:
        raise ValueError(f"state: {path} is not a state file of the sandbox, or is damaged") from None
    except (ValueError, TypeError, LookupError) as error:
        raise ValueError(f"state: {path} is damaged: {error}") from None


def _check(connection: sqlite3.Connection) -> None:
    """Refuse other programs' databases, before anything is written to them."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables and not tables >= {"meta", "integrations", "records", "files"}:
        raise _Unfit("is not a state file of the sandbox")


def _integration(plain: dict[str, Any], clock: Clock) -> Integration:
    return Integration(sync=Sync(clock=clock, **plain.pop("sync")), **plain)


class State:
    """Everything that a sandbox has to remember, except for calls. Raises `ValueError` if it is damaged."""

    def __init__(self, connection: sqlite3.Connection, path: Path | None) -> None:
        self._connection = connection
        self._path = path

    def meta(self, name: str, default: str) -> str:
        """A stored setting. If it is missing, *default* is stored."""
        found = self._connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        if found is not None:
            value: str = found[0]
            return value
        self._connection.execute("INSERT INTO meta VALUES (?, ?)", (name, default))
        return default

    def born(self, now: datetime) -> datetime:
        """When the state was created: *now* if it is new."""
        with _told(self._path):
            return parse(self.meta("born", stamp(now)))

    def seed(self, seed: int) -> int:
        """The seed that the state was created with: *seed* if it is new."""
        with _told(self._path):
            return int(self.meta("seed", str(seed)))

    def sizes(self, sizes: Sizes) -> Sizes:
        """The sizes that the state was created with: *sizes* if it is new."""
        with _told(self._path):
            return msgspec.json.decode(self.meta("sizes", msgspec.json.encode(sizes).decode()), type=Sizes)

    @property
    def has_integrations(self) -> bool:
        """Whether it has integrations, which means that the file is not new."""
        return self._connection.execute("SELECT 1 FROM integrations LIMIT 1").fetchone() is not None

    def integrations(self, clock: Clock) -> list[Integration]:
        """The stored integrations."""
        with _told(self._path):
            rows = self._connection.execute("SELECT data FROM integrations ORDER BY rowid").fetchall()
            return [_integration(msgspec.json.decode(data), clock) for (data,) in rows]

    def save_integration(self, integration: Integration) -> None:
        """Store an integration."""
        plain = attrs.asdict(integration, filter=lambda field, _: field.name != "clock", recurse=True)
        if plain["sync"]["until"] == float("inf"):
            plain["sync"]["until"] = 1e18  # JSON has no infinity
        statement = "INSERT INTO integrations VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET data = excluded.data"
        self._connection.execute(statement, (integration.id, msgspec.json.encode(plain)))
        self.commit()

    def records(self, integration_id: str, model: str) -> Records:
        """The records of a model."""
        return Records(self._connection, integration_id, model)

    def copy_records(self, integration_id: str, copy_id: str) -> None:
        """Copy all records of an integration to another ID."""
        for table, columns in (("records", "model, place, data, touched"), ("touches", "model, field, value, at")):
            self._connection.execute(f"DELETE FROM {table} WHERE integration = ?", (copy_id,))  # noqa: S608 - our own
            copied = f"INSERT INTO {table} SELECT ?, {columns} FROM {table} WHERE integration = ?"  # noqa: S608 - our own
            self._connection.execute(copied, (copy_id, integration_id))

    def save_file(self, id: str, file: StoredFile) -> None:
        """Store a file."""
        values = (id, file.name, file.content_type, file.data, file.url)
        self._connection.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", values)

    def file(self, id: str) -> StoredFile | None:
        """The file with this ID."""
        found = self._connection.execute(
            "SELECT name, content_type, data, url FROM files WHERE id = ?", (id,)
        ).fetchone()
        return None if found is None else StoredFile(*found)

    def clear(self) -> None:
        """Delete everything except for the time of creation and the seed."""
        for table in ("integrations", "records", "touches", "look_ups", "files"):
            self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own
        self.commit()

    def commit(self) -> None:
        """Write what has changed; not needed without a file, since nobody else reads it."""
        if self._path is not None and self._connection.in_transaction:
            self._connection.commit()

    def close(self) -> None:
        """Write what has changed, and close the file."""
        self.commit()
        self._connection.close()
