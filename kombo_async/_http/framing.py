"""Find where a response ends, by its bytes: whatever comes after it belongs to no request of ours.

httpcore and h11 silently keep what came after a response, and would take it for the response to the next request. This
looks over their shoulder. It says that a response is whole only if that is certain; otherwise the connection is closed,
which only costs a new connection.
"""

from __future__ import annotations

import re
from enum import Enum, auto

LONGEST_HEAD = 256 * 1024
"""The most bytes of a head, or of one line between chunks, to look at."""

_STATUS = re.compile(rb"HTTP/1\.1 (\d\d\d)[ \r]")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([^\r\n]*?)[ \t]*(?=\r\n)")
_ENCODING = re.compile(rb"\r\ntransfer-encoding:[ \t]*([^\r\n]*?)[ \t]*(?=\r\n)")
_SIZE = re.compile(rb"([0-9a-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n", re.IGNORECASE)


class _Part(Enum):
    HEAD = auto()
    BODY = auto()
    CHUNK_SIZE = auto()
    TRAILER = auto()
    END = auto()
    UNKNOWN = auto()


class ResponseEnd:
    """Follows the bytes of one HTTP/1.1 response to their end."""

    def __init__(self) -> None:
        self._part = _Part.HEAD
        self._pending = b""
        """The head, or a line between chunks, so far."""
        self._left = 0
        """Bytes still missing from the body, or from a chunk and the line break after it."""
        self._chunked = False

    @property
    def reached(self) -> bool:
        """Whether the bytes so far are exactly one whole response."""
        return self._part is _Part.END

    def feed(self, data: bytes) -> None:
        """Take the next bytes from the connection."""
        if self._part is _Part.BODY and len(data) < self._left:  # most of a large answer
            self._left -= len(data)
            return
        start = 0
        while start < len(data) and self._part is not _Part.UNKNOWN:
            start = self._step(data, start)

    def _step(self, data: bytes, start: int) -> int:
        """Take some bytes of *data* from *start*; returns the position reached."""
        if self._part is _Part.END:
            self._part = _Part.UNKNOWN  # more than the response
            return len(data)
        if self._part is _Part.BODY:
            taken = min(self._left, len(data) - start)
            self._left -= taken
            if not self._left:
                self._part = _Part.CHUNK_SIZE if self._chunked else _Part.END
            return start + taken
        mark = b"\r\n\r\n" if self._part is _Part.HEAD else b"\r\n"
        pending = self._pending + data[start:]
        end = pending.find(mark, max(0, len(self._pending) - len(mark) + 1))
        if end < 0:
            self._pending = pending
            if len(pending) > LONGEST_HEAD:
                self._part = _Part.UNKNOWN
            return len(data)
        end += len(mark)
        line = pending[:end]
        start += end - len(self._pending)
        self._pending = b""
        self._part = {_Part.HEAD: self._after_head, _Part.CHUNK_SIZE: self._after_size}.get(
            self._part, self._after_trailer
        )(line)
        return start

    def _after_head(self, head: bytes) -> _Part:
        status = _STATUS.match(head)
        if status is None or status[1] == b"101":
            return _Part.UNKNOWN
        if status[1].startswith(b"1"):
            return _Part.HEAD  # an interim response; the final one follows
        lowered = head.lower()
        lengths, encodings = _LENGTH.findall(lowered), _ENCODING.findall(lowered)
        if status[1] in (b"204", b"304"):
            return _Part.END if not encodings and lengths in ([], [b"0"]) else _Part.UNKNOWN
        if encodings == [b"chunked"] and not lengths:
            self._chunked = True
            return _Part.CHUNK_SIZE
        if encodings or len(lengths) != 1 or not lengths[0].isdigit() or len(lengths[0]) > 15:
            return _Part.UNKNOWN
        self._left = int(lengths[0])
        return _Part.BODY if self._left else _Part.END

    def _after_size(self, line: bytes) -> _Part:
        size = _SIZE.fullmatch(line)
        if size is None:
            return _Part.UNKNOWN
        self._left = int(size[1], 16)
        if not self._left:
            return _Part.TRAILER
        self._left += 2
        return _Part.BODY

    def _after_trailer(self, line: bytes) -> _Part:
        return _Part.END if line == b"\r\n" else _Part.TRAILER
