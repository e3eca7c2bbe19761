"""Read JSON Lines, objects over several lines, or one JSON array, value by value, in constant memory."""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import attrs

from kombo_async._cli.plain_data import is_array, is_object
from kombo_async._cli.reading.source import Source
from kombo_async._cli.reading.table import BadCell, Cell, Line, TableError
from kombo_async._cli.shown import shown

CHUNK = 1 << 18
LONGEST_VALUE = 200_000_000
"""The most characters in one object; with more, the file is not what it seems."""
MOST_DIGITS = 1_000
"""The most digits in a whole number."""
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
            if begins_array(source):
                yield from _array(file)
            elif _goes_over_lines(source):
                yield from _objects(file)
            else:
                yield from _lines(file)
        except UnicodeError:
            raise TableError("is not UTF-8; JSON must be (or UTF-16 with a byte order mark)") from None


def _lines(file: io.TextIOWrapper) -> Iterator[Item]:
    for number, line in enumerate(file, 1):
        if line.strip():
            yield _item(number, line)


def _goes_over_lines(source: Source) -> bool:
    """Whether its objects go over several lines, unlike JSON Lines: the first line is not a whole value."""
    with _opened(source) as file, suppress(UnicodeError):
        first = next((line for line in file if line.strip()), "")
        return first.lstrip(_SPACE).startswith("{") and _is_open(first)
    return False


def _is_open(line: str) -> bool:
    """Whether *line* is the valid beginning of an object."""
    try:
        _DECODER.raw_decode(line.lstrip(_SPACE))
    except json.JSONDecodeError as error:
        return error.pos >= len(line.rstrip(_SPACE)) - 1 and line.rstrip(_SPACE)[-1:] in "{[,:"
    except (ValueError, RecursionError):
        return False
    return False


class _NotJson(ValueError):
    """Something that Python's decoder takes, but that is not JSON or cannot be meant."""


def _constant(name: str) -> None:
    raise _NotJson(f"{name} is not a JSON value")


def _whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise _NotJson(f"a number has {len(digits):,} digits")
    return int(digits)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _NotJson(f"an object has the name {shown(twice)} twice")
    return value


_DECODER = json.JSONDecoder(parse_constant=_constant, parse_int=_whole, object_pairs_hook=_object)


def _why(error: ValueError) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)


def _item(number: int, text: str) -> Item:
    try:
        return Item(number, _DECODER.decode(text))
    except ValueError as error:
        place = f" (character {error.pos + 1:,})" if isinstance(error, json.JSONDecodeError) else ""
        return Item(number, fault=f"is not valid JSON: {_why(error)}{place}")
    except RecursionError:
        return Item(number, fault="is nested too deeply")


def _objects(file: io.TextIOWrapper) -> Iterator[Item]:
    """Objects one after the other, each over any number of lines."""
    text = _Text(file)
    number = 0
    while text.skip(_SPACE, "") != "":
        number += 1
        yield Item(number, text.value(number))


def _array(file: io.TextIOWrapper) -> Iterator[Item]:
    text = _Text(file)
    text.skip(_SPACE)
    text.at += 1
    number = 0
    while text.skip(_SPACE + ("," if number else "")) != "]":
        number += 1
        yield Item(number, text.value(number))
    text.at += 1
    if text.skip(_SPACE, ""):
        raise TableError("continues after the closing bracket of its array; put each array in a file of its own")


class _Text:
    """The text of a file, only part of which is in memory."""

    def __init__(self, file: io.TextIOWrapper) -> None:
        self._file = file
        self._part = ""
        self.at = 0

    def skip(self, chars: str, end: str | None = None) -> str:
        """Skip *chars*, and return the next other character; at the end of the file *end*, or raise `TableError`."""
        while True:
            while self.at < len(self._part):
                if self._part[self.at] not in chars:
                    return self._part[self.at]
                self.at += 1
            if not self._read_more(CHUNK):
                if end is not None:
                    return end
                raise TableError("ends without a closing bracket; is it cut off?")

    def value(self, number: int) -> Any:
        """The value that begins here. Raises `TableError`."""
        size = CHUNK
        while True:
            problem = "is it cut off?"
            try:
                value, end = _DECODER.raw_decode(self._part, self.at)
                if end < len(self._part) or not isinstance(value, int | float):  # more digits might follow
                    self.at = end
                    return value
            except RecursionError:
                raise TableError(f"item {number} is nested too deeply") from None
            except _NotJson as error:
                raise TableError(f"item {number} is not valid JSON: {error}") from None
            except ValueError as error:
                problem = _why(error)
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
            return Line(item.number, cells, f"has a field {shown(name)} that no earlier row has")
        parts: list[Any] = value if is_array(value) else [value]
        if any(is_object(each) or is_array(each) for each in parts):
            cells[known[name]] = BadCell("row", "must be a plain value, not an object")
        else:
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
