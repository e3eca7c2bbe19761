"""The files of SQLite journals, and what befalls them."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import attrs
import pytest

from kombo_async.bulk import _file_guard
from kombo_async.bulk import _table as table
from kombo_async.bulk import redis as redis_journal


class JournalFile:
    """The file of a SQLite journal. After a kill the next run gets a copy of it as the disk has it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0
        self._aside: Path | None = None
        self._here.mkdir()

    @property
    def _here(self) -> Path:
        return self._folder / str(self._number)

    @property
    def path(self) -> Path:
        """The journal."""
        return self._here / "journal"

    def move_on(self) -> None:
        """The process that had the file open was killed: its locks are gone."""
        if self._aside is not None:
            self.put_back()
        old = self._here
        self._number += 1
        shutil.copytree(old, self._here)

    def put_back(self) -> None:
        """Put back what was put aside."""
        if self._aside is not None:
            aside, self._aside = self._aside, None
            self._number += 1
            shutil.copytree(aside, self._here)

    def mishap(self, what: str) -> bool:
        """Delete, replace or empty it, or lose its `-wal`."""
        if not self.path.exists():
            return False
        match what:
            case "deleted" | "replaced":
                if self._aside is None:
                    self._aside = self._folder / f"aside{self._number}"
                    os.rename(self._here, self._aside)
                else:  # it happens to what is in its place
                    shutil.rmtree(self._here)
                self._here.mkdir()
                if what == "replaced":
                    shutil.copy(self._aside / "journal", self.path)
            case "emptied":
                os.truncate(self.path, 0)
                for beside in self._here.iterdir():
                    if beside.name.endswith("-wal"):
                        os.truncate(beside, 0)
            case "without its wal":
                wal = self._here / "journal-wal"
                if not wal.exists() or wal.stat().st_size == 0:
                    return False
                wal.unlink()
            case _:
                return False
        return True


@attrs.define
class Folder:
    """A folder for files, on a disk that may be full."""

    path: Path
    is_full: Callable[[], bool] = lambda: False


@contextmanager
def folder_for_files() -> Generator[Folder]:
    """A folder for files, whose open ones are closed at the end."""
    connections: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def remembering(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connections.append(connect(*args, **kwargs))
        return connections[-1]

    where = "/dev/shm" if os.path.isdir("/dev/shm") else None
    folder = Path(tempfile.mkdtemp(prefix="simulation", dir=where))
    disk = Folder(folder)
    write = table.write

    def writing(database: sqlite3.Connection, run: int, entries: Any) -> None:
        if entries and disk.is_full():
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        write(database, run, entries)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_file_guard, "_IN_USE", set())  # what a process knows that was killed died with it
        patch.setattr(redis_journal, "BUCKETS", 4)  # a thousand take the model long to look through
        patch.setattr(sqlite3, "connect", remembering)
        patch.setattr(table, "write", writing)
        try:
            yield disk
        finally:
            for each in connections:
                with suppress(sqlite3.Error):
                    each.close()
            for descriptor in os.listdir("/proc/self/fd"):
                with suppress(OSError):
                    if os.readlink(f"/proc/self/fd/{descriptor}").startswith(str(folder)):
                        os.close(int(descriptor))
            shutil.rmtree(folder)
