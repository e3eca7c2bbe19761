"""One attempt over HTTP. This and `connections.py` are all that touches the HTTP library, httpx or its continuation."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

import anyio
import attrs

from kombo_async._chain.logs import keep_queries_from, quiet
from kombo_async._clock import Clock
from kombo_async._codec.decode import decode
from kombo_async._http.bodies import FileBody, Unreadable, is_small, read
from kombo_async._http.connections import Connection, Connections
from kombo_async._version import __version__
from kombo_async.errors import ConnectionFailed, TimedOut
from kombo_async.middleware import Call
from kombo_async.response import Response

if TYPE_CHECKING:
    import httpx

NoAnswer: TypeAlias = ConnectionFailed | TimedOut

NEVER_SENT = frozenset(
    {
        *("ConnectTimeout", "PoolTimeout", "ConnectError", "ProxyError", "UnsupportedProtocol"),
        *("ClientConnectorError", "ConnectionTimeoutError"),
    }
)
"""Exceptions of httpx, and of aiohttp, that say that no connection was made: the request cannot have been read."""

USER_AGENT = f"kombo-async/{__version__} python/{sys.version_info.major}.{sys.version_info.minor}"


class _Closed(Exception):
    """The server closed this connection before anything of the request was written to it."""


@attrs.define
class _Tracing:
    """Whether the transport tells how far a request is, by httpcore's trace events; of a caller's we learn it."""

    works: bool


class _Attempt:
    """One attempt: what is sent, and how far it has come. It stands in local variables, so its repr says nothing."""

    def __init__(self, call: Call, tracing: _Tracing) -> None:
        if call.encoded is None:
            raise RuntimeError("this call has not been encoded yet")
        self.call = call
        self.encoded = call.encoded
        self._tracing = tracing
        self.request: Any = None
        self.connection: Connection | None = None
        self._begun = False
        self._sent = False

    def begin(self, connection: Connection | None) -> None:
        """From now on the request may be sent, over *connection* or by a transport of the caller's."""
        self.connection = connection
        self._begun = True
        self._sent = False

    async def trace(self, event: str, info: dict[str, Any]) -> None:
        """Hear from httpcore. Raises `_Closed` to keep a request from a connection that has been closed meanwhile."""
        self._tracing.works = True
        if event.endswith("connect_tcp.complete") and self.connection is not None:
            self.connection.socket = info["return_value"]
        elif event.endswith("send_request_headers.started") and info["request"].method != b"CONNECT":
            if self.connection is not None and self.connection.closed_by_server:
                raise _Closed
            self._sent = True
        elif event.endswith("send_request_headers.failed"):
            self._sent = False  # not even its headers could be written

    @property
    def may_have_sent(self) -> bool:
        """Whether the server may have read the request."""
        return self._sent if self._tracing.works else self._begun

    def failure(self, cls: type[NoAnswer], reason: str, *, sent: bool) -> NoAnswer:
        """What to raise when no answer came."""
        operation = self.call.operation
        return cls(
            message=f"{operation.id} {reason}",
            sent=sent,
            may_have_applied=sent and not operation.safe,
            attempts=self.call.attempt,
        )


class Http:
    """Makes one attempt of a call: the innermost part of the chain.

    The HTTP library loads, and connections are made, with the first call (or on entering the client's `async with`).
    """

    def __init__(
        self,
        base_url: str,
        *,
        transport: Any,
        client: Any,
        connect_timeout: float,
        max_response_bytes: int,
        clock: Clock,
    ) -> None:
        self._base_url = base_url
        self._transport = transport
        self._client = client
        self._connect_timeout = connect_timeout
        self._max_response_bytes = max_response_bytes
        self._clock = clock
        self._library: Any = None
        self._url: Any = None
        self._urls: dict[str, Any] = {}
        self._connections: Connections | None = None
        self._tracing = _Tracing(works=transport is None and client is None)
        self._closed = False

    def open(self) -> None:
        """Load the HTTP library, and make the transport if the caller gave none. Raises `RuntimeError` once closed."""
        if self._closed:
            raise RuntimeError("this client is closed; make a new one")
        if self._library is not None:
            return
        self._library = _library_of(self._client or self._transport)
        self._url = self._library.URL(self._base_url)
        if self._client is not None:
            keep_queries_from(self._library.__name__)
        elif self._transport is None:
            self._connections = Connections(self._library, self._url)

    async def aclose(self) -> None:
        """Close the connections, those of a caller's client excepted."""
        self._closed = True
        if self._connections is not None:
            await self._connections.aclose()
        if self._transport is not None:
            await self._transport.aclose()

    async def __call__(self, call: Call) -> Response[Any]:
        """Send the request of *call* and decode its answer. Raises `NoResponse` where none came."""
        self.open()
        attempt = _Attempt(call, self._tracing)
        deadline = self._clock.time() + call.timeout
        if call.deadline is not None:
            deadline = min(deadline, call.deadline)
        failure: NoAnswer | None = None
        with self._clock.until(deadline) as scope:
            try:
                return await self._answer(attempt)
            except self._library.TransportError as error:
                failure = self._failure(attempt, error)
        if scope.cancelled_caught:
            failure = attempt.failure(TimedOut, "timed out", sent=attempt.may_have_sent)
        assert failure is not None  # noqa: S101 - the block returned, raised, or was cancelled by its own deadline
        raise failure

    def _failure(self, attempt: _Attempt, error: Exception) -> NoAnswer:
        kind = _kind(error)
        names = {cls.__name__ for cls in kind.__mro__}
        connected = names.isdisjoint(NEVER_SENT)
        timed_out = not names.isdisjoint(("TimeoutException", "TimeoutError"))
        reason = f"timed out ({kind.__name__})" if timed_out else f"failed: {kind.__name__}"
        sent = connected and attempt.may_have_sent
        return attempt.failure(TimedOut if timed_out else ConnectionFailed, reason, sent=sent)

    async def _answer(self, attempt: _Attempt) -> Response[Any]:
        """Send the request, by a connection of ours or by what the caller gave, and decode its answer."""
        files = await FileBody.measured(attempt.encoded)
        self._prepare(attempt, files)
        try:
            if self._connections is not None:
                return await self._connected(attempt, self._connections)
            attempt.begin(None)
            return await self._exchange(attempt, self._transport)
        finally:
            if files is not None:
                await files.aclose()

    async def _connected(self, attempt: _Attempt, connections: Connections) -> Response[Any]:
        while True:
            connection = await connections.acquire()
            attempt.begin(connection)
            try:
                response = await self._exchange(attempt, connection.transport)
            except (_Closed, self._library.TransportError) as error:
                await connection.aclose()
                if isinstance(error, _Closed) or (connection.used_before and not attempt.may_have_sent):
                    continue  # the server had closed it, and so cannot have read anything: that is no failure
                raise
            except BaseException:
                await connection.aclose()
                raise
            if self._closed or not connection.is_idle or connection.has_unread_data:
                await connection.aclose()
            else:
                connections.release(connection, response.raw_response.extensions.get("network_stream"))
            return response

    def _prepare(self, attempt: _Attempt, files: FileBody | None) -> None:
        """Make the request of *attempt*, apart from what waits: tracebacks of that may show its local variables."""
        call, encoded = attempt.call, attempt.encoded
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip", **call.headers}
        if encoded.content_type:
            headers["Content-Type"] = encoded.content_type
        if files is not None:
            headers["Content-Length"] = str(files.length)
        if self._client is None:
            headers["User-Agent"] = USER_AGENT
        timeout = {"connect": min(self._connect_timeout, call.timeout), "read": None, "write": None, "pool": None}
        make = self._library.Request if self._client is None else self._client.build_request
        attempt.request = make(
            call.operation.method,
            self._url_of(encoded.target, keep=encoded.target == call.operation.path),
            headers=headers,
            content=encoded.body if files is None else files,
            extensions={"timeout": timeout, "trace": attempt.trace},
        )

    def _url_of(self, target: str, *, keep: bool) -> Any:
        """The URL of *target*; parsing it takes httpx long, so those that each call of an operation has are kept."""
        url = self._urls.get(target)
        if url is None:
            url = self._url.copy_with(raw_path=self._url.raw_path.rstrip(b"/") + target.encode("ascii"))
            if keep:
                self._urls[target] = url
        return url

    async def _exchange(self, attempt: _Attempt, transport: Any) -> Response[Any]:
        """Send, read the answer to its end, and decode it."""
        if self._client is not None:
            with quiet():
                raw = await self._client.send(attempt.request, stream=True, follow_redirects=False)
        else:
            raw = await transport.handle_async_request(attempt.request)
            raw.request = attempt.request
        try:
            return await self._decoded(attempt.call, raw)
        finally:
            with anyio.CancelScope(shield=True):
                await raw.aclose()

    async def _decoded(self, call: Call, raw: httpx.Response) -> Response[Any]:
        unreadable = ""
        if is_small(raw, self._max_response_bytes):
            await raw.aread()
        else:
            try:
                body = await read(raw, self._max_response_bytes)
            except Unreadable as error:
                body, unreadable = b"", str(error)
            raw = self._library.Response(
                raw.status_code,
                headers=[(name, value) for name, value in raw.headers.raw if name.lower() != b"content-encoding"],
                content=body,
                request=raw.request,
                extensions=raw.extensions,
            )
        return decode(
            type(call.request), raw, None if unreadable else raw.content, attempts=call.attempt, unreadable=unreadable
        )


def transport_of(transport: httpx.AsyncBaseTransport | str | None, base_url: str) -> httpx.AsyncBaseTransport | None:
    """The transport that a caller gave, or named, to *base_url*. Raises `ValueError` for a name that is none."""
    if not isinstance(transport, str):
        return transport
    if transport != "aiohttp":
        raise ValueError(f'transport: {transport!r} is none; pass "aiohttp" or an httpx.AsyncBaseTransport')
    from kombo_async._http.aiohttp import OverAiohttp

    return OverAiohttp(base_url)


def _kind(error: Exception) -> type[BaseException]:
    """What *error* is. httpx-aiohttp calls each broken connection a `ConnectTimeout`: there its cause tells."""
    cause = type(error.__cause__)
    return cause if issubclass(cause, BaseException) and cause.__module__.startswith("aiohttp") else type(error)


def _library_of(client: Any) -> ModuleType:
    """The HTTP library that a client or transport of the caller's comes from."""
    for cls in type(client).__mro__:
        name = cls.__module__.partition(".")[0]
        if name in ("httpx", "httpx2"):
            return sys.modules[name]
    import httpx

    return httpx
