"""Where the bytes come from: a file, or a pipe that is copied to a temporary file to be read twice."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO

import attrs

from kombo_async._cli.reading.table import TableError


@attrs.frozen
class Source:
    """An input that can be opened any number of times."""

    name: str
    """Its name in messages."""
    path: Path
    folder: Path
    """The folder that relative paths start from."""
    is_pipe: bool = False
    stamp: tuple[int, ...] = ()
    """Size and time of the file when it was first opened."""

    def open(self) -> BinaryIO:
        """Its bytes, from the start. Raises `TableError` if the file was changed since: its rows may have moved."""
        try:
            file = self.path.open("rb")
        except OSError as error:
            raise TableError(f"cannot be read: {error.strerror or error}") from None
        if self.stamp and _stamp(os.fstat(file.fileno())) != self.stamp:
            file.close()
            raise TableError("was changed while this command was reading it; run the same command again")
        return file

    def start(self, length: int) -> bytes:
        """Its first bytes."""
        with self.open() as file:
            return file.read(length)

    def close(self) -> None:
        """Delete the temporary copy."""
        if self.is_pipe:
            self.path.unlink(missing_ok=True)


def _stamp(status: os.stat_result) -> tuple[int, ...]:
    return status.st_size, status.st_mtime_ns


def is_pipe(path: Path) -> bool:
    """Whether *path* can be read only once."""
    return str(path) == "-" or (path.exists() and not path.is_file() and not path.is_dir())


def open_source(path: Path) -> Source:
    """The file at *path*; a pipe (also `-`) is copied to a temporary file that only its owner can read."""
    if str(path) == "-":
        return _keep_aside(sys.stdin.buffer, "stdin")
    try:
        status = path.stat()
        if stat.S_ISREG(status.st_mode):
            return Source(path.name, path, path.parent, stamp=_stamp(status))
        if stat.S_ISDIR(status.st_mode):
            raise TableError("is a folder; pass the file with the rows")
        with path.open("rb") as pipe:
            return _keep_aside(pipe, str(path))
    except OSError as error:
        raise TableError(f"cannot be read: {error.strerror or error}") from None


def _keep_aside(pipe: BinaryIO, name: str) -> Source:
    handle, path = tempfile.mkstemp(prefix="kombo-async-")
    try:
        with os.fdopen(handle, "wb") as copy:
            shutil.copyfileobj(pipe, copy)
    except BaseException:
        Path(path).unlink(missing_ok=True)
        raise
    return Source(name, Path(path), Path.cwd(), is_pipe=True)
