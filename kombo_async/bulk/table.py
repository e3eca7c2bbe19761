"""The table of rows in a journal's SQLite file: a whole batch is written, or looked up, by one statement.

Python's `sqlite3` lets go of the interpreter's lock at each step of a statement, and has to wait for it again while the
event loop is busy; so a batch goes in (and comes out) as one JSON text.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from kombo_async.bulk.journal import Entry, RowKey

CREATE = """
CREATE TABLE rows (
    key TEXT NOT NULL, operation TEXT NOT NULL, integration_id TEXT NOT NULL,
    run INTEGER NOT NULL, state TEXT NOT NULL, digest TEXT NOT NULL,
    first_sent REAL, last_sent REAL, finished REAL,
    ids TEXT NOT NULL, found INTEGER NOT NULL, status_code INTEGER, code TEXT, message TEXT NOT NULL, log_url TEXT,
    PRIMARY KEY (key, operation, integration_id)
) WITHOUT ROWID
"""
_KEY = ("key", "operation", "integration_id")
_ENTRY = ("state", "digest", "first_sent", "last_sent", "finished", "ids", "found")
_ANSWER = ("status_code", "code", "message", "log_url")
_COLUMNS = (*_KEY, "run", *_ENTRY, *_ANSWER)
_VALUES = ", ".join(f"value ->> {place}" for place in range(len(_COLUMNS)))
_WRITE = f"INSERT OR REPLACE INTO rows ({', '.join(_COLUMNS)}) SELECT {_VALUES} FROM json_each(?)"  # noqa: S608 - constants
_LOOK = f"""
SELECT json_group_array(json_array(asked.key, {", ".join(f"rows.{name}" for name in _COLUMNS[3:])}))
FROM json_each(?) AS asked JOIN rows ON
{" AND ".join(f"rows.{name} = asked.value ->> {place}" for place, name in enumerate(_KEY))}
"""  # noqa: S608 - constants
_ALL = f"SELECT {', '.join(_COLUMNS)} FROM rows ORDER BY coalesce(finished, last_sent)"  # noqa: S608 - constants


def write(database: sqlite3.Connection, run: int, entries: Sequence[tuple[RowKey, Entry]]) -> None:
    """Write *entries* down, all or none."""
    if entries:
        database.execute(_WRITE, (msgspec.json.encode([_row(key, run, entry) for key, entry in entries]).decode(),))


def look_up(database: sqlite3.Connection, keys: Sequence[RowKey]) -> dict[RowKey, tuple[int, Entry]]:
    """The run and the entry of each of *keys* that there is."""
    if not keys:
        return {}
    asked = msgspec.json.encode([(key.key, key.operation, key.integration_id) for key in keys]).decode()
    found: list[list[Any]] = msgspec.json.decode(database.execute(_LOOK, (asked,)).fetchone()[0])
    return {keys[place]: (run, _entry(values)) for place, run, *values in found}


def read_all(database: sqlite3.Connection) -> Iterator[tuple[RowKey, Entry]]:
    """All rows, in the order of their answers."""
    for key, operation, integration_id, _, *values in database.execute(_ALL):
        yield RowKey(key, operation, integration_id), _entry(values)


def _row(key: RowKey, run: int, entry: Entry) -> tuple[Any, ...]:
    times = (_seconds(entry.first_sent), _seconds(entry.last_sent), _seconds(entry.finished))
    ids = msgspec.json.encode(dict(entry.ids)).decode()
    answer = (entry.status_code, entry.code, entry.message, entry.log_url)
    return (
        *(key.key, key.operation, key.integration_id, run, entry.state, entry.digest),
        *times,
        ids,
        int(entry.found),
        *answer,
    )


def _entry(values: Sequence[Any]) -> Entry:
    state, digest, first_sent, last_sent, finished, ids, found, status_code, code, message, log_url = values
    return Entry(
        state=state,
        digest=digest,
        first_sent=_time(first_sent),
        last_sent=_time(last_sent),
        finished=_time(finished),
        ids=msgspec.json.decode(ids),
        found=bool(found),
        status_code=status_code,
        code=code,
        message=message,
        log_url=log_url,
    )


def _seconds(time: datetime | None) -> float | None:
    return None if time is None else time.timestamp()


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
