"""Parse an HTTP request into a typed one; any fault in it is `PLATFORM.INPUT_INVALID`."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any, cast, get_args
from urllib.parse import unquote_plus

import msgspec

from kombo_async._codec.strict import UNKNOWN
from kombo_async._codec.structure import field_types, is_list, is_union, members
from kombo_async.errors import InvalidInput
from kombo_async.request import Operation, Request
from kombo_async.sandbox._api.validation import check
from kombo_async.sandbox._state.refusals import InputInvalid


def read_request(
    cls: type[Request[Any]],
    parameters: dict[str, str],
    query: str,
    content_type: str,
    body: bytes,
    unknown: list[str] | None = None,
) -> Request[Any]:
    """The request in a call to the operation of *cls*. Raises `InputInvalid`.

    Unknown parameters and fields are dropped and listed in *unknown*; if that is None, they are refused.
    """
    operation = cls.operation
    data: dict[str, Any] = dict(parameters)
    if query:
        data.update(_query(cls, query, unknown))
    if operation.body is not None:
        data.update(_body(operation, content_type, body, unknown))
    request = _structure(cls, data, unknown)
    check(request)
    return request


def _structure(cls: type[Request[Any]], data: dict[str, Any], unknown: list[str] | None) -> Request[Any]:
    try:
        return cls.from_dict(data)
    except InvalidInput as error:
        strange = [fault.path for fault in error.faults if fault.message == UNKNOWN]
        if unknown is None or not strange or not _leave_all_out(data, strange):
            raise InputInvalid("; ".join(map(str, error.faults))) from None
    unknown += strange
    return _structure(cls, data, unknown)


def _leave_all_out(data: Any, paths: list[str]) -> bool:
    found = [_leave_out(data, path) for path in paths]
    return all(found)


def _leave_out(data: Any, path: str) -> bool:
    """Remove the value at *path* from *data*; returns whether it was there."""
    *steps, last = re.findall(r"[^.\[\]]+", path)
    for step in steps:
        try:
            data = cast("Any", data)[int(step)] if isinstance(data, list) else data[step]
        except (LookupError, TypeError, ValueError):
            return False
    return isinstance(data, dict) and cast("dict[str, Any]", data).pop(last, _LEFT_OUT) is not _LEFT_OUT


_LEFT_OUT: Any = object()


def _query(cls: type[Request[Any]], query: str, unknown: list[str] | None) -> dict[str, Any]:
    readers = _readers(cast("Any", cls))
    values: dict[str, Any] = {}
    for pair in query.split("&"):
        name, _, text = pair.partition("=")
        name = unquote_plus(name)
        if not name:
            continue
        if name not in readers:
            if name.partition("[")[0] in readers:  # otherwise a mistyped filter would find everything
                raise InputInvalid(f"{name}: pass {name.partition('[')[0]} once, several values separated by commas")
            if unknown is None:
                raise InputInvalid(f"{name}: {cls.operation.id} has no such query parameter")
            unknown.append(name)
            continue
        if name in values:
            raise InputInvalid(f"{name}: given twice; separate several values with commas")
        values[name] = readers[name](name, text)
    return values


@cache
def _readers(cls: type[Request[Any]]) -> dict[str, Callable[[str, str], Any]]:
    """How to read each query parameter: from text to the type of its field."""
    hints = {field.name: hint for field, hint in field_types(cast("Any", cls))}
    return {name: _reader(hints[name]) for name in cls.operation.query}


def _reader(hint: Any) -> Callable[[str, str], Any]:
    choices = members(hint) if is_union(hint) else (hint,)
    if bool in choices:
        return _boolean
    if int in choices:
        return _integer
    lists = [choice for choice in choices if is_list(choice)]
    if lists and get_args(lists[0]):
        # Kombo's own clients percent-encode the comma.
        return lambda _, text: unquote_plus(text).split(",") if text else []
    return lambda _, text: unquote_plus(text)


def _boolean(name: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise InputInvalid(f"{name}: must be true or false")
    return text == "true"


def _integer(name: str, text: str) -> int:
    if not text.removeprefix("-").isdecimal() or not text.isascii() or len(text) > 18:
        raise InputInvalid(f"{name}: must be an integer")
    return int(text)


def _body(operation: Operation, content_type: str, body: bytes, unknown: list[str] | None) -> dict[str, Any]:
    kind = content_type.partition(";")[0].strip().lower()
    if not body.strip():
        return {operation.body[0]: []} if operation.ndjson and operation.body else {}
    if kind != operation.content_type:
        raise InputInvalid(f"Content-Type: must be {operation.content_type}, for this body")
    try:
        if operation.ndjson and operation.body:
            lines = [line for line in body.split(b"\n") if line.strip()]
            return {operation.body[0]: [msgspec.json.decode(line) for line in lines]}
        plain: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InputInvalid("the body is not JSON") from None
    if not isinstance(plain, dict):
        raise InputInvalid("the body must be a JSON object")
    fields = cast("dict[str, Any]", plain)
    strange = sorted(set(fields) - set(operation.body or ()))
    if strange and unknown is None:
        raise InputInvalid(f"{', '.join(strange)}: unknown field")
    if unknown is not None:
        unknown += strange
    return {name: value for name, value in fields.items() if name not in strange}
