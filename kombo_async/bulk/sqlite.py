"""The journal in a SQLite file: durable at each commit, safe from `kill -9` and power cuts, one live run at a time."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import msgspec
from anyio import to_thread

from kombo_async.bulk import _table as table
from kombo_async.bulk._group_commit import GroupCommit
from kombo_async.bulk._journal import (
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
VERSION = 2
"""Of the tables; a file of another one is refused."""
MAX_KNOWN_KEYS = 500_000
"""How many keys are remembered (their hashes, some 60 bytes each), so that new ones need not be looked up."""
_CREATE = (
    "CREATE TABLE job (name TEXT NOT NULL, address TEXT NOT NULL)",
    "CREATE TABLE runs (run INTEGER PRIMARY KEY, started REAL NOT NULL, ended REAL)",
)

_Item: TypeAlias = tuple[RowKey, Entry | None]
"""A row to write down, or (None) to look up."""


class SqliteJournal:
    """A journal in the file at *path*, made if it is not there, readable by its owner alone.

    Args:
        path: The file. SQLite keeps one more beside it (`-wal`) while a run is alive.
        job: What the journal is for, such as the name of the input file; a journal of another job is refused.
    """

    def __init__(self, path: str | os.PathLike[str], *, job: str = "") -> None:
        self.path: Path = Path(path)
        self.job = job
        self._run = 0
        self._under_way: set[RowKey] = set()
        self._met: set[int] | None = None
        self._database: sqlite3.Connection | None = None
        self._commits: GroupCommit[_Item, tuple[int, Entry] | None] | None = None

    def __repr__(self) -> str:
        return f"SqliteJournal({str(self.path)!r}, job={self.job!r})"

    async def open(self, address: str) -> None:
        """Begin a run against the API at *address*; see `Journal.open`."""
        if self._database is not None:
            raise JournalLocked(f"{self.path} is in use by a run of this very process")
        self._database, self._run, self._met = await to_thread.run_sync(self._open, address)
        self._under_way.clear()
        self._commits = GroupCommit(self._commit)

    async def claim(self, key: RowKey) -> Claim:
        """See `Journal.claim`."""
        if key in self._under_way:
            return Claim(taken=True)
        self._under_way.add(key)
        if self._is_surely_new(key):
            return Claim()
        try:
            row = await self._do((key, None))
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

    def _is_surely_new(self, key: RowKey) -> bool:
        """Whether *key* needs no look-up: neither the journal nor this run has met a key with such a hash."""
        if self._met is None or hash(key) in self._met:
            return False
        self._met.add(hash(key))
        if len(self._met) >= MAX_KNOWN_KEYS:
            self._met = None
        return True

    async def record(self, key: RowKey, entry: Entry) -> None:
        """See `Journal.record`."""
        await self._do((key, entry))
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

    async def _do(self, item: _Item) -> tuple[int, Entry] | None:
        if self._commits is None:
            raise JournalError(f"{self.path} is not open")
        return await self._commits.add(item)

    def _commit(self, items: Sequence[_Item]) -> list[tuple[int, Entry] | None]:
        database = self._database
        if database is None:
            raise JournalError(f"{self.path} is not open")
        with _as_journal_errors(self.path):
            known = table.look_up(database, [key for key, entry in items if entry is None])
            table.write(database, self._run, [(key, entry) for key, entry in items if entry is not None])
        return [known.get(key) if entry is None else None for key, entry in items]

    def _open(self, address: str) -> tuple[sqlite3.Connection, int, set[int] | None]:
        with _as_journal_errors(self.path):
            _make_private(self.path)
            database = sqlite3.connect(self.path, timeout=0.2, isolation_level=None, check_same_thread=False)
            try:
                run = self._begin(database, address)
                met = {hash(key) for key in islice(table.keys(database), MAX_KNOWN_KEYS)}
                return database, run, met if len(met) < MAX_KNOWN_KEYS else None
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
            for statement in (*_CREATE, table.CREATE):
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
            yield from table.read_all(database)


def _check_kind(database: sqlite3.Connection, path: Path, *, empty: bool) -> None:
    if empty:
        return
    if database.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise JournalDamaged(f"{path} is a database of something else, not a journal; name another file")
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version != VERSION:
        raise JournalMismatch(
            f"{path} was written by another version of kombo_async (its format is {version}, not {VERSION}); "
            "finish it with that version"
        )
    if database.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise sqlite3.DatabaseError("a check of its pages failed")


def _check_job(path: Path, what: str, known: str, given: str) -> None:
    if known != given:
        raise JournalMismatch(
            f"{path} belongs to another upload: its {what} is {known!r}, and not {given!r}; "
            "name another journal, or go on with what it was begun with"
        )


def _make_private(path: Path) -> None:
    """The messages in a journal may name people, so the file is for its owner alone.

    One that is there is not even opened: closing it would give up the lock that a run of this process may have on it.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


@contextmanager
def _as_journal_errors(path: Path) -> Generator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise JournalLocked(f"{path} is in use by another run; wait for its end, or stop it first") from None
        raise JournalError(f"{path} cannot be used: {error}") from None
    except (sqlite3.DatabaseError, msgspec.DecodeError) as error:
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


def _now() -> float:
    return datetime.now(UTC).timestamp()
