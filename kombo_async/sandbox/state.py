"""Keeping the state in a file: SQLite, written as things change."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs
import msgspec

from kombo_async.sandbox.clock import Clock, parse, stamp
from kombo_async.sandbox.data import Sizes
from kombo_async.sandbox.files import StoredFile
from kombo_async.sandbox.integrations import Integration, Sync
from kombo_async.sandbox.store import Row, Table, World

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS integrations (id TEXT PRIMARY KEY, data BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS records (
        integration TEXT, model TEXT, place INTEGER, data BLOB NOT NULL, touched TEXT NOT NULL,
        PRIMARY KEY (integration, model, place)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS files (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, content_type TEXT NOT NULL, data BLOB NOT NULL, url TEXT
    );
"""
VERSION = "1"


def open_state(path: Path) -> State:
    """The state in the file at *path*, which is made if there is none. Raises `ValueError` for another kind of file."""
    connection = sqlite3.connect(path, check_same_thread=False)
    try:
        connection.executescript(_SCHEMA)
        # The sandbox is for trying things out: a power cut may take the last calls with it.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
    except sqlite3.DatabaseError:
        connection.close()
        raise ValueError(f"state: {path} is no state file of the sandbox") from None
    state = State(connection)
    if state.meta("version", VERSION) != VERSION:
        connection.close()
        raise ValueError(f"state: {path} was written by another version; use a new file")
    return state


class State:
    """A state file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def meta(self, name: str, default: str) -> str:
        """A setting; *default*, which is kept, if it is not there yet."""
        found = self._connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        if found is not None:
            value: str = found[0]
            return value
        self._connection.execute("INSERT INTO meta VALUES (?, ?)", (name, default))
        return default

    def born(self, now: datetime) -> datetime:
        """When the state was first set up: *now* if it is new."""
        return parse(self.meta("born", stamp(now)))

    def seed(self, seed: int) -> int:
        """The seed that the state was set up with: *seed* if it is new."""
        return int(self.meta("seed", str(seed)))

    def sizes(self, sizes: Sizes) -> Sizes:
        """The sizes that the state was set up with: *sizes* if it is new."""
        return msgspec.json.decode(self.meta("sizes", msgspec.json.encode(sizes).decode()), type=Sizes)

    @property
    def has_integrations(self) -> bool:
        """Whether integrations are kept here, so that this is not a new file."""
        return self._connection.execute("SELECT 1 FROM integrations LIMIT 1").fetchone() is not None

    def integrations(self, clock: Clock) -> Iterator[Integration]:
        """The integrations, as they were left."""
        for (data,) in self._connection.execute("SELECT data FROM integrations ORDER BY rowid").fetchall():
            plain: dict[str, Any] = msgspec.json.decode(data)
            sync = Sync(clock=clock, **plain.pop("sync"))
            yield Integration(sync=sync, **plain)

    def save_integration(self, integration: Integration) -> None:
        """Keep an integration."""
        plain = attrs.asdict(integration, filter=lambda field, _: field.name != "clock", recurse=True)
        if plain["sync"]["until"] == float("inf"):
            plain["sync"]["until"] = 1e18  # JSON has no infinity
        statement = "INSERT INTO integrations VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET data = excluded.data"
        self._connection.execute(statement, (integration.id, msgspec.json.encode(plain)))
        self.commit()

    def restore(self, world: World) -> None:
        """Fill *world* with its records, and keep what changes from now on."""
        found = self._connection.execute(
            "SELECT model, data, touched FROM records WHERE integration = ? ORDER BY model, place",
            (world.integration_id,),
        )
        for model, data, touched in found.fetchall():
            table = world.tables.setdefault(model, Table(model))
            table.add(msgspec.json.decode(data), touched)
        world.saver = self.save_record

    def save_record(self, integration_id: str, name: str, row: Row) -> None:
        """Keep a record."""
        self._connection.execute(
            "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?)",
            (integration_id, name, row.place, msgspec.json.encode(row.data), row.touched),
        )

    def save_file(self, id: str, file: StoredFile) -> None:
        """Keep a file."""
        values = (id, file.name, file.content_type, file.data, file.url)
        self._connection.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", values)

    def file(self, id: str) -> StoredFile | None:
        """The file with this ID."""
        found = self._connection.execute(
            "SELECT name, content_type, data, url FROM files WHERE id = ?", (id,)
        ).fetchone()
        return None if found is None else StoredFile(*found)

    def clear(self) -> None:
        """Forget everything but when it was set up, and the seed."""
        for table in ("integrations", "records", "files"):
            self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own
        self.commit()

    def commit(self) -> None:
        """Write what has changed."""
        if self._connection.in_transaction:
            self._connection.commit()

    def close(self) -> None:
        """Write what has changed, and close the file."""
        self.commit()
        self._connection.close()
