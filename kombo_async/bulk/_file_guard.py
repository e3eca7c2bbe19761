"""Make sure that a journal's file is used by one run only, and stays the file that was opened.

The lock is a `flock` on its own handle. It belongs to that handle, so no other code in the process can drop it by
opening and closing the file, as happens to SQLite's own locks (POSIX). It ends with the process. Without `flock`
(Windows), SQLite's locks belong to handles as well, and are enough.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from kombo_async.bulk._journal import JournalDamaged, JournalError, JournalLocked

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]

_IN_USE: set[tuple[int, int]] = set()
"""The files that this process has locked: they must not be opened again, even to be refused."""


def in_use(path: Path) -> JournalLocked:
    """The error for a journal that another run uses."""
    return JournalLocked(f"{path} is in use by another run; wait until it ends, or stop it first")


class FileGuard:
    """Holds the lock on the file at *path*, and checks that it is still the same file. Raises `JournalLocked`.

    Args:
        path: The file, which must exist.
        shared: Whether others may read it at the same time.
    """

    def __init__(self, path: Path, *, shared: bool = False) -> None:
        self._path = path
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for its other end
            raise JournalError(f"{path} is not a file; pass a file, or a path that does not exist yet")
        self._id = (status.st_dev, status.st_ino)
        if self._id in _IN_USE:
            raise in_use(path)
        self._handle: int | None = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        try:
            status = os.fstat(self._handle)
            self._id = (status.st_dev, status.st_ino)
            if fcntl is not None:
                fcntl.flock(self._handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            self._let_go()
            raise in_use(path) from None
        except BaseException:
            self._let_go()
            raise
        if not shared:
            _IN_USE.add(self._id)
        self._shared = shared
        self._sides: dict[Path, tuple[int, int]] = {}
        self._size = status.st_size
        self._written = status.st_mtime_ns
        self._writes = 0
        """How often our own writes have started and ended: odd during a write."""

    @contextmanager
    def writing(self) -> Generator[None]:
        """Wraps each of our own writes; the file must stay as they leave it."""
        self._writes += 1
        try:
            yield
            self._settle()
        finally:
            self._writes += 1

    def _settle(self) -> None:
        status = self._path.stat()
        self._size, self._written = status.st_size, status.st_mtime_ns
        side = self._path.with_name(self._path.name + "-wal")
        with suppress(FileNotFoundError):
            status = side.stat()
            self._sides[side] = (status.st_dev, status.st_ino)

    def check(self) -> None:
        """Raise `JournalDamaged` if the file is no longer the one that was locked, or something else wrote to it.

        While another thread is `writing`, it checks only that it is the same file.
        """
        writes = self._writes
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            raise self._damaged("was deleted") from None
        if (status.st_dev, status.st_ino) != self._id:
            raise self._damaged("was replaced by another file")
        changed = (status.st_size, status.st_mtime_ns) != (self._size, self._written)
        if changed and writes == self._writes and writes % 2 == 0:
            raise self._damaged("was emptied or written to by something else")
        for side, known in self._sides.items():
            try:
                status = os.stat(side)
            except FileNotFoundError:
                raise self._damaged(f"lost its {side.name}") from None
            if (status.st_dev, status.st_ino) != known:
                raise self._damaged(f"has another {side.name}")

    def release(self) -> None:
        """Release the lock."""
        if not self._shared:
            _IN_USE.discard(self._id)
        self._let_go()

    def _let_go(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)

    def _damaged(self, what: str) -> JournalDamaged:
        return JournalDamaged(f"{self._path} {what} while a run used it; what was sent since is in neither")
