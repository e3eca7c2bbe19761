"""Read JSON Lines or one JSON array, object by object, in constant memory."""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Iterator
from typing import Any

import attrs

from kombo_async._cli.plain_data import is_array, is_object
from kombo_async._cli.reading.source import Source
from kombo_async._cli.reading.table import Cell, Line, TableError

CHUNK = 1 << 18
LONGEST_VALUE = 200_000_000
"""The most characters in one object; with more, the file is not what it seems."""
COLUMNS_FROM = 1_000
"""How many objects are read to find the column names."""
_SPACE = " \t\r\n"


@attrs.frozen
class Item:
    """A value of the file."""

    number: int
    """The line in a JSON Lines file, or the position in an array, from 1."""
    value: Any = None
    fault: str | None = None


def begins_array(source: Source) -> bool:
    """Whether the file is one JSON array."""
    start = _text(source.start(4096)).lstrip(_SPACE)
    inner = start[1:].lstrip(_SPACE)
    return start.startswith("[") and inner[:1] in ("", "{", "]", "[", '"')


def begins_object(source: Source) -> bool:
    """Whether the file begins with a JSON object."""
    start = _text(source.start(4096)).lstrip(_SPACE)
    return start.startswith("{") and start[1:].lstrip(_SPACE)[:1] in ("", '"', "}")


def items(source: Source) -> Iterator[Item]:
    """The values of *source*. Raises `TableError` if it cannot be read any further."""
    with _opened(source) as file:
        try:
            yield from _array(file) if begins_array(source) else _lines(file)
        except UnicodeError:
            raise TableError("is not UTF-8; JSON must be (or UTF-16 with a byte order mark)") from None


def _lines(file: io.TextIOWrapper) -> Iterator[Item]:
    for number, line in enumerate(file, 1):
        if line.strip():
            yield _item(number, line)


def _refuse(constant: str) -> None:
    """Python's decoder takes NaN and Infinity, which JSON does not have."""
    raise ValueError(f"{constant} is not a JSON value")


def _item(number: int, text: str) -> Item:
    try:
        return Item(number, json.loads(text, parse_constant=_refuse))
    except ValueError as error:
        return Item(number, fault=f"is not valid JSON: {error}")
    except RecursionError:
        return Item(number, fault="is nested too deeply")


def _array(file: io.TextIOWrapper) -> Iterator[Item]:
    text = _Text(file)
    text.skip(_SPACE)
    text.at += 1
    number = 0
    while text.skip(_SPACE + ("," if number else "")) != "]":
        number += 1
        yield Item(number, text.value(number))


class _Text:
    """The text of a file, only part of which is in memory."""

    def __init__(self, file: io.TextIOWrapper) -> None:
        self._file = file
        self._decoder = json.JSONDecoder(parse_constant=_refuse)
        self._part = ""
        self.at = 0

    def skip(self, chars: str) -> str:
        """Skip *chars*, and return the next other character. Raises `TableError` at the end."""
        while True:
            while self.at < len(self._part):
                if self._part[self.at] not in chars:
                    return self._part[self.at]
                self.at += 1
            if not self._read_more(CHUNK):
                raise TableError("ends without a closing bracket; is it cut off?")

    def value(self, number: int) -> Any:
        """The value that begins here. Raises `TableError`."""
        size = CHUNK
        while True:
            problem = "is it cut off?"
            try:
                value, end = self._decoder.raw_decode(self._part, self.at)
                if end < len(self._part) or not isinstance(value, int | float):  # more digits might follow
                    self.at = end
                    return value
            except RecursionError:
                raise TableError(f"item {number} is nested too deeply") from None
            except ValueError as error:
                problem = str(error)
            if len(self._part) - self.at > LONGEST_VALUE or not self._read_more(size):
                raise TableError(f"item {number} is not valid JSON: {problem}")
            size *= 2

    def _read_more(self, size: int) -> bool:
        more = self._file.read(size)
        self._part = self._part[self.at :] + more
        self.at = 0
        return bool(more)


def _opened(source: Source) -> io.TextIOWrapper:
    start = source.start(4)
    utf_16 = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return io.TextIOWrapper(source.open(), encoding="utf-16" if utf_16 else "utf-8-sig")


def _text(start: bytes) -> str:
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return start.decode("utf-16", "ignore")
    return start.decode("utf-8-sig", "ignore")


@attrs.frozen
class ObjectTable:
    """Flat JSON objects as the rows of a table, with their names as its columns."""

    source: Source
    columns: list[str]
    notes: list[str] = attrs.field(factory=list[str])

    def __iter__(self) -> Iterator[Line]:
        """Each object as a row."""
        known = {name: place for place, name in enumerate(self.columns)}
        for item in items(self.source):
            yield _row(item, known)


def _row(item: Item, known: dict[str, int]) -> Line:
    cells: list[Cell] = [None] * len(known)
    if item.fault:
        return Line(item.number, cells, item.fault)
    fields: object = item.value
    if not is_object(fields):
        return Line(item.number, cells, "is not a JSON object")
    for name, value in fields.items():
        if name not in known:
            return Line(item.number, cells, f"has a field {name!r} that no earlier row has")
        parts: list[Any] = value if is_array(value) else [value]
        if any(is_object(each) or is_array(each) for each in parts):
            return Line(item.number, cells, f"the field {name!r} must be a plain value")
        cells[known[name]] = "|".join(map(str, parts)) if is_array(value) else parts[0]
    return Line(item.number, cells)


def open_objects(source: Source) -> ObjectTable:
    """Open *source* as a table with columns from its first objects."""
    columns: dict[str, None] = {}
    for count, item in enumerate(items(source)):
        if count == COLUMNS_FROM:
            break
        fields: object = item.value
        if is_object(fields):
            columns.update(dict.fromkeys(fields))
    return ObjectTable(source, list(columns))
