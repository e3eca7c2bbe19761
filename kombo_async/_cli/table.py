"""Reading a CSV file of any make: its encoding and delimiter are found out, its faults told by row."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from pathlib import Path

import attrs

LONGEST_CELL = 1_000_000
"""Characters. A longer one is a quote that was not closed, or a file that has lost its way into a cell."""
DELIMITERS = ",;\t|"


class TableError(Exception):
    """The file cannot be read as a table; the message says what to mend."""


@attrs.frozen
class Line:
    """A row of a table."""

    number: int
    """As spreadsheets count: the header is row 1."""
    cells: list[str]
    fault: str | None = None
    """Why it cannot be used."""


@attrs.frozen
class Table:
    """A CSV file whose make is known."""

    path: Path
    encoding: str
    delimiter: str
    columns: list[str]

    def __iter__(self) -> Iterator[Line]:
        """Its rows, without the header and empty ones. Raises `TableError` where it cannot be read on."""
        number = 1
        csv.field_size_limit(LONGEST_CELL)
        with self.path.open(newline="", encoding=self.encoding) as file:
            reader = csv.reader(file, delimiter=self.delimiter, strict=True)
            try:
                next(reader)
                for cells in reader:
                    number += 1
                    if any(cell.strip() for cell in cells):
                        yield Line(number, cells, self._fault(cells))
            except csv.Error as error:
                raise TableError(f"row {number + 1}: {_explain(error)}") from None

    def _fault(self, cells: list[str]) -> str | None:
        if len(cells) == len(self.columns):
            return None
        return (
            f"has {len(cells)} cells, but the header has {len(self.columns)}; "
            f"put quotes around cells that hold a {_name(self.delimiter)} or a line break"
        )


def open_table(path: Path, encoding: str | None = None, delimiter: str | None = None) -> Table:
    """Find out the make of the CSV file at *path*, and read its header. Raises `TableError`."""
    encoding = encoding or _encoding(path)
    try:
        with path.open(newline="", encoding=encoding) as file:
            header = file.readline(LONGEST_CELL)
            if header and not header.strip():
                raise TableError("row 1 is empty; the first row must name the columns")
            if not header:
                raise TableError("the file is empty; its first row must name the columns")
            delimiter = delimiter or max(DELIMITERS, key=header.count)
            file.seek(0)
            columns = [name.strip() for name in next(csv.reader(file, delimiter=delimiter, strict=True))]
    except (UnicodeError, LookupError):
        raise TableError(f"it cannot be read as {encoding}; say --encoding, or save it as UTF-8") from None
    except csv.Error as error:
        raise TableError(f"row 1: {_explain(error)}") from None
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if twice:
        raise TableError(f"the header names {', '.join(map(repr, twice))} more than once")
    return Table(path, encoding, delimiter, columns)


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(4)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        for place, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):  # without a mark
            if start[place::2] == b"\0\0":
                return encoding
        file.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while chunk := file.read(1 << 20):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"  # what Excel writes in Western Europe; Latin-1 is almost the same
    return "utf-8-sig"


def _explain(error: csv.Error) -> str:
    text = str(error)
    if "field larger" in text:
        return f"a cell has more than {LONGEST_CELL:,} characters; is a quote not closed?"
    if "unexpected end of data" in text:
        return 'a quote (") is opened here or before, and never closed'
    if "expected after" in text:
        return 'there is a single quote (") inside a quoted cell; write it twice ("")'
    if "NUL" in text:
        return "it holds a NUL character; this is no text file"
    return text


def _name(delimiter: str) -> str:
    return {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}.get(delimiter, repr(delimiter))
