"""Lists that do not end, though each page has a new cursor: they become an error."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import msgspec

from kombo_async.errors import ErrorDetail, UnexpectedResponse
from kombo_async.pages import Page
from kombo_async.request import Request
from kombo_async.response import Response, Success

_logger = logging.getLogger("kombo_async.mirror")

MOST_PAGES = 100_000
"""The most pages of one list; Kombo puts 250 records on a page."""
MOST_REPEATED = 10
"""How many pages may be the same as an earlier one."""

Send: TypeAlias = Callable[[Request[Page[Any]]], Awaitable[Response[Page[Any]]]]


def ending(send: Send) -> Send:
    """*send* for one list: once the list has clearly no end, its next page is an `UnexpectedResponse`."""
    seen: set[int] = set()
    pages = repeated = 0

    async def bounded(request: Request[Page[Any]]) -> Response[Page[Any]]:
        nonlocal pages, repeated
        response = await send(request)
        if not isinstance(response, Success):
            return response
        records = _records(response.data)
        pages += 1
        repeated += records is not None and records in seen
        seen.add(records or 0)
        if repeated > MOST_REPEATED:
            return _unexpected(response, f"this list does not end: {repeated} of {pages} pages had come before")
        if pages > MOST_PAGES:
            return _unexpected(response, f"this list does not end: it has more than {MOST_PAGES} pages")
        return response

    return bounded


def _records(page: Any) -> int | None:
    """What distinguishes a page with records."""
    results: Any = getattr(page, "results", None)
    known: Any = results
    if not isinstance(known, list) or not results:
        return None
    return hash(tuple(bytes(each) if isinstance(each, msgspec.Raw) else repr(each) for each in results))


def _unexpected(response: Success[Any], message: str) -> UnexpectedResponse:
    _logger.warning("%s: %s", response.raw_response.url.path, message)
    return UnexpectedResponse(
        status_code=response.status_code,
        error=ErrorDetail(code=None, title=None, message=message, log_url=None),
        raw_response=response.raw_response,
        attempts=response.attempts,
    )
