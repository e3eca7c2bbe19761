"""From status, headers and bytes to a `Response`: no I/O, and for any bytes an answer, never an exception."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast

import attrs
import msgspec

from kombo_async._codec.codes import failure_class, meaning
from kombo_async._codec.retry_after import retry_after
from kombo_async.errors import ErrorDetail, RateLimited
from kombo_async.model import UNSET, Model, TaggedUnion, model
from kombo_async.request import Operation, Request, answer_type
from kombo_async.response import ActionWarning, Response, Success

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

LONGEST_MESSAGE = 2_000
"""Longer texts of Kombo's are cut; `raw_response` has them whole."""


@model
class Envelope(Model, Generic[T]):
    """What Kombo wraps each success in."""

    status: Literal["success"]
    data: T
    warnings: list[ActionWarning] = attrs.field(factory=list[ActionWarning])


def decode(
    request: type[Request[T]], raw: httpx.Response, body: bytes | None, *, attempts: int, unreadable: str = ""
) -> Response[T]:
    """Structure an answer to *request*.

    *body* is None where the bytes could not be had (a corrupt encoding, too many of them); *unreadable* says why.
    """
    if not 200 <= raw.status_code < 300:
        return _failure(request.operation, raw, plain_json(body), attempts, unreadable)
    try:
        envelope: Envelope[T] = _decoder(cast("Any", request)).decode(body or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _drifted(request, raw, body, attempts, unreadable)
    return Success(
        data=envelope.data,
        warnings=envelope.warnings,
        status_code=raw.status_code,
        raw_response=raw,
        attempts=attempts,
    )


def _envelope(request: type[Request[Any]]) -> Any:
    return cast("Any", Envelope)[answer_type(request)]


@cache
def _decoder(request: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(_envelope(request), dec_hook=_choose_variant)


def _choose_variant(union: type, value: Any) -> Any:
    """msgspec leaves unions of models to this hook; an unknown variant is drift, so it is refused here."""
    if isinstance(union, TaggedUnion) and isinstance(value, dict):
        variant: Any = union.variant(cast("dict[str, Any]", value))[1]
        if variant is not None:
            return msgspec.convert(value, variant, dec_hook=_choose_variant)
    raise ValueError("no known variant")


def plain_json(body: bytes | None) -> Any:
    """The JSON in *body* as plain data, `UNSET` where there is none."""
    if not body:
        return UNSET
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return json.loads(body)  # takes what msgspec does not: a byte order mark, lone surrogates, huge numbers
    except (ValueError, RecursionError):
        return UNSET


def _drifted(
    request: type[Request[T]], raw: httpx.Response, body: bytes | None, attempts: int, unreadable: str
) -> Response[T]:
    plain = plain_json(body)
    if plain is UNSET:
        return _failure(request.operation, raw, plain, attempts, unreadable or "a success without readable JSON")
    if _kombo_error(plain) is not None and "data" not in plain:
        return _failure(request.operation, raw, plain, attempts, unreadable)
    from kombo_async._codec.drift import structure_what_fits

    envelope, drift = structure_what_fits(plain, _envelope(request))
    warnings = getattr(envelope, "warnings", None)
    return Success(
        data=getattr(envelope, "data", plain),
        warnings=cast("list[ActionWarning]", warnings) if isinstance(warnings, list) else [],
        drift=drift,
        status_code=raw.status_code,
        raw_response=raw,
        attempts=attempts,
    )


def _kombo_error(plain: Any) -> Mapping[str, Any] | None:
    """The `error` of Kombo's JSON, None where the body is not Kombo's."""
    if not isinstance(plain, Mapping):
        return None
    error: Any = cast("Mapping[str, Any]", plain).get("error")
    if isinstance(error, Mapping) and isinstance(cast("Mapping[str, Any]", error).get("message"), str):
        return cast("Mapping[str, Any]", error)
    return None


def _text(value: Any) -> str | None:
    return value[:LONGEST_MESSAGE] if isinstance(value, str) else None


def _failure(operation: Operation, raw: httpx.Response, plain: Any, attempts: int, unreadable: str) -> Response[Any]:
    error = _kombo_error(plain)
    if error is None:
        content_type = raw.headers.get("content-type", "no content type")[:100]
        message = unreadable or f"HTTP {raw.status_code} without Kombo's JSON ({content_type})"
        detail = ErrorDetail(code=None, title=None, message=message, log_url=None)
    else:
        detail = ErrorDetail(
            code=_text(error.get("code")) or None,
            title=_text(error.get("title")),
            message=error["message"][:LONGEST_MESSAGE],
            log_url=_text(error.get("log_url")),
        )
    from_kombo = error is not None
    cls = failure_class(raw.status_code, detail.code, from_kombo=from_kombo)
    applied = not operation.safe and meaning(raw.status_code, detail.code, from_kombo=from_kombo).ambiguous
    extra: dict[str, Any] = {"retry_after": retry_after(raw.headers.get("retry-after"))} if cls is RateLimited else {}
    failure: Any = cls(
        status_code=raw.status_code,
        error=detail,
        raw_response=raw,
        attempts=attempts,
        may_have_applied=applied,
        from_kombo=from_kombo,
        **extra,
    )
    return cast("Response[Any]", failure)
