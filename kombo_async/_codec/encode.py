"""From a request to what goes over the wire: path, query, body and headers.

No I/O; bad input is a `ValueError` that names its field.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from math import isfinite
from typing import Any, cast
from urllib.parse import quote

import attrs
import msgspec

from kombo_async.attachments import FileData
from kombo_async.errors import Fault, InvalidInput
from kombo_async.model import NO_TIME_ZONE, UNSET, field_names, to_dict, wire_time
from kombo_async.request import Operation, Request

_CONTROL = frozenset("\r\n\0")


@attrs.frozen(kw_only=True)
class Encoded:
    """A request as it goes over the wire, made once for a call and used by each of its attempts."""

    target: str = attrs.field(repr=False)
    """The path below the base URL, with its query."""
    content_type: str | None
    body: bytes | tuple[bytes | FileData, ...] | None = attrs.field(repr=False)
    """The body; in parts where files stand between the JSON."""


def encode(request: Request[Any]) -> Encoded:
    """What goes over the wire for *request*."""
    operation = request.operation
    target = _path(request) if len(operation.path_parts) > 1 else operation.path
    if operation.query:
        target += _query(request)
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
    for place in range(1, len(parts), 2):
        name = parts[place]
        value: object = getattr(request, name)
        if not isinstance(value, str) or value in ("", ".", ".."):
            raise InvalidInput(Fault(name, "must be an ID: text that is not empty, nor a dot or two"))
        parts[place] = quote(value, safe="")
    return "".join(parts)


def _query(request: Request[Any]) -> str:
    values = ((name, getattr(request, name)) for name in request.operation.query)
    pairs = [f"{name}={_query_value(name, value)}" for name, value in values if value is not UNSET]
    return f"?{'&'.join(pairs)}" if pairs else ""


def _query_value(name: str, value: object) -> str:
    """A value of a query: lists are joined by commas, which Kombo takes instead of repeated keys."""
    if isinstance(value, str):
        return quote(value, safe="")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime) and value.tzinfo is None:
        raise InvalidInput(Fault(name, NO_TIME_ZONE))
    if isinstance(value, date):
        return quote(wire_time(value), safe="")
    if isinstance(value, Iterable):
        items = [str(item) for item in cast("Iterable[object]", value)]
        if any("," in item for item in items):
            raise InvalidInput(Fault(name, "a value holds a comma, which separates the values of this filter"))
        return ",".join(quote(item, safe="") for item in items)
    return quote("null" if value is None else str(value), safe="")


def _body(request: Request[Any], operation: Operation, names: tuple[str, ...]) -> bytes | tuple[bytes | FileData, ...]:
    if operation.ndjson:
        return msgspec.json.Encoder().encode_lines(cast("Sequence[Any]", getattr(request, names[0])))
    fields = {name: value for name in names if (value := getattr(request, name)) is not UNSET}
    for name in operation.renamed:
        if name in fields:
            fields[name] = to_dict(fields[name])
    files: list[FileData] = []
    marker = ""

    def stand_in(value: object) -> str:
        """Mark where the file's base64 will go; nobody can guess the mark, so no text is taken for it."""
        nonlocal marker
        if not isinstance(value, FileData):
            raise ValueError(f"a body cannot hold a {type(value).__name__}")
        marker = marker or os.urandom(16).hex()
        files.append(value)
        return marker

    body = msgspec.json.encode(fields, enc_hook=stand_in)
    if b"null" in body:
        _refuse_not_finite(fields, "")
    if not files:
        return body
    texts = body.split(marker.encode("ascii"))
    parts: list[bytes | FileData] = [texts[0]]
    for file, text in zip(files, texts[1:], strict=True):
        parts += [file, text]
    return tuple(parts)


def _refuse_not_finite(value: object, path: str) -> None:
    """msgspec writes NaN and infinity as null, which says something else."""
    cls: type[object] = type(value)
    if isinstance(value, float) and not isfinite(value):
        raise InvalidInput(Fault(path, f"{value} is not a JSON number"))
    if attrs.has(cls):
        for name in field_names(cls):
            _refuse_not_finite(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, Mapping):
        for name, each in cast("Mapping[str, object]", value).items():
            _refuse_not_finite(each, f"{path}.{name}".removeprefix("."))
    elif isinstance(value, list | tuple):
        for index, each in enumerate(cast("Sequence[object]", value)):
            _refuse_not_finite(each, f"{path}[{index}]")


def check_header(name: str, value: str) -> str:
    """*value*, unless it cannot stand in a header. The message does not show it: it may be a key."""
    if not value or not _CONTROL.isdisjoint(value) or not value.isascii() or value != value.strip():
        raise ValueError(f"{name}: this value is empty, or holds line breaks, outer spaces or other than ASCII")
    return value


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


def check_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """A caller's own headers, checked: none that the client makes itself, none that breaks out of its line."""
    for name, value in headers.items():
        if name.lower() in _OURS:
            raise ValueError(f"headers: {name} is set by the client; use api_key= or integration_id= to choose it")
        if not name.replace("-", "").isalnum():
            raise ValueError(f"headers: {name!r} is no name of a header")
        check_header(f"headers[{name!r}]", value)
    return dict(headers)
