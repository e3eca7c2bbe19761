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
    request: Any
    """A request whose headers are only parsed if somebody looks at them."""
    sent_request: Any
    """For `raw_response.request`: what was sent, without key and body."""
    as_it_is: Any
    """For `send(auth=...)`: the request has its key already, in whose place a caller's client must not put another."""


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
    if "headers" not in vars(request):
        return request.unparsed_headers  # type: ignore[no-any-return]
    return request.headers.raw  # type: ignore[no-any-return]


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

    class Request(module.Request):  # type: ignore[misc]
        def __init__(self, method: str, url: Any, headers: list[tuple[bytes, bytes]], body: bytes, extensions: Any):
            self.method = method
            self.url = url
            self.unparsed_headers = headers
            self.stream = module.ByteStream(body)
            self.extensions = extensions

        @cached_property
        def headers(self) -> Any:
            """The headers; parsing them takes httpx long."""
            return module.Headers(self.unparsed_headers)

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

    return Classes(Client, Request, SentRequest, AsItIs())


class _Once:
    """What httpx takes for an async generator that gives one request. Its own leave one behind for the garbage
    collector, of which trio complains, when a call is cancelled."""

    __slots__ = ("_request",)

    def __init__(self, request: Any) -> None:
        self._request = request

    async def __anext__(self) -> Any:
        return self._request

    async def asend(self, _: Any) -> Any:
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self._request = None
