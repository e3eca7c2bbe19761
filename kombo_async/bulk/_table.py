"""The table of rows in a journal's SQLite file: one statement writes or looks up a whole batch.

Python's `sqlite3` releases the GIL at each step of a statement, and has to wait for it again while the event loop is
busy; so a batch goes in (and comes out) as one JSON text.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import starmap
from operator import attrgetter

import msgspec

from kombo_async.bulk._journal import Entry, RowKey, decode_entry, encode_entry, proof_of

# `state` is for people who inspect the file with SQLite's shell. No two rows may have the same `proof`.
CREATE = (
    """
    CREATE TABLE rows (
        key TEXT NOT NULL, kind TEXT NOT NULL, integration_id TEXT NOT NULL,
        run INTEGER NOT NULL, entry TEXT NOT NULL, proof TEXT,
        state TEXT AS (entry ->> 'state'),
        PRIMARY KEY (key, kind, integration_id)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX proofs ON rows (proof) WHERE proof IS NOT NULL",
    "CREATE INDEX unfinished ON rows (entry ->> 'state') WHERE entry ->> 'state' IN ('sending', 'in_doubt')",
)
_KEYS = "SELECT key, kind, integration_id FROM rows"
_ALL = """
SELECT key, kind, integration_id, entry FROM rows
ORDER BY julianday(coalesce(entry ->> 'finished', entry ->> 'last_sent'))
"""
_UNFINISHED = """
SELECT key, kind, integration_id, entry FROM rows
WHERE entry ->> 'state' IN ('sending', 'in_doubt') ORDER BY entry ->> 'last_sent'
"""
_WRITE = """
INSERT OR REPLACE INTO rows (key, kind, integration_id, run, entry, proof)
SELECT value ->> 0, value ->> 1, value ->> 2, ?, value -> 3, value ->> 4 FROM json_each(?)
"""
_LOOK = """
SELECT asked.key, rows.run, rows.entry FROM json_each(?) AS asked JOIN rows
ON rows.key = value ->> 0 AND kind = value ->> 1 AND integration_id = value ->> 2
"""
_OWNERS = """
SELECT rows.proof, rows.key, kind, integration_id FROM json_each(?) AS asked
JOIN rows ON rows.proof = asked.value AND rows.proof IS NOT NULL
"""
_parts = attrgetter("key", "kind", "integration_id")


def write(database: sqlite3.Connection, run: int, entries: Sequence[tuple[RowKey, Entry]]) -> None:
    """Store *entries*, all or none."""
    if entries:
        batch = msgspec.json.encode(
            [(*_parts(key), msgspec.Raw(encode_entry(entry)), proof_of(entry) or None) for key, entry in entries]
        )
        database.execute(_WRITE, (run, batch.decode()))


def look_up(database: sqlite3.Connection, keys: Sequence[RowKey]) -> dict[RowKey, tuple[int, Entry]]:
    """The run and entry of each existing key in *keys*."""
    if not keys:
        return {}
    asked = msgspec.json.encode([_parts(key) for key in keys]).decode()
    found = database.execute(_LOOK, (asked,)).fetchall()
    return {keys[index]: (run, decode_entry(entry)) for index, run, entry in found}


def owners(database: sqlite3.Connection, ids: Sequence[str]) -> dict[str, RowKey]:
    """The rows that have these IDs as their proof."""
    if not ids:
        return {}
    found = database.execute(_OWNERS, (msgspec.json.encode(ids).decode(),)).fetchall()
    return {proof: RowKey(*key) for proof, *key in found}


def keys(database: sqlite3.Connection) -> Iterator[RowKey]:
    """The keys of all rows."""
    return starmap(RowKey, database.execute(_KEYS))


def read_all(database: sqlite3.Connection) -> Iterator[tuple[RowKey, Entry]]:
    """All rows, in the order of their responses."""
    return _rows(database, _ALL)


def read_unfinished(database: sqlite3.Connection) -> Iterator[tuple[RowKey, Entry]]:
    """The rows that are in doubt or being sent, the oldest first."""
    return _rows(database, _UNFINISHED)


def _rows(database: sqlite3.Connection, query: str) -> Iterator[tuple[RowKey, Entry]]:
    for *key, entry in database.execute(query):
        yield RowKey(*key), decode_entry(entry)
