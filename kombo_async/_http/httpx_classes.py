"""Classes of httpx's, or httpx2's, as our calls need them. Made at first use: importing these libraries takes long."""

from __future__ import annotations

import sys
from functools import cache, cached_property
from types import ModuleType
from typing import Any

import attrs


@attrs.frozen
class Classes:
    """What is made of one library's classes."""

    client: Any
    """A client without cookies: those of load balancers are not sent back, and keeping them takes time."""
    content: Any
    """A body that is there already."""
    files: Any
    """A body that is read as it is sent, a `FileBody`."""
    request: Any
    """A request whose headers are only parsed if somebody looks at them."""
    sent_request: Any
    """For `raw_response.request`: what was sent, without key and body."""
    as_it_is: Any
    """For `send(auth=...)`: the request has its key already, in whose place a caller's client must not put another."""


def check_passed(transport: Any, client: Any) -> None:
    """Raise `ValueError` for what cannot be the caller's `transport=` or `http_client=`."""
    if transport is not None and client is not None:
        raise ValueError("transport, http_client: pass only one of them; pass the transport to your own client")
    if transport is not None and not hasattr(transport, "handle_async_request"):
        raise ValueError(f"transport: pass an httpx.AsyncBaseTransport, not {_shown(transport)}")
    if client is not None and not (hasattr(client, "send") and hasattr(client, "aclose")):
        raise ValueError(f"http_client: pass an httpx.AsyncClient or httpx2.AsyncClient, not {_shown(client)}")


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, str) else f"a {type(value).__name__}"


def library_of(client: Any) -> ModuleType:
    """The HTTP library that a client or transport comes from; httpx for None."""
    for cls in type(client).__mro__:
        name = cls.__module__.partition(".")[0]
        if name in ("httpx", "httpx2"):
            return sys.modules[name]
    import httpx

    return httpx


def raw_headers(request: Any) -> list[tuple[bytes, bytes]]:
    """The headers of *request* as they go over the wire."""
    raw: list[tuple[bytes, bytes]] | None = getattr(request, "unparsed_headers", None)
    return request.headers.raw if raw is None else raw


@cache
def classes_of(library: ModuleType) -> Classes:
    """The classes for *library*."""
    module: Any = library

    class NoCookies(module.Cookies):  # type: ignore[misc]
        def extract_cookies(self, response: Any) -> None:
            """Ignore them."""

    none = NoCookies()

    class Client(module.AsyncClient):  # type: ignore[misc]
        @property
        def cookies(self) -> Any:
            """No cookies."""
            return none

    class Content(module.ByteStream):  # type: ignore[misc]
        def __init__(self, content: bytes) -> None:
            module.ByteStream.__init__(self, content)
            self._whole = content

        def __aiter__(self) -> Any:
            return _Whole(self._whole)

    class Files(module.AsyncByteStream):  # type: ignore[misc]
        def __init__(self, body: Any) -> None:
            self._body = body

        def __aiter__(self) -> Any:
            return aiter(self._body)

        async def aclose(self) -> None:
            await self._body.aclose()

    class Request(module.Request):  # type: ignore[misc]
        def __init__(self, method: str, url: Any, headers: list[tuple[bytes, bytes]], stream: Any, extensions: Any):
            self.method = method
            self.url = url
            self.unparsed_headers: list[tuple[bytes, bytes]] | None = headers
            self.stream = stream
            self.extensions = extensions

        @property
        def headers(self) -> Any:
            """The headers; parsing them takes httpx long."""
            if self.unparsed_headers is not None:
                self._parsed, self.unparsed_headers = module.Headers(self.unparsed_headers), None
            return self._parsed

        @headers.setter
        def headers(self, headers: Any) -> None:
            self._parsed, self.unparsed_headers = module.Headers(headers), None

    class SentRequest(module.Request):  # type: ignore[misc]
        def __init__(self, sent: Any) -> None:
            self.method = sent.method
            self.url = sent.url
            self.extensions: dict[str, Any] = {}
            self.stream = module.ByteStream(b"")
            self._shown = [
                (name, b"[hidden]" if name.lower() == b"authorization" else value) for name, value in raw_headers(sent)
            ]

        @cached_property
        def headers(self) -> Any:
            """The headers sent."""
            return module.Headers(self._shown)

    class AsItIs(module.Auth):  # type: ignore[misc]
        def async_auth_flow(self, request: Any) -> Any:
            """Send *request* as it is, once."""
            return _Once(request)

    return Classes(Client, Content, Files, Request, SentRequest, AsItIs())


class _Once:
    """What httpx takes for an async generator that gives one request.

    httpx's own generators are left to the garbage collector when a call is cancelled, of which trio complains.
    """

    __slots__ = ("_request",)

    def __init__(self, request: Any) -> None:
        self._request = request

    async def __anext__(self) -> Any:
        return self._request

    async def asend(self, _: Any) -> Any:
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self._request = None


class _Whole:
    """The iterator of a body that is there already."""

    __slots__ = ("_content",)

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __aiter__(self) -> _Whole:
        return self

    async def __anext__(self) -> bytes:
        if not self._content:
            raise StopAsyncIteration
        content, self._content = self._content, b""
        return content
