"""One attempt over HTTP: every attempt of every call goes through the `send` of one `httpx.AsyncClient`.

The client is ours, with our transport (`connections.py`) or one from the caller, or it is the caller's. Only our
transport knows whether a request was written; over any other, a request that was started counts as written.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

import anyio

from kombo_async._chain.logs import drop_lines_of, quiet
from kombo_async._clock import Clock
from kombo_async._codec.decode import decode
from kombo_async._http.bodies import FileBody, Unreadable, is_small, read
from kombo_async._http.httpx_classes import check_passed, classes_of, library_of
from kombo_async._http.requests import Requests
from kombo_async.errors import ConnectionFailed, TimedOut
from kombo_async.middleware import Call
from kombo_async.response import Response

if TYPE_CHECKING:
    import httpx

NoAnswer: TypeAlias = ConnectionFailed | TimedOut


class _Attempt:
    """One attempt: what is sent, and how far it has come. Local variables hold it, so its repr says nothing."""

    def __init__(self, call: Call, progress: Any) -> None:
        if call.encoded is None:
            raise RuntimeError("this call has not been encoded yet")
        self.call = call
        self.encoded = call.encoded
        self.progress = progress
        self.request: Any = None
        self.seconds = 0.0
        """How long it may take."""
        self.begun = False

    def may_have_sent(self, error: BaseException | None = None) -> bool:
        """Whether the server may have read the request: yes, unless that is certainly impossible."""
        if self.progress.known:
            return bool(self.progress.written)
        if not self.begun or error is None:
            return self.begun
        from kombo_async._http.causes import never_connected

        return not never_connected(error)

    def failure(self, cls: type[NoAnswer], reason: str, *, sent: bool) -> NoAnswer:
        """What to raise when no response came."""
        operation = self.call.operation
        return cls(
            message=f"{operation.id} {reason}",
            sent=sent,
            may_have_applied=sent and not operation.safe,
            attempts=self.call.attempt,
        )


class Http:
    """Makes one attempt of a call: the end of the chain.

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
        this_machine: bool,
        clock: Clock,
    ) -> None:
        check_passed(transport, client)
        self._base_url = base_url
        self._transport = transport
        self._callers_client = client
        self._connect_timeout = connect_timeout
        self._max_response_bytes = max_response_bytes
        self._this_machine = this_machine
        self._clock = clock
        self._library: Any = None
        self._classes: Any = None
        self._client: Any = None
        self._connections: Any = None
        self._url: Any = None
        self._requests: Any = None
        self._was_used = False
        self._closed = False

    def open(self) -> None:
        """Load the HTTP library and choose the route to Kombo.

        Raises `RuntimeError` once closed, `ConfigurationError` for settings of the environment that cannot work.
        """
        if self._closed:
            raise RuntimeError("this client is closed; create a new one")
        if self._client is not None:
            return
        self._library = library_of(self._callers_client or self._transport)
        self._classes = classes_of(self._library)
        self._url = self._library.URL(self._base_url)
        if self._callers_client is None and self._transport is None:
            from kombo_async._http.connections import Connections
            from kombo_async._http.route import Route
            from kombo_async._http.stand_ins import Front

            route = Route.to(self._url, this_machine=self._this_machine)
            self._connections = Connections(route, self._max_response_bytes)
            self._transport = Front(self._connections, route)
        drop_lines_of(self._library.__name__)
        self._requests = Requests(
            self._library,
            self._url,
            client=self._callers_client,
            connect_timeout=self._connect_timeout,
            keeps_connections=self._connections is not None or self._is_of_no_loop(),
        )
        self._client = self._callers_client or self._classes.client(
            transport=self._transport, trust_env=False, timeout=None, event_hooks={"response": [_put_location_aside]}
        )

    def in_event_loop(self) -> AsyncGenerator[None] | None:
        """Use separate connections in this event loop; they close when the returned object is closed.

        An event loop closes all async generators when it ends, and so the connections, too, if they are still open.
        Returns None for the caller's transport or client, which is not closed here.
        Raises what `open` raises, and `RuntimeError` for the caller's connections in a second event loop.
        """
        self.open()
        if self._connections is not None:
            return self._own_connections()
        if self._was_used and not self._is_of_no_loop():
            what = "http_client" if self._callers_client is not None else "transport"
            raise RuntimeError(
                f"{what}: the connections of your {what} belong to the event loop that this client was used in before; "
                f"create a client with a new {what} in each event loop (each asyncio.run), or leave {what} out"
            )
        self._was_used = True
        return None

    async def _own_connections(self) -> AsyncGenerator[None]:
        close = self._connections.begin()
        try:
            yield
        finally:
            await close()

    def _is_of_no_loop(self) -> bool:
        """Whether the caller's transport has no connections, and so belongs to no event loop."""
        return isinstance(self._transport, self._library.MockTransport | self._library.ASGITransport)

    async def aclose(self) -> None:
        """Close the connections, except those of a caller's client."""
        self._closed = True
        ours = self._client or self._transport if self._callers_client is None else None
        if ours is not None:
            await ours.aclose()

    async def __call__(self, call: Call) -> Response[Any]:
        """Send the request of *call* and decode its answer. Raises `NoResponse` if none came."""
        self.open()
        attempt = _Attempt(call, _progress(call) if self._connections is not None else _NOT_KNOWN)
        now = self._clock.time()
        attempt.seconds = call.timeout if call.deadline is None else min(call.timeout, call.deadline - now)
        if attempt.seconds <= 0:
            raise attempt.failure(TimedOut, "was not sent: its deadline has passed", sent=False)
        failure: NoAnswer | None = None
        cause: BaseException | None = None
        with self._clock.until(now + attempt.seconds) as scope:
            try:
                return await self._response(attempt)
            except Exception as error:
                from kombo_async._http.causes import is_of_http

                if not is_of_http(error):
                    raise
                failure, cause = self._failure(attempt, error)
        if scope.cancelled_caught:
            failure = attempt.failure(
                TimedOut, "timed out before the response was complete", sent=attempt.may_have_sent()
            )
        assert failure is not None  # noqa: S101 - the block returned, raised, or was cancelled by its own deadline
        raise failure from cause

    def _failure(self, attempt: _Attempt, error: Exception) -> tuple[NoAnswer, BaseException]:
        """The exception to raise for *error*, and its cause, without the key or people's data."""
        from kombo_async._http.causes import cause_of, why

        timed_out = isinstance(error, self._library.TimeoutException)
        reason = f"{'timed out' if timed_out else 'failed'}: {why(error, self._url.host)}"
        failure = attempt.failure(
            TimedOut if timed_out else ConnectionFailed, reason, sent=attempt.may_have_sent(error)
        )
        return failure, cause_of(error)

    def _response(self, attempt: _Attempt) -> Awaitable[Response[Any]]:
        if isinstance(attempt.encoded.body, tuple):
            return self._response_to_files(attempt)
        attempt.request = self._requests.make(attempt.call, attempt.seconds, attempt.progress, None)
        return self._exchange(attempt)

    async def _response_to_files(self, attempt: _Attempt) -> Response[Any]:
        files = await FileBody.measured(attempt.encoded)
        if self._connections is None:
            files.before_chunk = attempt.call.before_write  # transports other than ours do not call it
        attempt.request = self._requests.make(attempt.call, attempt.seconds, attempt.progress, files)
        try:
            return await self._exchange(attempt)
        finally:
            await files.aclose()

    async def _exchange(self, attempt: _Attempt) -> Response[Any]:
        """Send, read the response to its end, and decode it."""
        if attempt.call.before_write is not None and self._connections is None:
            attempt.call.before_write()
        attempt.begun = True
        start = time.perf_counter()
        with quiet():
            raw = await self._client.send(
                attempt.request, stream=True, auth=self._classes.as_it_is, follow_redirects=False
            )
        if _LOCATION in raw.extensions:
            raw.headers["location"] = raw.extensions.pop(_LOCATION)
        try:
            raw, unreadable = await self._whole(attempt, raw)
        finally:
            if not raw.is_closed:
                with anyio.CancelScope(shield=True):
                    await raw.aclose()
        raw.elapsed = timedelta(seconds=time.perf_counter() - start)
        raw.next_request = None
        raw.stream = self._library.ByteStream(b"")  # httpx's holds the response: a circle for the garbage collector
        raw.request = self._classes.sent_request(attempt.request)
        attempt.request = None
        call = attempt.call
        return decode(
            type(call.request), raw, None if unreadable else raw.content, attempts=call.attempt, unreadable=unreadable
        )

    async def _whole(self, attempt: _Attempt, raw: httpx.Response) -> tuple[httpx.Response, str]:
        """The response with its body, or why that cannot be read."""
        if attempt.progress.unreadable:
            return raw, attempt.progress.unreadable
        if is_small(raw, self._max_response_bytes):
            await raw.aread()
            return raw, ""
        body, unreadable = b"", ""
        try:
            body = await read(raw, self._max_response_bytes)
        except Unreadable as error:
            unreadable = str(error)
        finally:
            with anyio.CancelScope(shield=True):
                await raw.aclose()
        headers = [(name, value) for name, value in raw.headers.raw if name.lower() != b"content-encoding"]
        whole = self._library.Response(raw.status_code, headers=headers, content=body, extensions=raw.extensions)
        return whole, unreadable


_LOCATION = "kombo_async.location"


async def _put_location_aside(response: httpx.Response) -> None:
    """Keep httpx from parsing `Location`: redirects are not followed, and an invalid one would raise."""
    if 300 <= response.status_code < 400 and "location" in response.headers:
        response.extensions[_LOCATION] = response.headers.pop("location")


class _Unknown:
    """The progress of an attempt over a transport that does not report it."""

    known = False
    written = False
    unreadable = ""


_NOT_KNOWN = _Unknown()


def _progress(call: Call) -> Any:
    from kombo_async._http.network import Progress

    return Progress(before_write=call.before_write)
