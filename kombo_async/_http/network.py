"""The network backend under httpcore, which knows what only the network can know.

That is: whether anything of a request was written, whether the server had closed the connection by then, and whether
more came than the response. None of it uses internals of httpcore or h11: they only call `read` and `write` here.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any

import anyio
import attrs
import httpcore

from kombo_async._http.connecting import connect
from kombo_async._http.framing import ResponseEnd
from kombo_async._http.streams import Stream, TLSStream

FLUSH_AT = 64 * 1024
"""Bytes of a request to collect before sending, which lets a small request leave in one piece."""


@attrs.define
class Progress:
    """How far one attempt has come; reported by our transport, unknown over others."""

    known: bool = False
    """Whether our transport has it; `written` means something only then."""
    written: bool = False
    """Whether any byte of the request was handed over for sending."""
    before_write: Callable[[], None] | None = None
    """Called before each write of the request; if it raises, the bytes are not sent."""
    unreadable: str = ""
    """Why the body of the response cannot be read, if it cannot."""


class NothingSent(Exception):
    """A kept connection was closed, or had unread data, before anything of the request was written to it."""


class Network(httpcore.AsyncNetworkBackend):
    """The network of one connection.

    Args:
        tls_layers: How many layers of TLS there are once a request can be sent: one for `https://`, one more for a
            proxy reached over TLS.
        proxied: Whether the connection goes through a proxy.
        this_machine: Whether the connection must not leave this machine.
    """

    def __init__(self, *, tls_layers: int, proxied: bool, this_machine: bool) -> None:
        self.tls_layers = tls_layers
        self.proxied = proxied
        self.this_machine = this_machine
        self.progress = Progress()
        self.connect_timeout: float | None = None
        self.stream: NetworkStream | None = None
        """The connection that the request goes over, once it is made."""
        self._below: Stream | None = None

    def begin(self, progress: Progress, connect_timeout: float | None) -> None:
        """Begin an attempt."""
        self.progress = progress
        self.connect_timeout = connect_timeout
        if self.stream is not None:
            progress.known = True
            self.stream.begin()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect, for httpcore."""
        self.progress.known = True
        below: Stream = await _in_time(
            connect(host, port, this_machine=self.this_machine), timeout, httpcore.ConnectTimeout, httpcore.ConnectError
        )
        self._below = below
        self.stream = NetworkStream(self, below, layers=0)
        return self.stream

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: Kombo is reached over TCP."""
        raise httpcore.ConnectError("only TCP connections are supported")

    async def sleep(self, seconds: float) -> None:
        """Wait, for httpcore."""
        await anyio.sleep(seconds)

    @property
    def is_reusable(self) -> bool:
        """Whether another request may follow: one whole response has come, nothing else, and the connection is open."""
        return self.stream is not None and self.stream.is_reusable

    async def break_off(self, chunks: AsyncIterator[bytes]) -> None:
        """Stop reading a response midway.

        httpcore reads through nested generators: an exception from inside ends them all, while closing the outermost
        would leave the others to the garbage collector, and trio complains about that.
        """
        if self.stream is not None:
            self.stream.break_off()
        with suppress(httpcore.ReadError, StopAsyncIteration):
            while True:
                await anext(chunks)

    async def aclose(self) -> None:
        """Close the connection, whatever state it is in."""
        if self._below is not None:
            await self._below.aclose()


class NetworkStream(httpcore.AsyncNetworkStream):
    """A connection as httpcore sees it, with *layers* of TLS."""

    def __init__(self, network: Network, stream: Stream, *, layers: int) -> None:
        self._network = network
        self._stream = stream
        self._layers = layers
        self._pending: list[bytes] = []
        self._size = 0
        self._used_before = False
        self._written = False
        self._closed = False
        self._broken_off = False
        self._response_end = ResponseEnd()

    def begin(self) -> None:
        """Begin an attempt over a connection that has answered before."""
        self._used_before = True
        self._written = self._broken_off = False
        self._response_end = ResponseEnd()

    @property
    def is_reusable(self) -> bool:
        """Whether another request may follow."""
        return self._response_end.reached and not self._closed and self._stream.is_silent()

    def break_off(self) -> None:
        """Make reading the rest of the response raise an error."""
        self._broken_off = True

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write, for httpcore."""
        if not self._is_for_proxy(buffer):
            if self._used_before and not self._written and not self._stream.is_silent():
                raise NothingSent
            self._written = self._network.progress.written = True
        self._pending.append(buffer)
        self._size += len(buffer)
        del buffer  # it holds the key, and tracebacks may print the variables of this frame
        if self._size >= FLUSH_AT:
            await self._flush(timeout)

    def _is_for_proxy(self, buffer: bytes) -> bool:
        """Whether *buffer* is a proxy's CONNECT. If that is not certain, it counts as the request."""
        network = self._network
        if not network.proxied or self._layers >= network.tls_layers or network.progress.written:
            return False
        return not buffer or buffer.startswith((b"CONNECT ", b"\x05", b"\x01"))

    async def _flush(self, timeout: float | None) -> None:
        if self._pending:
            progress = self._network.progress
            if progress.before_write is not None and progress.written:
                progress.before_write()
            sending = self._stream.send(b"".join(self._pending))
            self._pending.clear()
            self._size = 0
            if timeout is not None:
                await _in_time(sending, timeout, httpcore.WriteTimeout, httpcore.WriteError)
                return
            try:
                await sending
            except OSError as error:
                raise httpcore.WriteError(str(error)) from error

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read, for httpcore: as much as there is, whatever *max_bytes* says."""
        if self._broken_off:
            raise httpcore.ReadError("the rest of the response is not read")
        if not self._network.progress.written:
            timeout = self._network.connect_timeout  # waiting for a proxy, which gets less time than Kombo
        with suppress(httpcore.WriteError):  # the server may have answered before it closed the connection
            await self._flush(timeout)
        if timeout is not None:
            return self._fed(await _in_time(self._stream.receive(), timeout, httpcore.ReadTimeout, httpcore.ReadError))
        try:
            return self._fed(await self._stream.receive())
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error

    def _fed(self, data: bytes) -> bytes:
        self._response_end.feed(data)
        return data

    async def aclose(self) -> None:
        """Close, for httpcore."""
        self._closed = True
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Begin TLS, for httpcore."""
        stream = TLSStream(self._stream, ssl_context, server_hostname)
        await _in_time(stream.handshake(), timeout, httpcore.ConnectTimeout, httpcore.ConnectError)
        self._network.stream = NetworkStream(self._network, stream, layers=self._layers + 1)
        return self._network.stream

    def get_extra_info(self, info: str) -> Any:
        """Details, for httpcore."""
        if info == "ssl_object":
            return getattr(self._stream, "ssl_object", None)
        if info == "is_readable":
            return not self._stream.is_silent()
        return None


async def _in_time(doing: Awaitable[Any], timeout: float | None, late: type[Exception], failed: type[Exception]) -> Any:
    try:
        with anyio.fail_after(timeout):
            return await doing
    except TimeoutError as error:
        raise (failed if error.errno else late)(str(error)) from error
    except OSError as error:  # of TLS, too
        raise failed(str(error)) from error
