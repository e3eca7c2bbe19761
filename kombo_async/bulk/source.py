"""Where the rows of a bulk run come from: any iterable, or any async one."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Any

import anyio

from kombo_async.bulk.outcome import Row
from kombo_async.request import Request


class Source:
    """Gives rows one by one to several workers, with their numbers from 0; after its end, None each time.

    A plain iterable is read on the event loop's thread, so give an async one if reading a row takes long.
    """

    def __init__(self, requests: Iterable[Request[Any] | Row] | AsyncIterable[Request[Any] | Row]) -> None:
        self._requests = requests
        self._sync: Iterator[Request[Any] | Row] | None = None
        self._async: AsyncIterator[Request[Any] | Row] | None = None
        self._lock = anyio.Lock()
        self._ended = False
        self._read = 0

    async def next(self) -> tuple[int, Row] | None:
        """The next row and its number. Raises what reading it raised, and nothing comes after that."""
        async with self._lock:
            if self._ended:
                return None
            try:
                request = await self._next()
            except (StopIteration, StopAsyncIteration):
                self._ended = True
                return None
            except BaseException:
                self._ended = True
                raise
            number, self._read = self._read, self._read + 1
            return number, request if isinstance(request, Row) else Row(request)

    async def _next(self) -> Request[Any] | Row:
        if self._sync is None and self._async is None:
            if isinstance(self._requests, AsyncIterable):
                self._async = aiter(self._requests)
            else:
                self._sync = iter(self._requests)
        if self._async is not None:
            return await anext(self._async)
        assert self._sync is not None  # noqa: S101 - one of the two was set above
        return next(self._sync)
