"""Byte streams over TCP and TLS with our own buffers, so that we know whether there is unread data.

Streams of anyio and asyncio read ahead without saying so. Here a plain connection is an `asyncio.Protocol` with its
own buffer, or a trio socket without one; TLS is `ssl.MemoryBIO` on top, the same for both.
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

from kombo_async._clock import asyncio_loop

MOST_BUFFERED = 1024 * 1024
"""How many unread bytes to buffer before the server has to wait."""
READ_AT_ONCE = 64 * 1024


class Stream(Protocol):
    """A connection that carries bytes."""

    async def receive(self) -> bytes:
        """Receive some bytes; empty at the end. Raises `OSError`."""
        ...

    async def send(self, data: bytes) -> None:
        """Send all of *data*. Raises `OSError`."""
        ...

    def is_silent(self) -> bool:
        """Whether it is open, without unread data."""
        ...

    async def aclose(self) -> None:
        """Close it at once, even during a cancellation."""
        ...


async def connect_tcp(host: str, port: int) -> Stream:
    """A plain connection to *host*, an IP address. Raises `OSError`."""
    loop = asyncio_loop()
    if loop is None:
        try:
            return TrioStream(await anyio.connect_tcp(host, port))
        except OSError as error:
            raise _os_error(error) from None
    protocol: Stream
    _, protocol = await loop.create_connection(AsyncioStream, host, port)
    return protocol


def _is_readable(socket: Any) -> bool:
    """Whether *socket* has data to read, or was closed by the other side."""
    number = socket.fileno()
    if number < 0:
        return True
    if sys.platform == "win32":
        return bool(select.select([number], [], [], 0)[0])
    poll = select.poll()
    poll.register(number, select.POLLIN)
    return bool(poll.poll(0))


class AsyncioStream(asyncio.Protocol):
    """A connection under asyncio or uvloop."""

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
        """Note the start."""
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
        """Note that the server has stopped sending; we may still be sending."""
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
        """Let `send` continue."""
        self._full = False
        _wake(self._writer)

    async def receive(self) -> bytes:
        """Receive some bytes; empty at the end."""
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
        """Whether it is open, without unread data."""
        if self._chunks or self._ended or self._transport is None or self._transport.is_closing():
            return False
        return not _is_readable(self._transport.get_extra_info("socket"))

    async def aclose(self) -> None:
        """Close it at once."""
        if self._transport is not None and not self._closed:
            self._transport.abort()
            with anyio.CancelScope(shield=True):
                await asyncio.sleep(0)  # the loop closes the socket in its next iteration


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)


class TrioStream:
    """A connection under trio, whose sockets buffer nothing."""

    def __init__(self, stream: anyio.abc.SocketStream) -> None:
        self._stream = stream
        self._socket = stream.extra(anyio.abc.SocketAttribute.raw_socket)  # noqa: S610 - not Django's

    async def receive(self) -> bytes:
        """Receive some bytes; empty at the end."""
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
        """Whether it is open, without unread data."""
        return not _is_readable(self._socket)

    async def aclose(self) -> None:
        """Close it at once."""
        with anyio.CancelScope(shield=True):
            await self._stream.aclose()


def _os_error(error: BaseException) -> OSError:
    """The system's error, which anyio and trio wrap."""
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
        """The head of a record so far."""
        self._record_left = 0
        """Bytes still missing from a record: OpenSSL may have taken its first part without saying so."""

    async def handshake(self) -> None:
        """Perform the handshake, and verify the server's certificate. Raises `ssl.SSLError` and `OSError`."""
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
                    await self._flush()  # tell the server why
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
        """Receive some bytes; empty at the end."""
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
                break  # the HTTP layer knows whether this ends a response
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
        """Whether it is open, without unread data, decrypted or not."""
        if self._incoming.pending or self.ssl_object.pending() or self._record or self._record_left:
            return False
        return self._below.is_silent()

    async def aclose(self) -> None:
        """Close it at once."""
        await self._below.aclose()
