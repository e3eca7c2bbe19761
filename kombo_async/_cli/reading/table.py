"""What every reader returns: columns, and rows of cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Protocol, TypeAlias

import attrs

from kombo_async._cli.shown import shown
from kombo_async._cli.texts import CellFault, clean


@attrs.frozen
class BadCell:
    """A cell without a value, and why: a fault of each row that needs it."""

    kind: str
    message: str

    def __str__(self) -> str:
        return ""


Value: TypeAlias = str | int | float | bool | date | datetime | None
"""A value as read from the file: text from a CSV; numbers and dates from Excel and JSON."""
Cell: TypeAlias = Value | BadCell


class TableError(Exception):
    """The file cannot be read; the message says what is wrong and what to do."""


def check_header(header: Sequence[object], first: Sequence[object], number: int) -> None:
    """Refuse a title above the names of the columns. Raises `TableError`."""
    names = [name for name in header if name not in (None, "")]
    cells = [cell for cell in first if cell not in (None, "")]
    if len(names) == 1 and len(cells) > 2:
        raise TableError(
            f"row {number} has one cell ({shown(str(names[0]))}), the next row has {len(cells)}: "
            "delete the rows above the header"
        )


def column_name(cell: Cell, row: int) -> str:
    """The name that *cell* of the header gives a column. Raises `TableError` for control characters."""
    try:
        return "" if cell is None else clean(str(cell))
    except CellFault as fault:
        raise TableError(f"row {row}, the header: {fault.message}") from None


@attrs.frozen
class Line:
    """A row of a table."""

    number: int
    """As the file's own program counts: in a spreadsheet, the header is row 1."""
    cells: list[Cell]
    fault: str | None = None
    """Why the whole row cannot be used."""


class Table(Protocol):
    """Rows of cells under named columns; it can be read any number of times."""

    @property
    def columns(self) -> list[str]:
        """The names of its columns, in order."""
        ...

    @property
    def notes(self) -> list[str]:
        """Notes for the user on how the file is read."""
        ...

    def __iter__(self) -> Iterator[Line]:
        """Its rows, without the header and empty ones. Raises `TableError` if it cannot be read any further."""
        ...


@attrs.frozen(kw_only=True)
class ReadOptions:
    """How the user wants the file read; None means detect."""

    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
