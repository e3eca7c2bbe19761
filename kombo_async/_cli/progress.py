"""Progress on stderr: a bar on a terminal, a plain line now and then elsewhere; or events in JSON on stdout."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Protocol

import click

from kombo_async._cli.console import drop_stdout

EVERY = 5.0
"""Seconds between two plain lines."""


def echo(line: str | dict[str, Any]) -> None:
    """Print a line, or an object as JSON in ASCII, on stdout. That nobody reads it any more stops no upload."""
    try:
        click.echo(line if isinstance(line, str) else json.dumps(line))
    except BrokenPipeError:
        drop_stdout()


class Progress(Protocol):
    """Shows how far a long command is."""

    def at(self, settled: int, line: str) -> None:
        """So many are settled; *line* says more."""
        ...

    def event(self, kind: str, data: dict[str, Any]) -> None:
        """Something that machines want to know of."""
        ...


class _Bar:
    def __init__(self, bar: Any, task: Any) -> None:
        self._bar = bar
        self._task = task

    def at(self, settled: int, line: str) -> None:
        self._bar.update(self._task, completed=settled, note=line)

    def event(self, kind: str, data: dict[str, Any]) -> None:
        """A terminal shows the bar alone."""


class _Lines:
    def __init__(self) -> None:
        self._next = time.monotonic() + EVERY

    def at(self, settled: int, line: str) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + EVERY
            click.echo(line, err=True)

    def event(self, kind: str, data: dict[str, Any]) -> None:
        """Only lines are shown."""


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
    """Show the progress of *total* steps (None where nobody knows how many) while the block runs."""
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
