"""From a request to what goes over the wire: path, query, body and headers.

No I/O; bad input is a `ValueError` that names its field.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sized
from datetime import date
from numbers import Integral
from typing import Any, cast
from urllib.parse import quote

import attrs
import msgspec

from kombo_async._codec.json_values import HALF_A_CHARACTER, MOST_BITS, TOO_LARGE, holds_only_json, json_fields
from kombo_async.attachments import FileData
from kombo_async.errors import InputFault, InvalidInput
from kombo_async.model import UNSET, utc_time, wire_time
from kombo_async.request import Operation, Request

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A header name (RFC 9110, 5.6.2)."""

_NOT_LISTS: tuple[type, ...] = (str, bytes, bytearray, memoryview, Mapping)
"""Iterable types that are not lists of values."""

LONGEST_TARGET = 8_000
"""The most bytes in path and query. Servers need not accept more (RFC 9110, 4.1), and many do not."""


@attrs.frozen(kw_only=True)
class Encoded:
    """A request as it goes over the wire, made once for a call and used by each of its attempts."""

    target: str = attrs.field(repr=False)
    """The path below the base URL, with its query."""
    content_type: str | None
    body: bytes | tuple[bytes | FileData, ...] | None = attrs.field(repr=False)
    """The body; in parts if it contains files."""


def encode(request: Request[Any]) -> Encoded:
    """Encode *request* for the wire."""
    operation = request.operation
    target = _path(request) if len(operation.path_parts) > 1 else operation.path
    if operation.query:
        target += _query(request)
    if len(target) > LONGEST_TARGET:
        raise _too_long(request, target)
    if operation.body is None:
        return Encoded(target=target, content_type=None, body=None)
    body = _body(request, operation, operation.body)
    if operation.max_body_bytes is not None and isinstance(body, bytes) and len(body) > operation.max_body_bytes:
        raise ValueError(
            f"{', '.join(operation.body)}: the body has {len(body):,} bytes, but {operation.id} takes at most "
            f"{operation.max_body_bytes:,}; send fewer items in each call"
        )
    return Encoded(target=target, content_type=operation.content_type, body=body)


def _path(request: Request[Any]) -> str:
    parts = list(request.operation.path_parts)
    for index in range(1, len(parts), 2):
        name = parts[index]
        value: object = getattr(request, name)
        if not isinstance(value, str) or value in ("", ".", ".."):
            raise InvalidInput(InputFault(name, "must be an ID: non-empty text other than . and .."))
        parts[index] = _quoted(name, value)
    return "".join(parts)


def _query(request: Request[Any]) -> str:
    values = ((name, getattr(request, name)) for name in request.operation.query)
    pairs = [f"{name}={_query_value(name, value)}" for name, value in values if value is not UNSET]
    return f"?{'&'.join(pairs)}" if pairs else ""


def _query_value(name: str, value: Any) -> str:
    """A query value: lists are joined with commas, since Kombo does not take repeated keys."""
    if _holds_several(value):
        items = [_filter_item(name, index, item) for index, item in enumerate(cast("Iterable[object]", value))]
        if not items:
            raise InvalidInput(
                InputFault(name, "an empty list selects nothing; leave the field out to read all records")
            )
        return ",".join(items)
    return _scalar(name, value)


def _holds_several(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, _NOT_LISTS)


def _filter_item(name: str, index: int, item: object) -> str:
    if isinstance(item, str) and not item:
        raise InvalidInput(InputFault(name, f"the value at index {index} is empty"))
    if isinstance(item, str) and "," in item:
        raise InvalidInput(
            InputFault(name, f"the value at index {index} contains a comma, which separates the values of this filter")
        )
    if item is None:
        raise InvalidInput(InputFault(name, f"the value at index {index} is None; leave it out"))
    return _scalar(name, item)


def _scalar(name: str, value: object) -> str:
    """A single value as text for a query."""
    if isinstance(value, str):
        return _quoted(name, value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return quote(wire_time(utc_time(value, name)), safe="")
    if isinstance(value, int | Integral):
        exact = int(value)
        if exact.bit_length() > MOST_BITS:
            raise InvalidInput(InputFault(name, TOO_LARGE))
        return str(exact)
    if value is None:
        raise InvalidInput(InputFault(name, "must not be None; leave the field out to read all records"))
    raise InvalidInput(InputFault(name, f"a value of type {type(value).__name__} cannot be sent in a query"))


def _quoted(path: str, value: str) -> str:
    try:
        return quote(str.__str__(value), safe="")
    except UnicodeEncodeError:
        raise InvalidInput(InputFault(path, HALF_A_CHARACTER)) from None


def _too_long(request: Request[Any], target: str) -> InvalidInput:
    """The fault for a URL that is too long: which field causes it, and how many values would fit."""
    operation = request.operation
    names = (*operation.path_parts[1::2], *operation.query)
    given = {name: value for name in names if (value := getattr(request, name)) is not UNSET}
    lengths = {name: len(_query_value(name, value)) for name, value in given.items()}
    longest = max(lengths, key=lambda name: lengths[name])
    value = given[longest]
    message = f"makes a URL of {len(target):,} bytes, and servers accept {LONGEST_TARGET:,}"
    if isinstance(value, Sized) and not isinstance(value, str):
        room = LONGEST_TARGET - (len(target) - lengths[longest])
        fitting = max(1, len(value) * room // lengths[longest])
        message = f"{len(value):,} values: {message}; ask for about {fitting:,} at a time"
    return InvalidInput(InputFault(longest, message))


def _body(request: Request[Any], operation: Operation, names: tuple[str, ...]) -> bytes | tuple[bytes | FileData, ...]:
    fields = {name: value for name in names if (value := getattr(request, name)) is not UNSET}
    if operation.ndjson:
        fields = {name: list(value) for name, value in fields.items()}
    try:
        if not holds_only_json(fields.values()) or not fields.keys().isdisjoint(operation.renamed):
            fields = json_fields(fields)
        if operation.ndjson:
            return msgspec.json.Encoder().encode_lines(fields[names[0]])
        return _object(fields)
    except InvalidInput:
        raise
    except (ValueError, RecursionError):  # text with a lone surrogate; values that contain themselves
        return _object(json_fields(fields))


def _object(fields: dict[str, Any]) -> bytes | tuple[bytes | FileData, ...]:
    files: list[FileData] = []
    marker = ""

    def stand_in(value: object) -> str:
        """A placeholder for the file's base64; it is random, so no text can be mistaken for it."""
        nonlocal marker
        marker = marker or os.urandom(16).hex()
        files.append(cast("FileData", value))
        return marker

    body = msgspec.json.encode(fields, enc_hook=stand_in)
    if not files:
        return body
    texts = body.split(marker.encode("ascii"))
    parts: list[bytes | FileData] = [texts[0]]
    for file, text in zip(files, texts[1:], strict=True):
        parts += [file, text]
    return tuple(parts)


def check_header(name: str, value: object) -> str:
    """Return *value* if it can be sent as a header. It may be a key, so neither message nor frame shows it."""
    if isinstance(value, str) and value and value.isascii() and value.isprintable() and value == value.strip():
        return value
    if not isinstance(value, str):
        kind = type(value).__name__
        del value
        raise InvalidInput(InputFault(name, f"must be text, not a {kind}"))
    del value
    raise InvalidInput(InputFault(name, "must be non-empty ASCII without line breaks or surrounding spaces"))


_OURS = frozenset(
    {
        "authorization",
        "x-integration-id",
        "host",
        "content-type",
        "content-length",
        "transfer-encoding",
        "accept-encoding",
    }
)
_REPLACEABLE = {"accept": "Accept", "user-agent": "User-Agent"}
"""Headers with a default, as the client spells them: the caller's must replace it, not come twice."""


def check_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Check the caller's headers: none that the client sets itself, and no line breaks."""
    if not isinstance(cast("object", headers), Mapping):
        raise InvalidInput(InputFault("headers", f"must be a mapping, not a {type(headers).__name__}"))
    for name, value in headers.items():
        if not isinstance(cast("object", name), str):
            raise InvalidInput(InputFault("headers", f"a name must be text, not a {type(name).__name__}"))
        if name.lower() in _OURS:
            raise InvalidInput(
                InputFault("headers", f"{name} is set by the client; leave it out, or use api_key= or integration_id=")
            )
        if not _TOKEN.fullmatch(name):
            raise InvalidInput(
                InputFault("headers", "a name is not a valid header name: use letters, digits and hyphens")
            )
        check_header(f"headers[{name!r}]", value)
    return {_REPLACEABLE.get(name.lower(), name): value for name, value in headers.items()}
