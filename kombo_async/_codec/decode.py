"""From status, headers and bytes to a `Response`. No I/O; any bytes give a `Response`, never an exception."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast

import attrs
import msgspec

from kombo_async._codec.codes import failure_class, meaning
from kombo_async._codec.plain import plain_json
from kombo_async._codec.retry_after import asked_to_wait
from kombo_async._codec.unread import is_unread
from kombo_async._codec.variants import choose_variant
from kombo_async.errors import ErrorDetail, RateLimited
from kombo_async.model import UNSET, Model, model
from kombo_async.request import Operation, Request, data_type
from kombo_async.response import ActionWarning, Response, Success

if TYPE_CHECKING:
    import httpx

    from kombo_async._codec.drift import Reading

T = TypeVar("T")

LONGEST_MESSAGE = 2_000
"""Longer texts from Kombo are cut; `raw_response` has them in full."""


@model
class Envelope(Model, Generic[T]):
    """The envelope around each success."""

    status: Literal["success"]
    data: T
    warnings: list[ActionWarning] = attrs.field(factory=list[ActionWarning])


def decode(
    request: type[Request[T]], raw: httpx.Response, body: bytes | None, *, attempts: int, unreadable: str = ""
) -> Response[T]:
    """Structure a response to *request*.

    *body* is None if it could not be read (a corrupt encoding, too many bytes); *unreadable* says why.
    """
    if not 200 <= raw.status_code < 300:
        return _failure(request.operation, raw, plain_json(body), attempts, unreadable)
    if request in _drifting:
        return _drifted(request, raw, body, attempts, unreadable)
    try:
        envelope: Envelope[T] = _decoder(cast("Any", request))(body or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _drifted(request, raw, body, attempts, unreadable)
    return Success(
        data=envelope.data,
        warnings=envelope.warnings,
        status_code=raw.status_code,
        raw_response=raw,
        attempts=attempts,
    )


_drifting: set[type[Request[Any]]] = set()
"""Lists whose last page had a record that did not fit. The next page is read record by record from the start."""


def _envelope(request: type[Request[Any]]) -> Any:
    return cast("Any", Envelope)[data_type(request)]


@cache
def _decoder(request: Any) -> Callable[[bytes], Any]:
    decode = msgspec.json.Decoder(_envelope(request), dec_hook=choose_variant).decode
    if not is_unread(request):
        return decode

    def decode_unread(body: bytes) -> Any:
        body.decode()  # msgspec does not check the text of records that stay JSON
        return decode(body)

    return decode_unread


def _drifted(
    request: type[Request[T]], raw: httpx.Response, body: bytes | None, attempts: int, unreadable: str
) -> Response[T]:
    from kombo_async._codec.drift import Reading, read_leniently

    reading = Reading()
    page = _page(request, body, reading)
    if page is not None:
        data, warnings = page
        whole: Success[T] = _success(data, warnings, reading, raw, attempts)
        return whole
    plain = plain_json(body)
    if plain is UNSET:
        return _failure(request.operation, raw, plain, attempts, unreadable or "a success without readable JSON")
    if _kombo_error(plain) is not None and "data" not in plain:
        return _failure(request.operation, raw, plain, attempts, unreadable)
    reading = Reading()
    envelope = read_leniently(plain, _envelope(request), reading)
    given: Any = getattr(envelope, "warnings", None)
    warnings = cast("list[ActionWarning]", given) if isinstance(given, list) else []
    success: Success[T] = _success(getattr(envelope, "data", plain), warnings, reading, raw, attempts)
    return success if _confirms(plain) else attrs.evolve(success, confirmed=False)


def _page(request: type[Request[Any]], body: bytes | None, reading: Reading) -> tuple[Any, list[ActionWarning]] | None:
    """A page and its warnings, if *body* is a page and most of its records fit."""
    if not request.operation.paged or not body or is_unread(request):
        return None
    from kombo_async._codec.records import read_page

    page = read_page(data_type(request), body, reading)
    if page is not None and reading.drift:
        _drifting.add(request)
    else:
        _drifting.discard(request)
    return page


def _success(data: Any, warnings: list[ActionWarning], reading: Reading, raw: httpx.Response, attempts: int) -> Any:
    return Success(
        data=data,
        warnings=warnings,
        drift=reading.drift,
        more_drift=reading.more,
        status_code=raw.status_code,
        raw_response=raw,
        attempts=attempts,
    )


def _confirms(plain: Any) -> bool:
    """Whether a 2xx with this JSON is Kombo's confirmation that something was done."""
    if not isinstance(plain, Mapping):
        return False
    envelope = cast("Mapping[str, Any]", plain)
    return envelope.get("status") == "success" and envelope.get("data") is not None


def _kombo_error(plain: Any) -> Mapping[str, Any] | None:
    """The `error` of Kombo's JSON, or None if the body is not Kombo's."""
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
    extra: dict[str, Any] = {"retry_after": asked_to_wait(raw.headers)} if cls is RateLimited else {}
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
