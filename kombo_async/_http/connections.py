"""The client's own transport: single httpcore connections, kept in a stack for the next request.

The pool that httpx gives a transport looks through all its connections at each request, takes a third of a call's time,
and loses a connection if its request is cancelled just as it is made. Here, a connection is closed unless its request
ended with one whole response and nothing after it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import anyio
import httpcore
import httpx

from kombo_async._http.bodies import Body, Unreadable
from kombo_async._http.httpx_classes import raw_headers
from kombo_async._http.network import Network, NothingSent, Progress
from kombo_async._http.route import Route

KEEPALIVE_EXPIRY = 4.0
"""Seconds to keep an unused connection: fewer than servers do (Node and uvicorn 5, load balancers more).

If a server closes the connection just as a request arrives, it may have read it, which leaves a create in doubt.
"""

PROGRESS = "kombo_async.progress"
"""The request extension in which our transport finds its `Progress`."""


class Connection:
    """One connection, opened by its first request."""

    def __init__(self, inner: Any, network: Network) -> None:
        self._inner = inner
        self._network = network
        self.unused_since = 0.0

    @property
    def is_reusable(self) -> bool:
        """Whether another request may follow: one whole response has come, nothing else, and the connection is open."""
        return self._network.is_reusable

    @property
    def was_made(self) -> bool:
        """Whether it is connected, at least to the proxy if there is one."""
        return self._network.stream is not None

    async def exchange(
        self, request: httpcore.Request, progress: Progress, connect_timeout: float | None, limit: int
    ) -> httpx.Response:
        """Send *request* and read its whole response, up to *limit* bytes. Raises httpcore's exceptions."""
        self._network.begin(progress, connect_timeout)
        response = await self._inner.handle_async_request(request)
        encoding = ""
        headers = response.headers
        for name, value in headers:
            if name.lower() == b"content-encoding":
                encoding += (", " if encoding else "") + value.decode("latin-1").strip().lower()
        if encoding:
            headers = [(name, value) for name, value in headers if name.lower() != b"content-encoding"]
        body = Body("", limit)
        chunks = aiter(response.stream)
        try:
            body = Body(encoding, limit)
            await body.fill(chunks)
        except Unreadable as error:
            progress.unreadable = str(error)
            await self._network.break_off(chunks)
        await response.aclose()
        return httpx.Response(
            response.status,
            headers=headers,
            content=b"" if progress.unreadable else body.whole(),
            extensions={
                name: response.extensions[name]
                for name in ("http_version", "reason_phrase")
                if name in response.extensions
            },
        )

    async def aclose(self) -> None:
        """Close it, even during a cancellation."""
        with anyio.CancelScope(shield=True):
            await self._network.aclose()
            await self._inner.aclose()


class Connections(httpx.AsyncBaseTransport):
    """The connections of one client, over one route."""

    def __init__(self, route: Route, max_response_bytes: int) -> None:
        self._route = route
        self._limit = max_response_bytes
        self._unused: deque[Connection] = deque()
        self._closed = False

    def __len__(self) -> int:
        return len(self._unused)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request* over a connection that is still good or a new one, and read the response."""
        progress = request.extensions.get(PROGRESS) or Progress()
        connect_timeout = request.extensions.get("timeout", {}).get("connect")
        sent = _for_httpcore(request)
        del request  # it prints its URL with the query, and tracebacks may print the variables of this frame
        unused = self._unused  # of this event loop
        while True:
            connection = await self._acquire(unused)
            try:
                response = await connection.exchange(sent, progress, connect_timeout, self._limit)
            except BaseException as error:
                await connection.aclose()
                if isinstance(error, NothingSent):
                    continue  # the server had closed it, which is not a failure
                failure = _as_httpx(error, proxied=self._route.proxy is not None and not connection.was_made)
                if failure is None:
                    raise
            else:
                await self._release(connection, unused)
                return response
            raise failure

    async def _acquire(self, unused: deque[Connection]) -> Connection:
        """The most recently used connection, or a new one. Closes those that have been idle for too long."""
        oldest = time.monotonic() - KEEPALIVE_EXPIRY
        while unused and unused[0].unused_since < oldest:
            await unused.popleft().aclose()
        if unused:
            return unused.pop()
        return Connection(*self._route.connection())

    async def _release(self, connection: Connection, unused: deque[Connection]) -> None:
        if self._closed or not connection.is_reusable:
            await connection.aclose()
        else:
            connection.unused_since = time.monotonic()
            unused.append(connection)

    def begin(self) -> Callable[[], Awaitable[None]]:
        """Use new connections from now on, for another event loop; returns what closes them when it ends."""
        self._unused = deque()
        return partial(_close_all, self._unused)

    async def aclose(self) -> None:
        """Close idle connections now, and the others after their requests."""
        self._closed = True
        await _close_all(self._unused)


async def _close_all(unused: deque[Connection]) -> None:
    while unused:
        await unused.popleft().aclose()


def _for_httpcore(request: httpx.Request) -> httpcore.Request:
    content: Any = request.stream
    url = request.url
    return httpcore.Request(
        request.method,
        httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=raw_headers(request),
        content=content,
        extensions={"timeout": request.extensions.get("timeout", {})},
    )


def _as_httpx(error: BaseException, *, proxied: bool) -> httpx.TransportError | None:
    """httpcore's *error* as httpx's equivalent; None for any other."""
    for cls in type(error).__mro__:
        if cls.__module__.partition(".")[0] != "httpcore":
            continue
        found = getattr(httpx, cls.__name__, None)
        if isinstance(found, type) and issubclass(found, httpx.TransportError):
            kind = httpx.ProxyError if proxied and not issubclass(found, httpx.TimeoutException) else found
            failure = kind(str(error))
            failure.__cause__ = error
            return failure
    return None
