"""One attempt over HTTP. Only this module touches the HTTP library, httpx or its continuation httpx2."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

import anyio

from kombo_async._version import __version__
from kombo_async.attachments import FileData
from kombo_async.decode import decode
from kombo_async.encode import Encoded
from kombo_async.errors import ConnectionFailed, TimedOut
from kombo_async.middleware import Call
from kombo_async.response import Response

if TYPE_CHECKING:
    import httpx

NEVER_SENT = ("ConnectTimeout", "PoolTimeout", "ConnectError", "ProxyError", "UnsupportedProtocol")
"""Exceptions of httpx that say that no connection was made: the request cannot have been read."""


class _Progress:
    """How far an attempt has come, by httpcore's trace events; transports of other kinds send none."""

    traced = False
    sent = False

    async def trace(self, event: str, _: dict[str, Any]) -> None:
        self.traced = True
        if event.endswith("send_request_headers.started"):
            self.sent = True

    @property
    def may_have_sent(self) -> bool:
        return self.sent or not self.traced


class _FileBody:
    """A body with files in it, read from its parts as it is sent. Works as `httpx.AsyncByteStream`."""

    def __init__(self, parts: tuple[bytes | FileData, ...], lengths: dict[int, int]) -> None:
        self._parts = parts
        self._lengths = lengths

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for place, part in enumerate(self._parts):
            if isinstance(part, bytes):
                yield part
            else:
                async for chunk in part.chunks(self._lengths[place]):
                    yield chunk

    async def aclose(self) -> None:
        """Nothing stays open between reads."""


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
        max_connections: int,
        max_response_bytes: int,
    ) -> None:
        self._base_url = base_url
        self._transport = transport
        self._client = client
        self._connect_timeout = connect_timeout
        self._max_connections = max_connections
        self._max_response_bytes = max_response_bytes
        self._library: Any = None
        self._url: Any = None
        self._closed = False

    def open(self) -> None:
        """Load the HTTP library, and make the transport if the caller gave none. Raises `RuntimeError` once closed."""
        if self._closed:
            raise RuntimeError("this client is closed; make a new one")
        if self._library is not None:
            return
        self._library = _library_of(self._client or self._transport)
        self._url = self._library.URL(self._base_url)
        if self._client is None and self._transport is None:
            self._transport = _default_transport(self._library, self._url, self._max_connections)

    async def aclose(self) -> None:
        """Close the connections, those of a caller's client excepted."""
        self._closed = True
        if self._transport is not None:
            await self._transport.aclose()

    async def __call__(self, call: Call) -> Response[Any]:
        """Send the request of *call* and decode its answer. Raises `NoResponse` where none came."""
        self.open()
        progress = _Progress()
        deadline = anyio.current_time() + call.timeout
        if call.deadline is not None:
            deadline = min(deadline, call.deadline)
        failure: ConnectionFailed | TimedOut | None = None
        with anyio.CancelScope(deadline=deadline) as scope:
            try:
                return await self._attempt(call, progress)
            except self._library.TransportError as error:
                failure = self._failure(call, error)
        if scope.cancelled_caught:
            failure = TimedOut(
                message=f"{call.operation.id} timed out",
                sent=progress.may_have_sent,
                may_have_applied=progress.may_have_sent and not call.operation.safe,
                attempts=call.attempt,
            )
        assert failure is not None  # noqa: S101 - the block returned, raised, or was cancelled by its own deadline
        raise failure from None

    def _failure(self, call: Call, error: Exception) -> ConnectionFailed | TimedOut:
        sent = not any(cls.__name__ in NEVER_SENT for cls in type(error).__mro__)
        timed_out = isinstance(error, self._library.TimeoutException)
        reason = f"timed out ({type(error).__name__})" if timed_out else f"failed: {type(error).__name__}"
        return (TimedOut if timed_out else ConnectionFailed)(
            message=f"{call.operation.id} {reason}",
            sent=sent,
            may_have_applied=sent and not call.operation.safe,
            attempts=call.attempt,
        )

    async def _attempt(self, call: Call, progress: _Progress) -> Response[Any]:
        request = await self._request(call, progress)
        if self._client is not None:
            raw = await self._client.send(request, stream=True, follow_redirects=False)
        else:
            raw = await self._transport.handle_async_request(request)
            raw.request = request
        unreadable = ""
        try:
            raw, body, unreadable = await self._read(raw)
        finally:
            with anyio.CancelScope(shield=True):
                await raw.aclose()
        return decode(type(call.request), raw, body, attempts=call.attempt, unreadable=unreadable)

    async def _request(self, call: Call, progress: _Progress) -> Any:
        wire = call.encoded
        url = self._url.copy_with(raw_path=self._url.raw_path.rstrip(b"/") + wire.target.encode("ascii"))
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip, deflate", **call.headers}
        if wire.content_type:
            headers["Content-Type"] = wire.content_type
        content: Any = wire.body
        if isinstance(content, tuple):
            content, length = await _file_body(wire)
            headers["Content-Length"] = str(length)
        timeout = {"connect": min(self._connect_timeout, call.timeout), "read": None, "write": None, "pool": None}
        extensions = {"timeout": timeout, "trace": progress.trace}
        if self._client is not None:
            return self._client.build_request(
                call.operation.method, url, headers=headers, content=content, extensions=extensions
            )
        headers["User-Agent"] = USER_AGENT
        return self._library.Request(
            call.operation.method, url, headers=headers, content=content, extensions=extensions
        )

    async def _read(self, raw: httpx.Response) -> tuple[httpx.Response, bytes | None, str]:
        """The answer read to its end, its body, and why the body cannot be had where it cannot."""
        limit = self._max_response_bytes
        length = raw.headers.get("content-length", "")
        encoded = raw.headers.get("content-encoding", "identity") != "identity"
        if not encoded and length.isdigit() and int(length) <= limit:
            return raw, await raw.aread(), ""
        size, chunks, unreadable = 0, list[bytes](), ""
        try:
            async for chunk in raw.aiter_bytes():
                size += len(chunk)
                if size > limit:
                    unreadable = f"the answer is larger than max_response_bytes ({limit} bytes)"
                    break
                chunks.append(chunk)
        except self._library.DecodingError:
            unreadable = "the answer's content encoding is corrupt"
        await raw.aclose()
        body = b"".join(chunks)
        read = self._library.Response(
            raw.status_code,
            headers=[(name, value) for name, value in raw.headers.multi_items() if name != "content-encoding"],
            content=b"" if unreadable else body,
            request=raw.request,
            extensions=raw.extensions,
        )
        return read, None if unreadable else body, unreadable


async def _file_body(wire: Encoded) -> tuple[_FileBody, int]:
    parts = wire.body if isinstance(wire.body, tuple) else ()
    lengths = {place: await part.measure() for place, part in enumerate(parts) if isinstance(part, FileData)}
    total = sum(lengths.values()) + sum(len(part) for part in parts if isinstance(part, bytes))
    return _FileBody(parts, lengths), total


def _library_of(client: Any) -> ModuleType:
    """The HTTP library that a client or transport of the caller's comes from."""
    for cls in type(client).__mro__:
        name = cls.__module__.partition(".")[0]
        if name in ("httpx", "httpx2"):
            return sys.modules[name]
    import httpx

    return httpx


def _default_transport(library: Any, url: Any, max_connections: int) -> Any:
    """httpx's own transport. For http:// it gets a TLS context that trusts nobody, since loading the CAs takes 20 ms."""
    import ssl

    verify: Any = True if url.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    limits = library.Limits(max_connections=max_connections, max_keepalive_connections=max_connections)
    return library.AsyncHTTPTransport(verify=verify, limits=limits, proxy=_proxy(url))


def _proxy(url: httpx.URL) -> str | None:
    """The proxy that the environment names for *url*, by the rules that httpx's own client follows."""
    from urllib.request import getproxies, proxy_bypass

    proxies = {} if proxy_bypass(url.host) else getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


USER_AGENT = f"kombo-async/{__version__} python/{sys.version_info.major}.{sys.version_info.minor}"
