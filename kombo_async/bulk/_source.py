"""Where the rows of a bulk run come from: any iterable, or any async one."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Any, TypeAlias

import anyio

from kombo_async.bulk._outcome import Row
from kombo_async.request import Request

Requests: TypeAlias = Iterable[Request[Any] | Row] | AsyncIterable[Request[Any] | Row]


class Source:
    """Gives rows one by one to several workers, with their numbers from 0; after its end, None each time.

    A plain iterable is read on the event loop's thread, so give an async one if reading a row takes long.
    """

    def __init__(self, requests: Requests) -> None:
        self._rows: Iterator[Request[Any] | Row] | AsyncIterator[Request[Any] | Row] | None = (
            aiter(requests) if isinstance(requests, AsyncIterable) else iter(requests)
        )
        self._lock = anyio.Lock(fast_acquire=True)
        self._read = 0

    async def next(self) -> tuple[int, Row] | None:
        """The next row and its number. Raises what reading it raised, and nothing comes after that."""
        async with self._lock:
            rows, self._rows = self._rows, None
            if rows is None:
                return None
            request = await anext(rows, None) if isinstance(rows, AsyncIterator) else next(rows, None)
            if request is None:
                return None
            self._rows = rows
            number, self._read = self._read, self._read + 1
            return number, request if isinstance(request, Row) else Row(request)
