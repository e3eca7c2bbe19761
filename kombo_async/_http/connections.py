"""Connections that are kept for the next request: httpx transports of one connection each, in a stack.

The pool that httpx gives a transport looks through all its connections at each request, takes a third of a call's time,
and loses a connection whose request is cancelled just as it is made; so there is one connection of httpcore's in its
place. A request that ends in any other way than with a whole answer takes its connection with it.
"""

from __future__ import annotations

import ssl
from collections import deque
from typing import TYPE_CHECKING, Any

import anyio
import attrs

if TYPE_CHECKING:
    import httpx

KEEPALIVE_EXPIRY = 4.0
"""Seconds that an unused connection is kept: fewer than servers keep theirs (Node and uvicorn 5, load balancers more).

A request that meets a server which is just closing its connection may have been read, and so leaves a create in doubt.
"""


@attrs.define(eq=False)
class Connection:
    """One connection, made with its first request."""

    transport: httpx.AsyncBaseTransport
    inner: Any = attrs.field(repr=False)
    """What it is in httpcore: by way of a proxy, a connection around others."""
    stream: Any = attrs.field(default=None, repr=False)
    """Its network stream, once it has answered."""
    socket: Any = attrs.field(default=None, repr=False)
    """Its network stream before TLS, from the moment when it is connected."""
    unused_since: float = 0.0

    @property
    def used_before(self) -> bool:
        """Whether it has answered a request, so that the server may have closed it since."""
        return self.stream is not None

    @property
    def is_idle(self) -> bool:
        """Whether another request may follow: not after half an answer, say, or one with `Connection: close`."""
        return bool(self.inner.is_idle())

    @property
    def closed_by_server(self) -> bool:
        """Whether the server has closed it: between two answers there is nothing else to read."""
        return self.stream is not None and bool(self.stream.get_extra_info("is_readable"))

    @property
    def has_unread_data(self) -> bool:
        """Whether more has come than the answer: the next request would take it for its own answer.

        httpcore does not tell, so this looks into it; where it finds nothing there, the server is taken to be sound.
        """
        inner = self.inner
        while hasattr(inner, "_connection"):
            inner = inner._connection
        state = getattr(inner, "_h11_state", None)
        return state is not None and bool(state.trailing_data[0])

    async def aclose(self) -> None:
        """Close it, also in the middle of a cancellation."""
        with anyio.CancelScope(shield=True):
            await self.transport.aclose()
            if self.socket is not None:
                await self.socket.aclose()  # httpcore leaves it open when a TLS handshake is cancelled


class Connections:
    """The connections of one client to one place."""

    def __init__(self, library: Any, url: httpx.URL) -> None:
        import httpcore

        self._library = library
        self._origin = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=b"/").origin
        # A TLS context that trusts nobody will do for http://, and loading the CAs takes 20 ms.
        self._verify = (
            library.create_ssl_context() if url.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        )
        self._proxy = proxy_of(url)
        self._unused: deque[Connection] = deque()

    def __len__(self) -> int:
        return len(self._unused)

    async def acquire(self) -> Connection:
        """The connection that was used last, of those that are not in use, or a new one.

        Closes those that nobody has used for long.
        """
        oldest = anyio.current_time() - KEEPALIVE_EXPIRY
        while self._unused and self._unused[0].unused_since < oldest:
            await self._unused.popleft().aclose()
        if self._unused:
            return self._unused.pop()
        return self._new()

    def _new(self) -> Connection:
        transport = self._library.AsyncHTTPTransport(verify=self._verify, proxy=self._proxy)
        connection = transport._pool = transport._pool.create_connection(self._origin)
        return Connection(transport, connection)

    def release(self, connection: Connection, stream: Any) -> None:
        """Keep *connection* for the next request; *stream* is its network stream."""
        connection.stream = stream
        connection.unused_since = anyio.current_time()
        self._unused.append(connection)

    async def aclose(self) -> None:
        """Close all that are not in use."""
        while self._unused:
            await self._unused.popleft().aclose()


def proxy_of(url: httpx.URL) -> str | None:
    """The proxy that the environment names for *url*, by the rules that httpx's own client follows."""
    from urllib.request import getproxies, proxy_bypass

    proxies = {} if proxy_bypass(url.host) else getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy
