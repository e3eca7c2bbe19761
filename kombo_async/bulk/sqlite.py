"""The journal in a SQLite file: durable at each commit, safe from `kill -9` and power cuts, one live run at a time.

While a run is alive, its newest rows are in a second file (`-wal`). At the end, a run moves them into the first and
removes the second. After a run was killed, both files belong together, and the first says so: without the second it is
refused.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import AsyncGenerator, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import ClassVar, TypeAlias

import anyio
from anyio import to_thread

from kombo_async.bulk import _table as table
from kombo_async.bulk._file_guard import FileGuard
from kombo_async.bulk._group_commit import GroupCommit
from kombo_async.bulk._journal import (
    Claim,
    Entry,
    Journal,
    JournalDamaged,
    JournalError,
    JournalLocked,
    RowKey,
    proof_of,
)
from kombo_async.bulk._memory import NoJournal
from kombo_async.bulk._sqlite_file import as_journal_errors, check_job, check_kind, check_whole, count, make

MAX_KNOWN_KEYS = 500_000
"""How many keys are remembered (as hashes, some 60 bytes each), to save looking up new ones."""
CHECKPOINT_PAGES = 1_000
"""How many pages go to the second file before they are moved into the first (SQLite's own default)."""
_Item: TypeAlias = tuple[RowKey, Entry | None]
"""A row to store, or (None) to look up."""
_Result: TypeAlias = "tuple[int, Entry] | bool | None"


class SqliteJournal:
    """A journal in the file at *path*, created if it does not exist, readable only by its owner.

    Args:
        path: The file. SQLite keeps a second one beside it (`-wal`) while a run is alive, or after one was killed.
        job: What the journal is for, such as the name of the input file; a journal of another job is refused.
    """

    durable: ClassVar[bool] = True

    def __init__(self, path: str | os.PathLike[str], *, job: str = "") -> None:
        self.path: Path = Path(path)
        if self.path.name in ("", ":memory:") or "\0" in self.path.name:
            raise ValueError("journal: must be the path of a file; None keeps nothing beyond the run")
        try:
            os.fsencode(self.path)
        except UnicodeEncodeError:
            raise ValueError("journal: the path holds characters that no file name can have") from None
        self.job = job
        self._run = 0
        self._under_way: set[RowKey] = set()
        self._met: set[int] | None = None
        self._database: sqlite3.Connection | None = None
        self._guard: FileGuard | None = None
        self._commits: GroupCommit[_Item, _Result] | None = None
        self._wal_pages = 0

    def __repr__(self) -> str:
        return f"SqliteJournal({str(self.path)!r}, job={self.job!r})"

    async def open(self, address: str | None) -> None:
        """Begin a run against the API at *address*; see `Journal.open`."""
        if self._database is not None:
            raise JournalLocked(f"{self.path} is already in use by another run of this process")
        await to_thread.run_sync(self._open, address)
        self._under_way.clear()
        self._commits = GroupCommit(self._commit_in_thread)
        self._thread = anyio.CapacityLimiter(1)  # a reader would lock the tables for the writer

    async def claim(self, key: RowKey) -> Claim:
        """See `Journal.claim`."""
        if key in self._under_way:
            return Claim(status="met")
        self._under_way.add(key)
        if self._is_surely_new(key):
            return Claim()
        try:
            row = await self._do((key, None))
        except BaseException:
            self._under_way.discard(key)
            raise
        if not isinstance(row, tuple):
            return Claim()
        run, entry = row
        if run == self._run:
            self._under_way.discard(key)
            return Claim(entry, status="met")
        return Claim(entry)

    def _is_surely_new(self, key: RowKey) -> bool:
        """Whether *key* needs no look-up: neither the journal nor this run has seen a key with this hash."""
        if self._met is None or hash(key) in self._met:
            return False
        self._met.add(hash(key))
        if len(self._met) >= MAX_KNOWN_KEYS:
            self._met = None
        return True

    def check(self) -> None:
        """See `Journal.check`."""
        if self._guard is None:
            raise JournalError(f"{self.path} is not open")
        self._guard.check()

    async def record(self, key: RowKey, entry: Entry, *, hold: bool = False) -> bool:
        """See `Journal.record`."""
        written = await self._do((key, entry))
        if entry.state != "sending" and written and not hold:
            self._under_way.discard(key)
        return bool(written)

    async def owners(self, ids: Sequence[str]) -> Mapping[str, RowKey]:
        """See `Journal.owners`."""
        return await to_thread.run_sync(self._owners, ids, limiter=self._thread) if ids else {}

    async def release(self, key: RowKey) -> None:
        """See `Journal.release`."""
        self._under_way.discard(key)

    async def unfinished(self) -> AsyncGenerator[tuple[RowKey, Entry]]:
        """See `Journal.unfinished`."""
        for row in await to_thread.run_sync(self._unfinished, limiter=self._thread):
            yield row

    async def aclose(self) -> None:
        """See `Journal.aclose`."""
        database, self._database, self._commits = self._database, None, None
        if database is not None:
            await to_thread.run_sync(self._close, database, limiter=self._thread)

    async def _do(self, item: _Item) -> _Result:
        if self._commits is None:
            raise JournalError(f"{self.path} is not open")
        return await self._commits.add(item)

    @contextmanager
    def _checked(self) -> Generator[sqlite3.Connection]:
        if self._database is None or self._guard is None:
            raise JournalError(f"{self.path} is not open")
        with as_journal_errors(self.path):
            self._guard.check()
            yield self._database

    async def _commit_in_thread(self, items: Sequence[_Item]) -> list[_Result]:
        return await to_thread.run_sync(self._commit, items, limiter=self._thread)

    def _commit(self, items: Sequence[_Item]) -> list[_Result]:
        with self._checked() as database:
            known = table.look_up(database, [key for key, entry in items if entry is None])
            taken = self._not_provable(database, items)
            written = [(key, entry) for key, entry in items if entry is not None and key not in taken]
            table.write(database, self._run, written)
            self._checkpoint_now_and_then(database, len(written))
        return [known.get(key) if entry is None else key not in taken for key, entry in items]

    def _not_provable(self, database: sqlite3.Connection, items: Sequence[_Item]) -> set[RowKey]:
        """The rows to be recorded as done by a proof that belongs to another row."""
        proofs = {key: proof_of(entry) for key, entry in items if entry and entry.proof in ("look", "person")}
        proofs = {key: proof for key, proof in proofs.items() if proof}
        if not proofs:
            return set()
        owners: dict[str, RowKey] = table.owners(database, list(proofs.values()))
        owners |= {
            proof_of(entry): key for key, entry in items if entry and entry.proof == "answer" and proof_of(entry)
        }
        return {key for key, proof in proofs.items() if owners.setdefault(proof, key) != key}

    def _checkpoint_now_and_then(self, database: sqlite3.Connection, rows: int) -> None:
        """Move rows into the first file at times we choose, so any other write to it is not ours."""
        self._wal_pages += 3 * rows
        if self._wal_pages >= CHECKPOINT_PAGES and self._guard is not None:
            with self._guard.writing():
                database.execute("PRAGMA wal_checkpoint(PASSIVE)")
            self._wal_pages = 0

    def _owners(self, ids: Sequence[str]) -> dict[str, RowKey]:
        with self._checked() as database:
            return table.owners(database, ids)

    def _unfinished(self) -> list[tuple[RowKey, Entry]]:
        with self._checked() as database:
            return list(table.read_unfinished(database))

    def _open(self, address: str | None) -> None:
        with as_journal_errors(self.path):
            if not self.path.exists():
                if address is None:
                    raise JournalError(f"{self.path} does not exist")
                make(self.path, self.job, address)
            guard = FileGuard(self.path)
            try:
                check_whole(self.path)
                database = sqlite3.connect(self.path, timeout=0.2, isolation_level=None, check_same_thread=False)
                try:
                    with guard.writing():
                        self._run = self._begin(database, address)
                    met = {hash(key) for key in islice(table.keys(database), MAX_KNOWN_KEYS)}
                    self._met = met if len(met) < MAX_KNOWN_KEYS else None
                except BaseException:
                    database.close()
                    raise
            except BaseException:
                guard.release()
                raise
            self._database, self._guard = database, guard

    def _begin(self, database: sqlite3.Connection, address: str | None) -> int:
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        check_kind(database, self.path)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA wal_autocheckpoint = 0")
        database.execute("PRAGMA secure_delete = ON")  # what the journal forgets, its file forgets, too
        database.execute("BEGIN EXCLUSIVE")
        job, known_address, was_open, rows = database.execute("SELECT name, address, is_open, rows FROM job").fetchone()
        if address is not None:
            check_job(self.path, "job", job, self.job)
            check_job(self.path, "address", known_address, address)
        if not was_open and rows != (there := count(database)):
            raise JournalDamaged(f"{self.path} has {there} rows, but had {rows} when it was closed: some were removed")
        run = database.execute("INSERT INTO runs (started) VALUES (?) RETURNING run", (time.time(),)).fetchone()[0]
        database.execute("UPDATE job SET is_open = 1")
        database.execute("COMMIT")
        database.execute("PRAGMA wal_checkpoint(PASSIVE)")  # the first file itself says that it is in use
        return int(run)

    def _close(self, database: sqlite3.Connection) -> None:
        guard, self._guard = self._guard, None
        try:
            with as_journal_errors(self.path):
                if guard is not None:
                    guard.check()
                with suppress(sqlite3.Error):  # on a full disk, the log has room again from its start
                    database.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
                database.execute("BEGIN EXCLUSIVE")
                database.execute("UPDATE runs SET ended = ? WHERE run = ?", (time.time(), self._run))
                database.execute("UPDATE job SET is_open = 0, rows = ?", (count(database),))
                database.execute("COMMIT")
                database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            with suppress(sqlite3.Error):
                database.close()
            if guard is not None:
                guard.release()


def journal_of(journal: Journal | str | os.PathLike[str] | None) -> Journal:
    """The journal for an argument: a `Journal`, one in the file at a path, or none."""
    if journal is None:
        return NoJournal()
    if isinstance(journal, str | os.PathLike):
        return SqliteJournal(journal)
    if hasattr(journal, "claim"):
        return journal
    raise ValueError(f"journal: must be a path, a Journal or None, not a {type(journal).__name__}")


def read_journal(path: str | os.PathLike[str]) -> Iterator[tuple[RowKey, Entry]]:
    """All rows of a journal that no run is using, in the order of their responses."""
    path = Path(path)
    with as_journal_errors(path):
        if not path.is_file():
            raise JournalError(f"{path} does not exist")
        guard = FileGuard(path, shared=True)
        try:
            check_whole(path)
            with closing(sqlite3.connect(path, timeout=0.2, isolation_level=None)) as database:
                check_kind(database, path)
                yield from table.read_all(database)
        finally:
            guard.release()
