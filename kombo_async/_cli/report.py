"""Reports of an upload: a line for each row as CSV or JSON Lines, or a page that a recruiter can read."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TextIO

import click

from kombo_async._cli.advice import advice
from kombo_async._cli.report_page import Page
from kombo_async._cli.tally import RowResult, Tally
from kombo_async._cli.writing import GuardedCsv, replaced

_COLUMNS = (
    *("row", "person", "email", "result", "message", "what_to_do", "id", "candidate_id", "link", "warnings", "may_be"),
    *("earlier", "found", "code", "log_url", "status_code", "integration_id", "seconds", "attempts"),
)
_JSON = (".jsonl", ".ndjson")
_HTML = (".html", ".htm")


class Report(Protocol):
    """Collects the results of rows."""

    problem: OSError | None
    """Why it could not be written."""

    def add(self, row: RowResult) -> None:
        """Add the result of *row*."""
        ...


class _Csv:
    def __init__(self, file: TextIO) -> None:
        self._rows = GuardedCsv(file)
        self._rows.writerow(_COLUMNS)

    def add(self, row: RowResult) -> None:
        data = _plain(row)
        data |= {"id": data["ids"].get("id", ""), "candidate_id": data["ids"].get("candidate_id", "")}
        data |= {name: "; ".join(data[name]) for name in ("warnings", "may_be")}
        self._rows.writerow([data[name] for name in _COLUMNS])


class _Jsonl:
    def __init__(self, file: TextIO) -> None:
        self._file = file

    def add(self, row: RowResult) -> None:
        self._file.write(json.dumps(_plain(row), ensure_ascii=False) + "\n")


class _Html:
    def __init__(self, page: Page) -> None:
        self._page = page
        self._began = time.monotonic()

    def add(self, row: RowResult) -> None:
        self._page.add(row, time.monotonic() - self._began)

    def render(self) -> str:
        return self._page.render()


def _plain(row: RowResult) -> dict[str, Any]:
    return row.to_dict() | {"what_to_do": advice(row)}


def check_report(path: Path | None) -> None:
    """Refuse a report of an unknown kind. Raises `click.UsageError`."""
    if path is not None and path.suffix.lower() not in (".csv", *_JSON, *_HTML):
        raise click.UsageError(f"--report {path}: the name must end in .csv, .jsonl or .html")


class _Guarded:
    """Records that the report cannot be written, which does not stop the upload."""

    def __init__(self, add: Callable[[RowResult], None]) -> None:
        self._add = add
        self.problem: OSError | None = None

    def add(self, row: RowResult) -> None:
        if self.problem is None:
            try:
                self._add(row)
            except OSError as error:
                self.problem = error


@contextmanager
def open_report(path: Path | None, tally: Tally, title: str, *, dry_run: bool = False) -> Generator[Report]:
    """Write a report to *path* while the block runs, of the kind that its suffix says.

    It replaces an older report at the end; if the block fails, the older one stays. If the report cannot be written,
    its `problem` says why.
    """
    if path is None:
        yield _Guarded(_ignore)
        return
    encoding = "utf-8-sig" if path.suffix.lower() == ".csv" else "utf-8"  # Excel needs the mark to see UTF-8
    report: _Guarded | None = None
    over = False
    try:
        with replaced(path, encoding=encoding) as file:
            add, finish = _writer(path, file, tally, title, dry_run)
            report = _Guarded(add)
            yield report
            over = True
            if report.problem is not None:
                raise report.problem
            finish()
    except OSError as error:
        if report is None or not over:
            raise
        report.problem = error


def _writer(
    path: Path, file: TextIO, tally: Tally, title: str, dry_run: bool
) -> tuple[Callable[[RowResult], None], Callable[[], object]]:
    """A function that takes rows, and one to call at the end."""
    if path.suffix.lower() in _HTML:
        page = _Html(Page(title, tally, dry_run=dry_run))
        return page.add, lambda: file.write(page.render())
    return (_Jsonl(file) if path.suffix.lower() in _JSON else _Csv(file)).add, lambda: None


def _ignore(row: RowResult) -> None:
    """Nobody asked for a report."""
