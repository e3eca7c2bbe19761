"""Output files: readable only by their owner, complete or not there at all, and never over an input."""

from __future__ import annotations

import csv
import os
import re
import tempfile
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import click

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]

_FORMULA = frozenset("=+-@\t\r")
_NEEDS_QUOTES = re.compile('[,"\r\n]').search


def check_output(option: str, path: Path | None, inputs: Iterable[Path | None]) -> None:
    """Refuse a path that cannot be written, or that is one of *inputs*. Raises `click.UsageError`."""
    if path is None:
        return
    if not path.parent.is_dir():
        raise click.UsageError(f"{option} {path}: the folder {str(path.parent)!r} does not exist")
    if path.exists() and not path.is_file():
        what = "is a folder" if path.is_dir() else "is not a file; it cannot be replaced"
        raise click.UsageError(f"{option} {path}: {what}")
    for each in inputs:
        if each is not None and _is_same(path, each):
            raise click.UsageError(f"{option} {path}: would overwrite {each}, which this command reads")


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return os.path.abspath(one) == os.path.abspath(other)


@contextmanager
def replaced(path: Path, *, encoding: str = "utf-8") -> Generator[TextIO]:
    """Open a file that replaces *path* if the block succeeds; otherwise *path* stays as it was."""
    path = Path(os.path.realpath(path))
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:60]}.", suffix=".tmp", dir=path.parent)  # 0600
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    try:
        with os.fdopen(handle, "w", encoding=encoding, newline="", errors="backslashreplace") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise


def open_private(path: Path) -> TextIO:
    """Open *path* for reading and writing, readable only by its owner, and locked until it is closed.

    Raises `click.UsageError` if another run has it open.
    """
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    handle = os.open(path, flags, 0o600)
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(handle), os.stat(path)):  # the other run has just ended, and renamed it
            raise BlockingIOError
    except (BlockingIOError, FileNotFoundError):
        os.close(handle)
        raise click.UsageError(f"{path} is being written by another run; wait until it ends") from None
    with suppress(OSError, AttributeError):
        os.fchmod(handle, 0o600)
    return os.fdopen(handle, "r+", encoding="utf-8", newline="", errors="surrogatepass")


def guarded(value: Any) -> Any:
    """Guard a cell that a spreadsheet would take for a formula."""
    if value.__class__ is str:
        return f"'{value}" if value[:1] in _FORMULA else value
    return "" if value is None else value


def csv_cell(value: Any) -> str:
    """A cell as `csv.writer` writes it, which takes three times as long if cells hold many quotation marks."""
    text = str(value)
    return '"' + text.replace('"', '""') + '"' if _NEEDS_QUOTES(text) else text


class GuardedCsv:
    """Writes rows of CSV without formulas."""

    def __init__(self, file: Any) -> None:
        self._writer = csv.writer(file)

    def writerow(self, cells: Iterable[Any]) -> None:
        """Write a row."""
        self._writer.writerow([guarded(cell) for cell in cells])
