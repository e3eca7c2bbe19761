"""Faults of input rows, grouped by kind and column into one line each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

import attrs

MOST_ROWS = 200
"""How many row numbers are kept for each group; a report has them all."""
MOST_GROUPS = 500
"""The most groups; further faults share one."""

TITLES = {
    "missing_file": ("{files} is missing", "{n:,} {files} are missing"),
    "empty_file": ("{files} is empty", "{n:,} {files} are empty"),
    "not_a_file": ("{files} is not a file", "{n:,} {files} are not files"),
    "unreadable_file": ("{files} cannot be read", "{n:,} {files} cannot be read"),
    "unclear_file": ("{files} exists more than once", "{n:,} {files} exist more than once"),
    "elsewhere": ("{files} is on another computer", "{n:,} {files} are on another computer"),
    "forbidden_file": ("{files} is outside the folder", "{n:,} {files} are outside the folder"),
    "email": ("an e-mail address is invalid", "{n:,} e-mail addresses are invalid"),
    "empty": ("a cell is empty", "{n:,} cells are empty"),
    "number": ("a cell is not a number", "{n:,} cells are not numbers"),
    "ambiguous_number": ("a number is ambiguous", "{n:,} numbers are ambiguous"),
    "date": ("a cell is not a date", "{n:,} cells are not dates"),
    "ambiguous_date": ("a date is ambiguous", "{n:,} dates are ambiguous"),
    "truth": ("a cell is neither yes nor no", "{n:,} cells are neither yes nor no"),
    "control_character": (
        "a cell contains a control character",
        "{n:,} cells contain control characters",
    ),
    "lost_digits": ("a spreadsheet shortened a number", "a spreadsheet shortened {n:,} numbers"),
    "spreadsheet_error": ("a cell is a spreadsheet error", "{n:,} cells are spreadsheet errors"),
    "formula": ("a formula has no value", "{n:,} formulas have no value"),
    "placeholder": ("a cell looks empty", "{n:,} cells look empty"),
    "garbled": ("a cell has garbled letters", "{n:,} cells have garbled letters"),
    "web_address": ("{files} is a web address", "{n:,} {files} are web addresses"),
    "duplicate": ("a row is a duplicate", "{n:,} rows are duplicates"),
    "unknown_job": ("a job is unknown", "{n:,} rows name an unknown job"),
    "unclear_job": ("a job's name is not unique", "{n:,} rows name a job whose name is not unique"),
    "row": ("a row cannot be read", "{n:,} rows cannot be read"),
    "value": ("a value does not fit", "{n:,} values do not fit"),
}
"""Titles of groups by kind: for one row and for many."""

CURES = {
    "missing_file": "Put the files there, or pass their folder as --files-from DIR, and run the same command again.",
    "empty_file": "Replace the files, and run the same command again.",
    "elsewhere": "Copy the files to this computer and give only their names; --files-from DIR names the folder.",
    "forbidden_file": "Pass the folder of the files as --files-from DIR.",
    "email": "Correct the addresses in the file.",
    "empty": "Fill the cells in.",
    "ambiguous_number": "Pass --decimal , or --decimal . to say which is meant.",
    "ambiguous_date": "Pass --date-format, for example DD.MM.YYYY, to say which is meant.",
    "lost_digits": "Format the column as text in the spreadsheet, and enter the values again.",
    "duplicate": "Only the first of them is sent. Delete the others.",
    "formula": "Open the file in a spreadsheet, save it, and run the same command again.",
    "placeholder": "Empty the cells, or pass --empty to say which texts mean an empty cell.",
    "garbled": "Export the file again as UTF-8, from the program that it came from.",
    "web_address": "Download the files and give their names; --files-from DIR names the folder.",
    "unknown_job": "Give the job's Kombo ID, remote: followed by its ID in the connected system, or its exact name.",
    "unclear_job": "Give the job's ID instead of its name.",
    "row": "Correct the rows in the file.",
}
CORRECT = "Correct the cells in the file."
_FILES = {"CV": ("a CV", "CVs"), "COVER_LETTER": ("a cover letter", "cover letters"), "OTHER": ("a file", "files")}


@attrs.frozen
class RowFault:
    """Something that is wrong with a row."""

    kind: str
    message: str
    column: str | None = None
    target: str | None = None
    """What the column is for, such as `CV`."""

    def __str__(self) -> str:
        return f"column {self.column!r}: {self.message}" if self.column else self.message


@attrs.define
class FaultGroup:
    """Faults of one kind in one column."""

    first: RowFault
    count: int = 0
    row_count: int = 0
    rows: list[int] = attrs.field(factory=list[int])
    """The first row numbers."""
    _last: int | None = None

    def add(self, row: int) -> None:
        """Count a fault of a row; one row after the other."""
        self.count += 1
        if row != self._last:
            self._last = row
            self.row_count += 1
            if len(self.rows) < MOST_ROWS:
                self.rows.append(row)

    @property
    def title(self) -> str:
        """A title such as `32 CVs are missing`."""
        one, many = TITLES.get(self.first.kind, ("a row is refused", "{n:,} rows are refused"))
        one_file, files = _FILES.get(self.first.target or "", ("a file", "files"))
        if self.count == 1:
            return one.format(files=one_file)
        return many.format(n=self.count, files=files)

    @property
    def cure(self) -> str:
        """What to do about it."""
        return CURES.get(self.first.kind, CORRECT)

    def __str__(self) -> str:
        if self.count == 1:
            return f"row {self.rows[0]}: {self.first}"
        place = f" (column {self.first.column!r})" if self.first.column else ""
        return f"{self.title}{place}: {rows_text(self.rows, self.row_count)}; the first: {self.first.message}"


@attrs.define
class FaultGroups:
    """All faults of a run, by kind and column."""

    rows: int = 0
    """How many rows have a fault."""
    groups: dict[tuple[str, str | None], FaultGroup] = attrs.field(factory=dict[tuple[str, str | None], FaultGroup])

    def add(self, row: int, faults: Iterable[RowFault]) -> None:
        """Count the faults of a row."""
        found = False
        for fault in faults:
            found = True
            key = (fault.kind, fault.column)
            if key not in self.groups and len(self.groups) >= MOST_GROUPS:
                key, fault = ("other", None), RowFault("other", "other faults; --report lists them")
            self.groups.setdefault(key, FaultGroup(fault)).add(row)
        self.rows += found

    def __iter__(self) -> Iterator[FaultGroup]:
        return iter(sorted(self.groups.values(), key=lambda group: -group.count))


def rows_text(rows: list[int], count: int, most: int = 12) -> str:
    """Row numbers for a sentence: `rows 2-9, 14 and 1,890 more`."""
    ranges: list[tuple[int, int]] = []
    for _, run in groupby(enumerate(rows), key=lambda each: each[1] - each[0]):
        numbers = [number for _, number in run]
        ranges.append((numbers[0], numbers[-1]))
    shown = ranges[:most]
    named = sum(last - first + 1 for first, last in shown)
    text = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in shown)
    more = f" and {count - named:,} more" if count > named else ""
    return f"row{'s' if count > 1 else ''} {text}{more}"
