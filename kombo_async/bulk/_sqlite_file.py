"""A journal's SQLite file: created atomically, and checked before it is trusted."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from kombo_async.bulk import _table as table
from kombo_async.bulk._file_guard import in_use
from kombo_async.bulk._journal import JournalDamaged, JournalError, JournalMismatch

APPLICATION_ID = 0x6B6F6D62  # "komb"
VERSION = 3
"""The version of the tables; a file with another is refused."""
_CREATE = (
    "CREATE TABLE job (name TEXT NOT NULL, address TEXT NOT NULL, is_open INTEGER NOT NULL, rows INTEGER NOT NULL)",
    "CREATE TABLE runs (run INTEGER PRIMARY KEY, started REAL NOT NULL, ended REAL)",
)


def make(path: Path, job: str, address: str) -> None:
    """Create a journal atomically: an existing empty file used to be a journal, or is something else."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))  # its messages may name people
    try:
        with closing(sqlite3.connect(draft, isolation_level=None)) as database:
            database.execute("BEGIN EXCLUSIVE")
            for statement in (*_CREATE, *table.CREATE):
                database.execute(statement)
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {VERSION}")
            database.execute("INSERT INTO job VALUES (?, ?, 0, 0)", (job, address))
            database.execute("COMMIT")
            database.execute("PRAGMA journal_mode = WAL")  # last: in WAL mode, a full disk shows only after the COMMIT
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # another run was quicker
        except OSError:  # this file system has no links
            if not path.exists():
                draft.rename(path)
    finally:
        for each in (draft, *(draft.with_name(draft.name + end) for end in ("-wal", "-shm", "-journal"))):
            each.unlink(missing_ok=True)


def check_whole(path: Path) -> None:
    """Refuse an empty file, and the file of a killed run whose second file is missing."""
    if path.stat().st_size == 0:
        raise JournalDamaged(
            f"{path} is empty: an emptied journal is not reused. Restore it from a copy, or delete it "
            "if nothing was ever sent with it"
        )
    if path.with_name(path.name + "-wal").exists():
        return
    with closing(sqlite3.connect(f"file:{_quoted(path)}?immutable=1", uri=True, isolation_level=None)) as database:
        if database.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            return
        if database.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            return
        if database.execute("SELECT is_open FROM job").fetchone()[0]:
            raise JournalDamaged(
                f"{path} was copied while in use, or its run was killed: its newest rows are in "
                f"{path.name}-wal, which is missing. Put that file next to it"
            )


def _quoted(path: Path) -> str:
    return str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def count(database: sqlite3.Connection) -> int:
    """The number of rows."""
    return int(database.execute("SELECT count(*) FROM rows").fetchone()[0])


def check_kind(database: sqlite3.Connection, path: Path) -> None:
    """Refuse a file that is not a journal, has another version, or is damaged."""
    if database.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise JournalDamaged(f"{path} is a database, but not a journal; choose another file")
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version != VERSION:
        raise JournalMismatch(
            f"{path} was written by another version of kombo_async (its format is {version}, not {VERSION}); "
            "finish it with that version"
        )
    if database.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise sqlite3.DatabaseError("a check of its pages failed")


def check_job(path: Path, what: str, known: str, given: str) -> None:
    """Refuse a journal of another job or address."""
    if known != given:
        raise JournalMismatch(
            f"{path} belongs to another upload: its {what} is {known!r}, not {given!r}; "
            "use another journal, or the input that it was started with"
        )


@contextmanager
def as_journal_errors(path: Path) -> Generator[None]:
    """Turn errors of SQLite and the file system into `JournalError`."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise in_use(path) from None
        raise JournalError(f"{path} cannot be used: {error}") from error  # a caller may want to know of a full disk
    except (sqlite3.DatabaseError, msgspec.DecodeError) as error:
        raise JournalDamaged(f"{path} is not a journal, or is damaged ({error}); move it away and inspect it") from None
    except OSError as error:
        raise JournalError(f"{path} cannot be used: {error.strerror}") from error
