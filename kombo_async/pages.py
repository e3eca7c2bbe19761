"""Lists that Kombo answers page by page."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import aclosing
from functools import partial
from typing import Any, Generic, TypeVar, cast

from kombo_async._prefetch import Prefetch
from kombo_async.errors import ErrorDetail, NoResponse, UnexpectedResponse
from kombo_async.model import Model, model
from kombo_async.request import Request
from kombo_async.response import Response, Success

T = TypeVar("T")


@model
class Page(Model, Generic[T]):
    """One page of a list."""

    results: list[T]
    """The records, at most `page_size`; an empty page is not the end."""
    next: str | None
    """The `cursor` of the next page, None on the last one."""


class Pages(Generic[T]):
    """A paged list: await it for one page as a `Response`, or go over all of them.

    ::

        reply = await kombo.ats.get_candidates(page_size=50)      # Response[Page[Candidate]]
        async for candidate in kombo.ats.get_candidates().items(): ...
        async for page in kombo.ats.get_candidates().pages(): ...

    Each of these reads anew. While one page is worked on, the next is already being fetched.
    """

    def __init__(
        self, send: Callable[[Request[Page[T]]], Awaitable[Response[Page[T]]]], request: Request[Page[T]]
    ) -> None:
        self._send = send
        self.request = request

    def __await__(self) -> Generator[Any, Any, Response[Page[T]]]:
        return self._send(self.request).__await__()

    def __repr__(self) -> str:
        return f"Pages({self.request!r})"

    async def items(self) -> AsyncGenerator[T]:
        """The records of all pages. Raises as `pages` does, once all that was read has been given."""
        async with aclosing(self.pages()) as pages:
            async for page in pages:
                for item in page.results:
                    yield item

    async def pages(self) -> AsyncGenerator[Page[T]]:
        """All pages, from the request's `cursor` on.

        A failure is raised once all pages before it have been given; its `cursor` is the place to go on from.
        """
        request, coming = self.request, None
        seen: set[object] = {_cursor(request)}
        try:
            while True:
                page, raw = await self._fetch(request, coming)
                coming, following = None, page.next
                wrong = _why_not(following, seen)
                if following and wrong is None:
                    seen.add(following)
                    request = request.evolve(cursor=following)
                    coming = Prefetch(partial(self._send, request))
                yield page
                if wrong is not None:
                    raise _unexpected(wrong, raw, _cursor(request))
                if coming is None:
                    return
        finally:
            if coming is not None:
                coming.cancel()

    async def _fetch(
        self, request: Request[Page[T]], coming: Prefetch[Response[Page[T]]] | None
    ) -> tuple[Page[T], Success[Page[T]]]:
        """The page that *request* asks for; raises any failure with the cursor to go on from."""
        cursor = _cursor(request)
        try:
            response = await (coming.result() if coming is not None else self._send(request))
        except NoResponse as error:
            raise error.evolve(cursor=cursor) from error.__cause__
        if not isinstance(response, Success):
            raise response.evolve(cursor=cursor)
        page: Any = response.data  # its type is a promise that drift may have broken
        if not isinstance(page, Page) or not isinstance(cast("Any", page).results, list):
            raise _unexpected("this page has no list of results", response, cursor)
        return cast("Page[T]", page), response


def _cursor(request: Request[Any]) -> str | None:
    return getattr(request, "cursor", None) or None


def _why_not(following: object, seen: set[object]) -> str | None:
    """Why a page's `next` cannot be followed, None where it can, or where the list ends."""
    if following is None or following == "":
        return None
    if not isinstance(following, str):
        return "the cursor of the next page is no text"
    return "this list goes in circles: a cursor came again" if following in seen else None


def _unexpected(message: str, response: Success[Any], cursor: str | None) -> UnexpectedResponse:
    return UnexpectedResponse(
        status_code=response.status_code,
        error=ErrorDetail(code=None, title=None, message=message, log_url=None),
        raw_response=response.raw_response,
        attempts=response.attempts,
        cursor=cursor,
    )
