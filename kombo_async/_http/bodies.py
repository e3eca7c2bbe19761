"""Bodies: files read as they are sent, responses read up to a limit."""

from __future__ import annotations

import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from io import BytesIO
from typing import Any

import anyio

from kombo_async._codec.encode import Encoded
from kombo_async.attachments import FileData


class FileBody:
    """A body with files in it, read part by part as it is sent."""

    def __init__(self, parts: tuple[bytes | FileData, ...], lengths: dict[int, int]) -> None:
        self._parts = parts
        self._lengths = lengths
        self._reading: AsyncGenerator[bytes] | None = None
        self.before_chunk: Callable[[], None] | None = None
        """Called before each part is handed over; if it raises, the rest is not sent."""
        self.length: int = sum(lengths.values()) + sum(len(part) for part in parts if isinstance(part, bytes))

    @classmethod
    async def measured(cls, encoded: Encoded) -> FileBody:
        """The body of a request with files in it. Raises `ValueError` for a file that is empty or cannot be read."""
        assert isinstance(encoded.body, tuple)  # noqa: S101 - the caller has looked
        files = [(place, part) for place, part in enumerate(encoded.body) if isinstance(part, FileData)]
        lengths = {place: await file.measure() for place, file in files}
        return cls(encoded.body, lengths)

    def __aiter__(self) -> AsyncIterator[bytes]:
        self._reading = self._read()
        return self._reading

    async def _read(self) -> AsyncGenerator[bytes]:
        for place, part in enumerate(self._parts):
            if isinstance(part, bytes):
                self._check()
                yield part
            else:
                async with aclosing(part.chunks(self._lengths[place])) as chunks:
                    async for chunk in chunks:
                        self._check()
                        yield chunk

    def _check(self) -> None:
        if self.before_chunk is not None:
            self.before_chunk()

    async def aclose(self) -> None:
        """Close the file that was being read when sending stopped."""
        if self._reading is not None:
            with anyio.CancelScope(shield=True):
                await self._reading.aclose()


def is_small(raw: Any, limit: int) -> bool:
    """Whether the body of the `httpx.Response` *raw* is certainly at most *limit* bytes, or has been read already."""
    if raw.is_stream_consumed:  # from a mock
        return len(raw.content) <= limit
    length = _length(raw)
    return length is not None and length <= limit and "content-encoding" not in raw.headers


def _length(raw: Any) -> int | None:
    length = raw.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 20 else None


class Unreadable(Exception):
    """A response's body cannot be read; the message says why."""


async def read(raw: Any, limit: int) -> bytes:
    """The body of the `httpx.Response` *raw*, decompressed. Raises `Unreadable`, e.g. past *limit* bytes.

    Not by httpx, which decompresses everything before anyone can count: a decompression bomb has gone off by then.
    """
    if raw.is_stream_consumed or (_length(raw) or 0) > limit:
        raise _too_large(limit)
    body = Body(raw.headers.get("content-encoding", "identity").strip().lower(), limit)
    chunks = aiter(raw.aiter_raw())
    try:
        await body.fill(chunks)
    except Unreadable:
        await _stop(chunks)
        raise
    return body.whole()


async def _stop(chunks: AsyncIterator[bytes]) -> None:
    """End a read in the middle.

    Cancelling at the point where they wait ends all of httpx's nested generators; closing
    the outermost would leave the others to the garbage collector, and trio complains about that.
    """
    with anyio.CancelScope() as scope, suppress(StopAsyncIteration):
        scope.cancel()
        for _ in range(100):  # buffered data comes without waiting
            await anext(chunks)


class Body:
    """The body of a response as it comes, decompressed up to a limit."""

    def __init__(self, encoding: str, limit: int) -> None:
        self._limit = limit
        self._read = BytesIO()
        self._inflate: Any = None
        self._begun = False
        if encoding in ("gzip", "x-gzip", "deflate"):
            self._inflate = self._inflater()
        elif encoding not in ("", "identity"):
            raise Unreadable("the response has a content encoding that was not requested")

    @staticmethod
    def _inflater() -> Any:
        return zlib.decompressobj(zlib.MAX_WBITS | 32)  # gzip or zlib, by the first bytes

    def add(self, chunk: bytes) -> None:
        """Add a chunk. Raises `Unreadable` if it is not properly compressed, or if there is too much."""
        if self._inflate is None:
            self._keep(chunk)
            return
        while chunk:
            if self._inflate.eof:  # gzip may have several members, one after the other (RFC 1952)
                if not chunk.strip(b"\0"):
                    return  # padding
                self._inflate = self._inflater()
            self._begun = True
            try:
                self._keep(self._inflate.decompress(chunk, self._limit + 1 - self._read.tell()))
            except zlib.error:
                raise Unreadable("the response's content encoding is corrupt") from None
            chunk = self._inflate.unused_data

    def _keep(self, data: bytes) -> None:
        self._read.write(data)
        if self._read.tell() > self._limit:
            raise _too_large(self._limit)

    async def fill(self, chunks: AsyncIterator[bytes]) -> None:
        """Add all *chunks*. Raises `Unreadable`, also if the compressed data is truncated.

        Nothing that is read is kept in a local variable, since tracebacks may print those.
        """
        with suppress(StopAsyncIteration):
            while True:
                self.add(await anext(chunks))
        if self._begun and not self._inflate.eof:
            raise Unreadable("the response's content encoding is truncated")

    def whole(self) -> bytes:
        """The whole body."""
        return self._read.getvalue()


def _too_large(limit: int) -> Unreadable:
    return Unreadable(f"the response is larger than max_response_bytes ({limit} bytes)")
