"""Progress on stderr (a bar on a terminal, occasional lines elsewhere), or JSON events on stdout."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Protocol

from kombo_async._cli.console import echo, note

EVERY = 5.0
"""Seconds between two plain lines."""


class Progress(Protocol):
    """Shows how far a long command is."""

    def at(self, settled: int, line: str) -> None:
        """Report how many rows are settled; *line* gives details."""
        ...

    def event(self, kind: str, data: dict[str, Any]) -> None:
        """Emit an event for programs."""
        ...


class _Bar:
    def __init__(self, bar: Any, task: Any) -> None:
        self._bar = bar
        self._task = task

    def at(self, settled: int, line: str) -> None:
        self._bar.update(self._task, completed=settled, note=line)

    def event(self, kind: str, data: dict[str, Any]) -> None:
        """Ignored: a terminal shows only the bar."""


class _Lines:
    def __init__(self) -> None:
        self._next = time.monotonic() + EVERY

    def at(self, settled: int, line: str) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + EVERY
            note(line)

    def event(self, kind: str, data: dict[str, Any]) -> None:
        """Ignored: only lines are shown."""


class _Events:
    def __init__(self) -> None:
        self._next = time.monotonic() + EVERY

    def at(self, settled: int, line: str) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + EVERY
            self.event("progress", {"settled": settled})

    def event(self, kind: str, data: dict[str, Any]) -> None:
        echo({"event": kind, **data})


@contextmanager
def progress(total: int | None, *, as_json: bool) -> Generator[Progress]:
    """Show the progress of *total* steps (None if unknown) while the block runs."""
    if as_json:
        yield _Events()
    elif not sys.stderr.isatty():
        yield _Lines()
    else:
        from rich import progress as rich
        from rich.console import Console

        columns = (rich.BarColumn(), rich.TextColumn("{task.fields[note]}"))
        with rich.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            yield _Bar(bar, bar.add_task("", total=total, note=""))
