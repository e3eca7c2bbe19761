"""From what came over HTTP to a typed request; whatever is wrong with it is `PLATFORM.INPUT_INVALID`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, cast, get_args
from urllib.parse import unquote_plus

import msgspec

from kombo_async._codec.structure import field_types, is_list, is_union, members
from kombo_async.errors import InvalidInput
from kombo_async.request import Operation, Request
from kombo_async.sandbox._api.validation import check
from kombo_async.sandbox._state.refusals import InputInvalid


def read_request(
    cls: type[Request[Any]], parameters: dict[str, str], query: str, content_type: str, body: bytes
) -> Request[Any]:
    """The request in a call to the operation of *cls*. Raises `InputInvalid`."""
    operation = cls.operation
    data: dict[str, Any] = dict(parameters)
    if query:
        data.update(_query(cls, query))
    if operation.body is not None:
        data.update(_body(operation, content_type, body))
    try:
        request = cls.from_dict(data)
    except InvalidInput as error:
        raise InputInvalid("; ".join(map(str, error.faults))) from None
    check(request)
    return request


def _query(cls: type[Request[Any]], query: str) -> dict[str, Any]:
    readers = _readers(cast("Any", cls))
    values: dict[str, Any] = {}
    for pair in query.split("&"):
        name, _, text = pair.partition("=")
        name = unquote_plus(name)
        if not name:
            continue
        if name not in readers:
            raise InputInvalid(f"{name}: {cls.operation.id} has no such query parameter")
        if name in values:
            raise InputInvalid(f"{name}: came twice; give several values as one, separated by commas")
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
        # Kombo's own clients send the comma percent-encoded.
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


def _body(operation: Operation, content_type: str, body: bytes) -> dict[str, Any]:
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
    unknown = sorted(set(cast("dict[str, Any]", plain)) - set(operation.body or ()))
    if unknown:
        raise InputInvalid(f"{', '.join(unknown)}: there is no such field")
    return cast("dict[str, Any]", plain)
