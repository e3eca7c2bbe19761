"""Files to send to Kombo: base64 inside JSON, read and encoded while they are sent, never whole in memory.

The file models (`ats.AttachmentInput`, `ai_apply.AnswerFile`, ...) create one with `from_path`, `from_bytes`
and `from_stream`.
"""

from __future__ import annotations

import base64
import os
from collections.abc import AsyncGenerator, Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Self, TypeVar

from anyio import to_thread

from kombo_async._machine_faults import machine_fault

T = TypeVar("T")

CHUNK = 3 * 32 * 1024
"""Bytes read at once. A multiple of 3, so each chunk's base64 has no padding and joins with the next;
small, since 30 concurrent uploads cost several times 30 bytes for each byte of it."""


class FileData:
    """The `data` of a file that is read when it is sent, and again for each attempt.

    Not an attrs class, since the encoder would write it as an object instead of base64.
    """

    __slots__ = ("name", "open", "size", "stamp")

    def __init__(
        self,
        *,
        open: Callable[[], BinaryIO],
        size: Callable[[], int],
        name: str,
        stamp: Callable[[], object] = lambda: None,
    ) -> None:
        self.open: Callable[[], BinaryIO] = open
        """Opens the file at its start."""
        self.size: Callable[[], int] = size
        """How many bytes it holds."""
        self.name: str = name
        self.stamp: Callable[[], object] = stamp
        """Something that changes when the file does, such as its modification time."""

    @classmethod
    def from_path(cls, path: str | os.PathLike[str], name: str | None = None) -> Self:
        """The file at *path*, under its own name unless *name* is given."""
        file = Path(path)
        return cls(
            open=lambda: file.open("rb"),
            size=lambda: _size(file),
            name=name or file.name,
            stamp=lambda: _stamp(file),
        )

    @classmethod
    def from_bytes(cls, data: bytes, name: str) -> Self:
        """A file that is already in memory. Raises `TypeError` for text: encode it first."""
        content = bytes(data)
        return cls(open=lambda: BytesIO(content), size=lambda: len(content), name=name)

    @classmethod
    def from_stream(cls, open: Callable[[], BinaryIO], size: int, name: str) -> Self:
        """A file of *size* bytes that *open* opens for reading, once per attempt."""
        return cls(open=open, size=lambda: size, name=name)

    @property
    def content_type(self) -> str:
        """The MIME type that the name suggests."""
        import mimetypes

        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"

    def __repr__(self) -> str:
        return "FileData()"

    def to_base64(self) -> str:
        """The whole file as base64, held in memory."""
        with self.open() as file:
            return base64.b64encode(file.read()).decode("ascii")

    async def measure(self) -> int:
        """The length of its base64, in bytes. Raises `ValueError` if the file is empty or cannot be read."""
        size = await self._in_thread(self.size)
        if size == 0:
            raise ValueError(f"attachment {self.name!r} is empty")
        return (size + 2) // 3 * 4

    async def chunks(self, length: int) -> AsyncGenerator[bytes]:
        """Its base64, *length* bytes in all. Raises `ValueError` if the file is no longer as it was measured.

        It is raised before the last byte: the server has no complete request by then, and cannot perform it.
        """
        file, stamp = await self._in_thread(self._open)
        try:
            sent = 0
            while sent < length:
                chunk = await self._in_thread(partial(_read_base64, file))
                sent += len(chunk)
                if not chunk or sent > length or (sent == length and not await self._is_whole(file, stamp)):
                    raise ValueError(f"attachment {self.name!r} changed while it was being sent")
                yield chunk
                del chunk  # a traceback of a cancelled call may show local variables
        finally:
            file.close()

    def _open(self) -> tuple[BinaryIO, object]:
        return self.open(), self.stamp()

    async def _is_whole(self, file: BinaryIO, stamp: object) -> bool:
        """Whether *file* is at its end, and was not written to in the meantime."""
        try:
            return await self._in_thread(lambda: not file.read(1) and self.stamp() == stamp)
        except ValueError:
            return False

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Run a function that may block. Raises `ValueError` for the file's errors; the machine's own pass through."""

        def try_it() -> T:
            try:
                return work()
            except Exception as error:
                if machine_fault(error) is not None:
                    raise
                why = error.strerror if isinstance(error, OSError) else None
                reason = why or type(error).__name__
            raise ValueError(f"attachment {self.name!r} cannot be read: {reason}")

        return await to_thread.run_sync(try_it)


def _read_base64(file: BinaryIO) -> bytes:
    """The next `CHUNK` bytes, even if a stream returns fewer at a time, since only the last chunk may have padding."""
    data = file.read(CHUNK)
    while len(data) < CHUNK and (more := file.read(CHUNK - len(data))):
        data += more
    return base64.b64encode(data)


def _size(path: Path) -> int:
    with path.open("rb") as file:  # an unreadable file fails here, before anything is sent
        return os.fstat(file.fileno()).st_size


def _stamp(path: Path) -> object:
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino
