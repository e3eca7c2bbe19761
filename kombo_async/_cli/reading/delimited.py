"""CSV and TSV in any dialect: encoding and delimiter are detected, faults name the row."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from itertools import chain

import attrs

from kombo_async._cli.reading.encoding import NAMES, find_encoding
from kombo_async._cli.reading.source import Source
from kombo_async._cli.reading.table import Cell, Line, ReadOptions, TableError, check_header, column_name

LONGEST_CELL = 1_000_000
"""The most characters in a cell: a longer one means an unclosed quote, or a whole file in a cell."""
DELIMITERS = ",;\t|"
RARE_DELIMITERS = ",:^~"
"""Tried if none of the common ones is found."""
_SEP = re.compile(r'"?sep=(?P<delimiter>[^"\r\n])"?[,;\t|]*\s*', re.IGNORECASE)
"""A first line such as `sep=;` tells Excel the delimiter; it is not a row. Other programs add quotes or delimiters."""
_NOTHING = " \t\r\n\x0b\x0c\u00a0\ufeff\0\x1a"
"""Characters that an empty cell may contain: spaces, and what old programs put at the end of a file."""


@attrs.frozen
class DelimitedTable:
    """A text file with a known encoding and delimiter."""

    source: Source
    encoding: str
    delimiter: str
    header: int
    """The row that names the columns, counted from 1."""
    columns: list[str]
    notes: list[str]

    def __iter__(self) -> Iterator[Line]:
        """Its rows, without the header and empty ones. Raises `TableError` if it cannot be read any further."""
        width = len(self.columns)
        with _opened(self.source, self.encoding) as file:
            for number, cells in _rows(file, self.delimiter, self.encoding):
                if number > self.header and _holds_any(cells):
                    yield self._line(number, cells, width)

    def _line(self, number: int, cells: list[str], width: int) -> Line:
        row: list[Cell] = [*cells]
        if len(row) < width:  # programs leave out the empty cells at the end of a row
            row += [""] * (width - len(row))
        elif len(row) > width:
            if any(cell.strip() for cell in cells[width:]):
                return Line(number, row, self._too_long(len(row)))
            del row[width:]
        return Line(number, row)

    def _too_long(self, length: int) -> str:
        return (
            f"has {length} cells, but the header has {len(self.columns)}; "
            f"put quotes around cells that contain a {_name(self.delimiter)} or a line break"
        )


def open_delimited(source: Source, options: ReadOptions) -> DelimitedTable:
    """Detect the encoding and delimiter of *source*, and read its header. Raises `TableError`."""
    found = find_encoding(source) if options.encoding is None else None
    encoding = options.encoding or (found.name if found else "utf-8-sig")
    notes: list[str] = []
    if found and found.sample:
        notes.append(f"read as {NAMES[found.name]}, for example {found.sample!r}; if that is wrong, pass --encoding")
    try:
        with _opened(source, encoding) as file:
            first = file.readline(LONGEST_CELL)
            sep = _SEP.fullmatch(first)
            lines = iter(lambda: file.readline(LONGEST_CELL), "")
            head = next((line for line in chain(() if sep else (first,), lines) if line.strip(_NOTHING)), "")
            said = sep["delimiter"] if sep and sep["delimiter"] in head else None
            delimiter = options.delimiter or said or _delimiter(source, head)
            file.seek(0)
            rows = ((n, row) for n, row in _rows(file, delimiter, encoding) if _holds_any(row) and (n > 1 or not sep))
            number, header = next(rows, (0, list[str]()))
            if not header:
                raise TableError("the file is empty; its first row must name the columns")
            check_header(header, next(rows, (0, list[str]()))[1], number)
    except LookupError:
        raise TableError(f"--encoding {encoding}: unknown encoding; try utf-8, cp1252 or mac_roman") from None
    except UnicodeError:
        raise TableError(_undecodable(1, encoding)) from None
    columns = [column_name(name, number) for name in header]
    return DelimitedTable(source, encoding, delimiter, number, columns, notes)


def _rows(file: io.TextIOWrapper, delimiter: str, encoding: str) -> Iterator[tuple[int, list[str]]]:
    """All rows with their numbers. Raises `TableError` if it cannot be read any further."""
    number = 0
    try:
        for cells in csv.reader(file, delimiter=delimiter, strict=True, skipinitialspace=delimiter != " "):
            number += 1
            yield number, cells
    except csv.Error as error:
        raise TableError(f"row {number + 1}: {_explain(error)}") from None
    except UnicodeError:
        raise TableError(_undecodable(number + 1, encoding)) from None


def _holds_any(cells: list[str]) -> bool:
    return any(cells) and any(cell.strip(_NOTHING) for cell in cells)


def _opened(source: Source, encoding: str) -> io.TextIOWrapper:
    csv.field_size_limit(LONGEST_CELL)
    return io.TextIOWrapper(source.open(), encoding=encoding, newline="")


def _delimiter(source: Source, head: str) -> str:
    """The character that separates the cells of *head*, outside quotes."""
    if source.path.suffix.lower() in (".tsv", ".tab") and "\t" in head:
        return "\t"
    outside = "".join(head.split('"')[::2])
    common = max(DELIMITERS, key=outside.count)
    return common if common in outside else max(RARE_DELIMITERS, key=outside.count)


def _undecodable(row: int, encoding: str) -> str:
    return (
        f"row {row} or one after it contains bytes that are not valid {NAMES.get(encoding, encoding)}; "
        "save the file as UTF-8, or pass --encoding"
    )


def _explain(error: csv.Error) -> str:
    text = str(error)
    if "field larger" in text:
        return f"a cell has more than {LONGEST_CELL:,} characters; is a quote left open?"
    if "unexpected end of data" in text:
        return 'a quote (") opened here or earlier is never closed'
    if "expected after" in text:
        return 'there is a single quote (") inside a quoted cell; write it twice ("")'
    return text


def _name(delimiter: str) -> str:
    return {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}.get(delimiter, repr(delimiter))
