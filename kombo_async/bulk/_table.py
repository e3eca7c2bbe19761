"""The table of rows in a journal's SQLite file: a whole batch is written, or looked up, by one statement.

Python's `sqlite3` lets go of the interpreter's lock at each step of a statement, and has to wait for it again while the
event loop is busy; so a batch goes in (and comes out) as one JSON text.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import starmap
from operator import attrgetter

import msgspec

from kombo_async.bulk._journal import Entry, RowKey

# `state` is for whoever looks into the file with a shell of SQLite's.
CREATE = """
CREATE TABLE rows (
    key TEXT NOT NULL, operation TEXT NOT NULL, integration_id TEXT NOT NULL,
    run INTEGER NOT NULL, entry TEXT NOT NULL,
    state TEXT AS (entry ->> 'state'),
    PRIMARY KEY (key, operation, integration_id)
) WITHOUT ROWID
"""
_KEYS = "SELECT key, operation, integration_id FROM rows"
_ALL = """
SELECT key, operation, integration_id, entry FROM rows
ORDER BY julianday(coalesce(entry ->> 'finished', entry ->> 'last_sent'))
"""
_WRITE = """
INSERT OR REPLACE INTO rows (key, operation, integration_id, run, entry)
SELECT value ->> 0, value ->> 1, value ->> 2, ?, value -> 3 FROM json_each(?)
"""
_LOOK = """
SELECT asked.key, rows.run, rows.entry FROM json_each(?) AS asked JOIN rows
ON rows.key = value ->> 0 AND operation = value ->> 1 AND integration_id = value ->> 2
"""
_parts = attrgetter("key", "operation", "integration_id")


def write(database: sqlite3.Connection, run: int, entries: Sequence[tuple[RowKey, Entry]]) -> None:
    """Write *entries* down, all or none."""
    if entries:
        batch = msgspec.json.encode([(*_parts(key), entry) for key, entry in entries])
        database.execute(_WRITE, (run, batch.decode()))


def look_up(database: sqlite3.Connection, keys: Sequence[RowKey]) -> dict[RowKey, tuple[int, Entry]]:
    """The run and the entry of each of *keys* that there is."""
    if not keys:
        return {}
    asked = msgspec.json.encode([_parts(key) for key in keys]).decode()
    found = database.execute(_LOOK, (asked,)).fetchall()
    return {keys[place]: (run, msgspec.json.decode(entry, type=Entry)) for place, run, entry in found}


def keys(database: sqlite3.Connection) -> Iterator[RowKey]:
    """The keys of all rows."""
    return starmap(RowKey, database.execute(_KEYS))


def read_all(database: sqlite3.Connection) -> Iterator[tuple[RowKey, Entry]]:
    """All rows, in the order of their answers."""
    for *key, entry in database.execute(_ALL):
        yield RowKey(*key), msgspec.json.decode(entry, type=Entry)
