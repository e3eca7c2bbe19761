"""The lines of an export, from records as Kombo sent them: JSON stays JSON, and no cell of a page is decoded twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import msgspec

from kombo_async._cli.writing import csv_cell, guarded

_NULL = msgspec.Raw(b"null")
_decode = msgspec.json.Decoder().decode


def json_lines(records: Sequence[Any]) -> str:
    """A line of JSON for each record: `msgspec.Raw`, or plain data if msgspec could not read the page."""
    texts = [each if isinstance(each, msgspec.Raw) else json.dumps(each).encode() for each in records]
    lines = b"\n".join([*texts, b""]).decode()
    if lines.count("\n") > len(texts) or "\r" in lines:
        return "".join([_one_line(bytes(text)) for text in texts])
    return lines


def _one_line(text: bytes) -> str:
    return (msgspec.json.format(text, indent=-1) if b"\n" in text or b"\r" in text else text).decode() + "\n"


def csv_lines(names: Sequence[str]) -> Callable[[Sequence[Any]], str]:
    """A function that makes a line of CSV of each record, as `json_lines` does, with a cell for each of *names*."""
    fields = {f"field_{index}": name for index, name in enumerate(names)}  # a name may be a keyword of Python
    struct = msgspec.defstruct("Row", [(field, msgspec.Raw, _NULL) for field in fields], rename=fields)
    decode, astuple = msgspec.json.Decoder(struct).decode, msgspec.structs.astuple

    def row(record: Any) -> Sequence[Any]:
        if isinstance(record, msgspec.Raw):
            try:
                return astuple(decode(record))
            except msgspec.ValidationError:  # not an object
                return [_NULL] * len(names)
        values = cast("Mapping[str, Any]", record if isinstance(record, Mapping) else {})
        return [json.dumps(values.get(name)).encode() for name in names]

    def lines(records: Sequence[Any]) -> str:
        cells = _Cells()
        columns = [[cells[text] for text in _texts(column)] for column in zip(*map(row, records), strict=True)]
        return "".join([f"{','.join(line)}\r\n" for line in zip(*columns, strict=True)])

    return lines


def _texts(column: Sequence[Any]) -> list[str]:
    """The JSON of each value: decoded all together, which is much quicker, unless a value has line breaks."""
    texts = b"\n".join(column).decode().split("\n")
    return texts if len(texts) == len(column) else [bytes(value).decode() for value in column]


class _Cells(dict[str, str]):
    """The cells of a page by their JSON: objects and lists stay JSON. Most values occur again and again."""

    def __missing__(self, text: str) -> str:
        try:
            value = text if text[0] in "{[" else guarded(_decode(text))
        except msgspec.DecodeError:  # NaN, and the like
            value = text
        cell = self[text] = csv_cell(value)
        return cell
