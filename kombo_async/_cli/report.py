"""Reports of an upload: a row for each row as CSV or JSONL, or a page that a recruiter can read."""

from __future__ import annotations

import csv
import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TextIO

import click

from kombo_async._cli.report_page import Timeline, page
from kombo_async._cli.tally import RowResult, Tally

_COLUMNS = ("row", "result", "earlier", "found", "id", "candidate_id", "code", "message", "log_url", "status_code")
_MORE = ("seconds", "attempts")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Report(Protocol):
    """Takes the results of rows."""

    def add(self, row: RowResult) -> None:
        """Take down what became of *row*."""
        ...


class _None:
    def add(self, row: RowResult) -> None:
        """Nobody asked for a report."""


class _Csv:
    def __init__(self, file: TextIO) -> None:
        self._rows = csv.writer(file)
        self._rows.writerow((*_COLUMNS, *_MORE))

    def add(self, row: RowResult) -> None:
        data = row.to_dict()
        data |= {"id": data["ids"].get("id", ""), "candidate_id": data["ids"].get("candidate_id", "")}
        self._rows.writerow([_cell(data[name]) for name in (*_COLUMNS, *_MORE)])


class _Jsonl:
    def __init__(self, file: TextIO) -> None:
        self._file = file

    def add(self, row: RowResult) -> None:
        self._file.write(json.dumps(row.to_dict(), ensure_ascii=False) + "\n")


@contextmanager
def open_report(path: Path | None, tally: Tally, title: str) -> Generator[Report]:
    """Write a report to *path* while the block runs, of the kind that its suffix says; none where there is no path."""
    kind = "" if path is None else path.suffix.lower()
    if path is None:
        yield _None()
    elif kind == ".csv":
        with path.open("w", newline="", encoding="utf-8-sig") as file:  # Excel takes UTF-8 for what it is by its mark
            yield _Csv(file)
    elif kind in (".jsonl", ".ndjson"):
        with path.open("w", encoding="utf-8") as file:
            yield _Jsonl(file)
    elif kind in (".html", ".htm"):
        with path.open("w", encoding="utf-8") as file:
            course = Timeline()
            try:
                yield course
            finally:
                file.write(page(title, tally, course))
    else:
        raise click.UsageError(f"--report {path}: the name must end in .csv, .jsonl or .html")


def _cell(value: Any) -> Any:
    """A spreadsheet must not take a text of Kombo's for a formula."""
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
