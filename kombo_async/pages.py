"""Lists that Kombo returns page by page."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Iterator
from functools import partial
from types import TracebackType
from typing import Any, Generic, TypeVar, cast

import anyio

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


class Pages(Coroutine[Any, Any, Response[Page[T]]], Generic[T]):
    """A paged list: await it for one page as a `Response`, or iterate over all of them.

    ::

        reply = await kombo.ats.get_candidates(page_size=50)      # Response[Page[Candidate]]
        async for candidate in kombo.ats.get_candidates().items(): ...
        async for page in kombo.ats.get_candidates().pages(): ...

    Each of these reads from the start again. While one page is worked on, the next is already being fetched. A `break`
    out of a loop stops that, too. It is also a coroutine, for one page, that `asyncio.create_task`,
    `TaskGroup.create_task` and `asyncio.run` accept. If it is never awaited, nothing is sent.
    """

    def __init__(
        self, send: Callable[[Request[Page[T]]], Awaitable[Response[Page[T]]]], request: Request[Page[T]]
    ) -> None:
        self._send = send
        self._begun: Generator[Any, Any, Response[Page[T]]] | None = None
        self.request = request

    def __await__(self) -> Generator[Any, Any, Response[Page[T]]]:
        return self._send(self.request).__await__()

    def __repr__(self) -> str:
        return f"Pages({self.request!r})"

    def items(self) -> AsyncGenerator[T]:
        """The records of all pages. Raises as `pages` does, once all records read so far have been returned."""
        return _Records(self.responses())

    def pages(self) -> AsyncGenerator[Page[T]]:
        """All pages, from the request's `cursor` on.

        A failure is raised once all pages before it have been returned; its `cursor` is where to resume.
        """
        return _PagesAlone(self.responses())

    def responses(self) -> Responses[T]:
        """All pages, each as its `Success`, with drift and `raw_response`. Raises as `pages` does."""
        return Responses(self._send, self.request)

    # What makes it a coroutine: the steps of reading one page.

    def send(self, value: Any) -> Any:
        """Continue reading one page; see `collections.abc.Coroutine`."""
        if self._begun is None:
            self._begun = self.__await__()
        return self._step(self._begun.send, value)

    def throw(self, typ: Any, val: Any = None, tb: TracebackType | None = None) -> Any:
        """Raise something where reading one page waits."""
        error: BaseException = typ if val is None else val
        if self._begun is None:
            raise error
        return self._step(self._begun.throw, error)

    def close(self) -> None:
        """Stop reading one page."""
        begun, self._begun = self._begun, None
        if begun is not None:
            begun.close()

    def _step(self, step: Callable[[Any], Any], value: Any) -> Any:
        try:
            return step(value)
        except BaseException:
            self._begun = None  # it has ended: the next await of this list reads it again
            raise


class _Reading(AsyncGenerator[T]):
    """An asynchronous iterator that can be left at any time.

    Not a native generator: after a `break`, the event loop has to close those, and trio warns about that.
    """

    async def asend(self, value: None) -> T:
        return await self.__anext__()

    async def athrow(self, typ: Any, val: Any = None, tb: TracebackType | None = None) -> T:
        await self.aclose()
        raise typ if val is None else val


class Responses(_Reading[Success[Page[T]]], Generic[T]):
    """All pages of a list, each as it came. The next one is fetched while you work on the current one."""

    def __init__(
        self, send: Callable[[Request[Page[T]]], Awaitable[Response[Page[T]]]], request: Request[Page[T]]
    ) -> None:
        self._send = send
        self._request: Request[Page[T]] | None = request
        """The next request, or None at the end."""
        self._coming: Prefetch[Response[Page[T]]] | None = None
        self._seen: set[object] = {_cursor(request)}
        self._wrong: UnexpectedResponse | None = None
        """Raised in place of the page after the last one."""
        self._waiting = False

    async def __anext__(self) -> Success[Page[T]]:
        if self._waiting:
            raise RuntimeError("another task is already waiting for the next page of this list")
        self._waiting = True
        try:
            return await self._next()
        except BaseException:
            self._end()
            raise
        finally:
            self._waiting = False

    async def aclose(self) -> None:
        """Close it, and wait until the page that was being fetched is cancelled."""
        coming = self._coming
        self._end()
        if coming is not None:
            with anyio.CancelScope(shield=True):
                await coming.done.wait()

    def __del__(self) -> None:
        if self._coming is not None:
            self._coming.abandon()

    def _end(self) -> None:
        if self._coming is not None:
            self._coming.cancel()
        self._request = self._coming = self._wrong = None

    async def _next(self) -> Success[Page[T]]:
        if self._wrong is not None:
            raise self._wrong
        if self._request is None:
            raise StopAsyncIteration
        response, following = await self._fetch(self._request)
        self._coming = None
        wrong = _why_not(following, self._seen)
        if wrong is not None:
            self._wrong = _unexpected(wrong, response, _cursor(self._request))
        elif following:
            self._seen.add(following)
            self._request = self._request.evolve(cursor=following)
            self._coming = Prefetch(partial(self._send, self._request))
        else:
            self._request = None
        return response

    async def _fetch(self, request: Request[Page[T]]) -> tuple[Success[Page[T]], object]:
        """Fetch a page, and return it with the next cursor. Failures are raised with the cursor to resume from."""
        cursor = _cursor(request)
        try:
            response = await (self._coming.result() if self._coming is not None else self._send(request))
        except NoResponse as error:
            raise error.evolve(cursor=cursor) from None
        if not isinstance(response, Success):
            raise response.evolve(cursor=cursor)
        page: Any = response.data  # drift may have broken the promise of its type
        if not isinstance(page, Page) or not isinstance(cast("Any", page).results, list):
            raise _unexpected("this page has no list of results", response, cursor)
        return response, cast("Any", page).next


class _PagesAlone(_Reading[Page[T]], Generic[T]):
    def __init__(self, responses: Responses[T]) -> None:
        self._responses = responses

    async def __anext__(self) -> Page[T]:
        return (await self._responses.__anext__()).data

    async def aclose(self) -> None:
        await self._responses.aclose()


class _Records(_Reading[T]):
    def __init__(self, responses: Responses[T]) -> None:
        self._responses = responses
        self._records: Iterator[T] = iter(())

    async def __anext__(self) -> T:
        while True:
            for record in self._records:
                return record
            self._records = iter((await self._responses.__anext__()).data.results)

    async def aclose(self) -> None:
        self._records = iter(())
        await self._responses.aclose()


def _cursor(request: Request[Any]) -> str | None:
    return getattr(request, "cursor", None) or None


def _why_not(following: object, seen: set[object]) -> str | None:
    """Why a page's `next` cannot be followed; None if it can, or if the list ends."""
    if following is None or following == "":
        return None
    if not isinstance(following, str):
        return "the cursor of the next page is not text"
    return "this list goes in circles: Kombo sent the same cursor twice" if following in seen else None


def _unexpected(message: str, response: Success[Any], cursor: str | None) -> UnexpectedResponse:
    return UnexpectedResponse(
        status_code=response.status_code,
        error=ErrorDetail(code=None, title=None, message=message, log_url=None),
        raw_response=response.raw_response,
        attempts=response.attempts,
        cursor=cursor,
    )
