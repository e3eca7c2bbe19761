"""Byte streams over TCP and TLS whose buffers are ours: whether unread bytes are there is a fact, not a guess.

Streams of anyio and asyncio read ahead, and do not tell. Here a plain connection is an `asyncio.Protocol` with its own
buffer, or a trio socket without any; TLS is `ssl.MemoryBIO` on top, the same for both.
"""

from __future__ import annotations

import asyncio
import select
import ssl
import sys
from collections import deque
from contextlib import suppress
from typing import Any, Protocol

import anyio
import anyio.abc

MOST_BUFFERED = 1024 * 1024
"""Bytes that may wait to be read before the server is made to wait."""
READ_AT_ONCE = 64 * 1024


class Stream(Protocol):
    """A connection that bytes go over."""

    async def receive(self) -> bytes:
        """Some bytes; none at the end. Raises `OSError`."""
        ...

    async def send(self, data: bytes) -> None:
        """Send all of *data*. Raises `OSError`."""
        ...

    def is_silent(self) -> bool:
        """Whether it is open, and nothing has come that was not read."""
        ...

    async def aclose(self) -> None:
        """Close it at once, also in the middle of a cancellation."""
        ...


async def connect_tcp(host: str, port: int) -> Stream:
    """A plain connection to *host*, an IP address. Raises `OSError`."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        try:
            return TrioStream(await anyio.connect_tcp(host, port))
        except OSError as error:
            raise _os_error(error) from None
    _, protocol = await loop.create_connection(AsyncioStream, host, port)
    return protocol


def _is_readable(socket: Any) -> bool:
    """Whether something can be read from *socket*, or it has been closed by the other side."""
    number = socket.fileno()
    if number < 0:
        return True
    if sys.platform == "win32":
        return bool(select.select([number], [], [], 0)[0])
    poll = select.poll()
    poll.register(number, select.POLLIN)
    return bool(poll.poll(0))


class AsyncioStream(asyncio.Protocol):
    """A connection of asyncio, or of uvloop."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self._paused = False
        self._ended = False
        self._closed = False
        self._error: Exception | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._full = False

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Keep *data* until somebody reads it."""
        self._chunks.append(data)
        self._buffered += len(data)
        if self._buffered > MOST_BUFFERED and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> bool:
        """Note the end of what the server sends; what we send may still be under way."""
        self._ended = True
        _wake(self._reader)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end of the connection."""
        self._ended = self._closed = True
        self._error = exc
        _wake(self._reader)
        _wake(self._writer)

    def pause_writing(self) -> None:
        """Make `send` wait."""
        self._full = True

    def resume_writing(self) -> None:
        """Let `send` go on."""
        self._full = False
        _wake(self._writer)

    async def receive(self) -> bytes:
        """Some bytes; none at the end."""
        if not self._chunks and not self._ended:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        if not self._chunks:
            if self._error is not None:
                raise self._error
            return b""
        chunk = self._chunks.popleft()
        self._buffered -= len(chunk)
        if self._paused and self._buffered <= MOST_BUFFERED // 2:
            self._paused = False
            self._transport.resume_reading()
        return chunk

    async def send(self, data: bytes) -> None:
        """Send all of *data*, or as much as the system buffers."""
        if not self._closed:
            self._transport.write(data)
        del data  # it holds the key, and tracebacks may print the variables of this frame
        while self._full and not self._closed:
            self._writer = asyncio.get_running_loop().create_future()
            try:
                await self._writer
            finally:
                self._writer = None
        if self._closed:
            raise self._error or ConnectionResetError("the connection is closed")

    def is_silent(self) -> bool:
        """Whether it is open, and nothing has come that was not read."""
        if self._chunks or self._ended or self._transport is None or self._transport.is_closing():
            return False
        return not _is_readable(self._transport.get_extra_info("socket"))

    async def aclose(self) -> None:
        """Close it at once."""
        if self._transport is not None and not self._closed:
            self._transport.abort()
            with anyio.CancelScope(shield=True):
                await asyncio.sleep(0)  # the loop closes the socket in its next turn


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)


class TrioStream:
    """A connection of trio, whose sockets buffer nothing."""

    def __init__(self, stream: anyio.abc.SocketStream) -> None:
        self._stream = stream
        self._socket = stream.extra(anyio.abc.SocketAttribute.raw_socket)  # noqa: S610 - not Django's

    async def receive(self) -> bytes:
        """Some bytes; none at the end."""
        try:
            return await self._stream.receive(READ_AT_ONCE)
        except anyio.EndOfStream:
            return b""
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise _os_error(error) from error

    async def send(self, data: bytes) -> None:
        """Send all of *data*."""
        sending = self._stream.send(data)
        del data  # it holds the key, and tracebacks may print the variables of this frame
        try:
            await sending
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise _os_error(error) from error

    def is_silent(self) -> bool:
        """Whether it is open, and nothing has come that was not read."""
        return not _is_readable(self._socket)

    async def aclose(self) -> None:
        """Close it at once."""
        with anyio.CancelScope(shield=True):
            await self._stream.aclose()


def _os_error(error: BaseException) -> OSError:
    """What the system said, which anyio and trio wrap."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno is not None:
            return seen
        seen = seen.__cause__
    return ConnectionResetError("the connection is closed")


class TLSStream:
    """TLS over another stream."""

    def __init__(self, below: Stream, context: ssl.SSLContext, server_hostname: str | None) -> None:
        self._below = below
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.ssl_object: ssl.SSLObject = context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=server_hostname
        )
        self._record: bytes = b""
        """What has come of the head of a record."""
        self._record_left = 0
        """Bytes that are missing of a record: OpenSSL may have taken its first part, and does not tell."""

    async def handshake(self) -> None:
        """Agree with the server on keys, and check its certificate. Raises `ssl.SSLError` and `OSError`."""
        while True:
            try:
                self.ssl_object.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                data = await self._below.receive()
                if not data:
                    raise ConnectionAbortedError("closed during the TLS handshake") from None
                self._take(data)
            except ssl.SSLError:
                with suppress(OSError):
                    await self._flush()  # the server is told why
                raise
            else:
                await self._flush()
                return

    def _take(self, data: bytes) -> None:
        if not data:
            self._incoming.write_eof()
        self._incoming.write(data)
        while data:
            taken = min(self._record_left, len(data))
            self._record_left -= taken
            data = data[taken:]
            if data:
                missing = 5 - len(self._record)
                self._record += data[:missing]
                data = data[missing:]
            if len(self._record) == 5:
                self._record_left = int.from_bytes(self._record[3:])
                self._record = b""

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await self._below.send(self._outgoing.read())

    async def receive(self) -> bytes:
        """Some bytes; none at the end."""
        parts: list[bytes] = []
        size = 0
        while size < READ_AT_ONCE:
            try:
                data = self.ssl_object.read(READ_AT_ONCE)
            except ssl.SSLWantReadError:
                if parts:
                    break
                await self._flush()
                more = await self._below.receive()
                self._take(more)
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                break  # HTTP knows whether this is the end of a response
            else:
                if not data:
                    break
                parts.append(data)
                size += len(data)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def send(self, data: bytes) -> None:
        """Send all of *data*."""
        left = memoryview(data)
        while left:
            left = left[self.ssl_object.write(left) :]
        del data, left  # they hold the key, and tracebacks may print the variables of this frame
        await self._flush()

    def is_silent(self) -> bool:
        """Whether it is open, and nothing has come that was not read, decrypted or not."""
        if self._incoming.pending or self.ssl_object.pending() or self._record or self._record_left:
            return False
        return self._below.is_silent()

    async def aclose(self) -> None:
        """Close it at once."""
        await self._below.aclose()
