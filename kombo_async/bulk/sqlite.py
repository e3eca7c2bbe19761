"""The journal in a SQLite file: durable at each commit, safe from `kill -9` and power cuts, one live run at a time."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from anyio import to_thread

from kombo_async.bulk.group_commit import GroupCommit
from kombo_async.bulk.journal import (
    Claim,
    Entry,
    Journal,
    JournalDamaged,
    JournalError,
    JournalLocked,
    JournalMismatch,
    NoJournal,
    RowKey,
)

APPLICATION_ID = 0x6B6F6D62  # "komb"
VERSION = 1

_TABLES = """
CREATE TABLE job (name TEXT NOT NULL, address TEXT NOT NULL);
CREATE TABLE runs (run INTEGER PRIMARY KEY, started REAL NOT NULL, ended REAL);
CREATE TABLE rows (
    key TEXT NOT NULL, operation TEXT NOT NULL, integration_id TEXT NOT NULL,
    run INTEGER NOT NULL, state TEXT NOT NULL, digest TEXT NOT NULL,
    first_sent REAL, last_sent REAL, finished REAL,
    ids TEXT NOT NULL, found INTEGER NOT NULL, status_code INTEGER, code TEXT, message TEXT NOT NULL, log_url TEXT,
    PRIMARY KEY (key, operation, integration_id)
) WITHOUT ROWID;
"""
_COLUMNS = "run, state, digest, first_sent, last_sent, finished, ids, found, status_code, code, message, log_url"
_SELECT = f"SELECT {_COLUMNS} FROM rows WHERE key = ? AND operation = ? AND integration_id = ?"  # noqa: S608 - constants
_WRITE = f"INSERT OR REPLACE INTO rows (key, operation, integration_id, {_COLUMNS}) VALUES ({', '.join('?' * 15)})"  # noqa: S608 - constants

_Step: TypeAlias = Callable[[sqlite3.Connection], Any]


class SqliteJournal:
    """A journal in the file at *path*, made if it is not there, readable by its owner alone.

    Args:
        path: The file. SQLite keeps one more beside it (`-wal`) while a run is alive.
        job: What the journal is for, such as the name of the input file; a journal of another job is refused.
    """

    def __init__(self, path: str | os.PathLike[str], *, job: str = "") -> None:
        self.path = Path(path)
        self.job = job
        self._run = 0
        self._under_way: set[RowKey] = set()
        self._database: sqlite3.Connection | None = None
        self._commits: GroupCommit[_Step, Any] | None = None

    def __repr__(self) -> str:
        return f"SqliteJournal({str(self.path)!r}, job={self.job!r})"

    async def open(self, address: str) -> None:
        """Begin a run against the API at *address*; see `Journal.open`."""
        if self._database is not None:
            raise JournalLocked(f"{self.path} is in use by a run of this very process")
        self._database, self._run = await to_thread.run_sync(self._open, address)
        self._under_way.clear()
        self._commits = GroupCommit(self._commit)

    async def claim(self, key: RowKey) -> Claim:
        """See `Journal.claim`."""
        if key in self._under_way:
            return Claim(taken=True)
        self._under_way.add(key)
        try:
            row = await self._do(partial(_select, key))
        except BaseException:
            self._under_way.discard(key)
            raise
        if row is None:
            return Claim()
        run, entry = row
        if run == self._run:
            self._under_way.discard(key)
            return Claim(entry, taken=True)
        return Claim(entry)

    async def record(self, key: RowKey, entry: Entry) -> None:
        """See `Journal.record`."""
        await self._do(partial(_write, key, self._run, entry))
        if entry.state != "sending":
            self._under_way.discard(key)

    async def release(self, key: RowKey) -> None:
        """See `Journal.release`."""
        self._under_way.discard(key)

    async def aclose(self) -> None:
        """See `Journal.aclose`."""
        database, self._database, self._commits = self._database, None, None
        if database is not None:
            await to_thread.run_sync(_close, database, self._run)

    async def _do(self, step: _Step) -> Any:
        if self._commits is None:
            raise JournalError(f"{self.path} is not open")
        return await self._commits.add(step)

    def _commit(self, steps: Sequence[_Step]) -> list[Any]:
        database = self._database
        if database is None:
            raise JournalError(f"{self.path} is not open")
        with _as_journal_errors(self.path):
            try:
                database.execute("BEGIN")
                results = [step(database) for step in steps]
                database.execute("COMMIT")
            except BaseException:
                if database.in_transaction:
                    database.execute("ROLLBACK")
                raise
            return results

    def _open(self, address: str) -> tuple[sqlite3.Connection, int]:
        with _as_journal_errors(self.path):
            _make_private(self.path)
            database = sqlite3.connect(self.path, timeout=0.2, isolation_level=None, check_same_thread=False)
            try:
                return database, self._begin(database, address)
            except BaseException:
                database.close()
                raise

    def _begin(self, database: sqlite3.Connection, address: str) -> int:
        # The lock of a dead process dies with it: the operating system sees to that.
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        empty = database.execute("PRAGMA schema_version").fetchone()[0] == 0
        _check_kind(database, self.path, empty=empty)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("BEGIN EXCLUSIVE")
        if empty:
            for statement in _TABLES.split(";"):
                database.execute(statement)
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {VERSION}")
            database.execute("INSERT INTO job VALUES (?, ?)", (self.job, address))
        job, known_address = database.execute("SELECT name, address FROM job").fetchone()
        _check_job(self.path, "job", job, self.job)
        _check_job(self.path, "address", known_address, address)
        run = database.execute("INSERT INTO runs (started) VALUES (?) RETURNING run", (_now(),)).fetchone()[0]
        database.execute("COMMIT")
        return int(run)


def journal_of(journal: Journal | str | os.PathLike[str] | None) -> Journal:
    """The journal that a caller means: a ready one, one in the file of that path, or none."""
    if journal is None:
        return NoJournal()
    return SqliteJournal(journal) if isinstance(journal, str | os.PathLike) else journal


def read_journal(path: str | os.PathLike[str]) -> Iterator[tuple[RowKey, Entry]]:
    """All rows of a journal that no run uses at the moment, in the order of their answers."""
    path = Path(path)
    with _as_journal_errors(path):
        if not path.is_file():
            raise JournalError(f"{path} is not there")
        with closing(sqlite3.connect(path, timeout=0.2, isolation_level=None)) as database:
            _check_kind(database, path, empty=False)
            order = "ORDER BY coalesce(finished, last_sent)"
            for key, operation, integration_id, *row in database.execute(
                f"SELECT key, operation, integration_id, {_COLUMNS} FROM rows {order}"  # noqa: S608 - constants
            ):
                yield RowKey(key, operation, integration_id), _entry(row)[1]


def _check_kind(database: sqlite3.Connection, path: Path, *, empty: bool) -> None:
    if empty:
        return
    if database.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise JournalDamaged(f"{path} is a database of something else, not a journal; name another file")
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version != VERSION:
        raise JournalMismatch(f"{path} was written by another version of kombo_async (its format is {version})")
    if database.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise sqlite3.DatabaseError("a check of its pages failed")


def _check_job(path: Path, what: str, known: str, given: str) -> None:
    if known != given:
        raise JournalMismatch(
            f"{path} belongs to another upload: its {what} is {known!r}, and not {given!r}; "
            "name another journal, or go on with what it was begun with"
        )


def _make_private(path: Path) -> None:
    """The messages in a journal may name people, so the file is for its owner alone."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


@contextmanager
def _as_journal_errors(path: Path) -> Generator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise JournalLocked(f"{path} is in use by another run; wait for its end, or stop it first") from None
        raise JournalError(f"{path} cannot be used: {error}") from None
    except sqlite3.DatabaseError as error:
        raise JournalDamaged(
            f"{path} is no journal, or damaged ({error}); put it aside and look at what it says"
        ) from None
    except OSError as error:
        raise JournalError(f"{path} cannot be used: {error.strerror}") from None


def _close(database: sqlite3.Connection, run: int) -> None:
    try:
        database.execute("UPDATE runs SET ended = ? WHERE run = ?", (_now(), run))
    finally:
        database.close()


def _select(key: RowKey, database: sqlite3.Connection) -> tuple[int, Entry] | None:
    row = database.execute(_SELECT, (key.key, key.operation, key.integration_id)).fetchone()
    return None if row is None else _entry(row)


def _write(key: RowKey, run: int, entry: Entry, database: sqlite3.Connection) -> None:
    times = (_seconds(entry.first_sent), _seconds(entry.last_sent), _seconds(entry.finished))
    answer = (entry.status_code, entry.code, entry.message, entry.log_url)
    ids = json.dumps(dict(entry.ids)) if entry.ids else "{}"
    row = (key.key, key.operation, key.integration_id, run, entry.state, entry.digest, *times, ids, entry.found)
    database.execute(_WRITE, (*row, *answer))


def _entry(row: Sequence[Any]) -> tuple[int, Entry]:
    run, state, digest, first_sent, last_sent, finished, ids, found, status_code, code, message, log_url = row
    return run, Entry(
        state=state,
        digest=digest,
        first_sent=_time(first_sent),
        last_sent=_time(last_sent),
        finished=_time(finished),
        ids=json.loads(ids),
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


def _now() -> float:
    return datetime.now(UTC).timestamp()
