"""Where the rows of a bulk run come from, and in which order they are taken.

One task iterates the source, which may therefore hold task-bound resources, and closes it at the end. It is read ahead
only as far as that helps: while all rows read so far belong to busy integrations. Input sorted by integration thus runs
about as fast as mixed input.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Generator,
    Hashable,
    Iterable,
    Iterator,
)
from math import inf
from typing import Any, TypeAlias, cast

import anyio
import anyio.lowlevel

from kombo_async.bulk._outcome import Row
from kombo_async.request import Request

Requests: TypeAlias = Iterable[Request[Any] | Row] | AsyncIterable[Request[Any] | Row]

LOOK_AHEAD = 2_000
"""The most rows to read ahead while earlier ones wait for their integration."""
AT_ONCE = 50
"""After this many rows of a plain iterable, other tasks get a turn."""

_End = type("_End", (), {})
_END = _End()


class Source:
    """Hands rows to several workers, numbered from 0; after the end, always None.

    Args:
        requests: The rows; a plain iterable is read on the event loop's thread.
        lane_of: The lane of a row, such as its integration: rows of one lane wait for the same places.
        is_busy: Whether more rows of a lane would have to wait, given how many are in progress.
        ordered: Whether the order of the rows matters: then they are taken as they come.
    """

    def __init__(
        self,
        requests: Requests,
        lane_of: Callable[[Row], Hashable],
        is_busy: Callable[[Hashable, int], bool],
        *,
        ordered: bool,
    ) -> None:
        self._rows: Iterator[Request[Any] | Row] | AsyncIterator[Request[Any] | Row] = (
            aiter(requests) if isinstance(requests, AsyncIterable) else iter(requests)
        )
        self._lane_of = lane_of
        self._is_busy = is_busy
        self._ordered = ordered
        self._queues: dict[Hashable, deque[tuple[int, Row]]] = {}
        self._ready: OrderedDict[Hashable, None] = OrderedDict()
        """The lanes that have rows waiting, and are not busy; they take turns."""
        self._under_way: Counter[Hashable] = Counter()
        self._waiting: deque[anyio.Event] = deque()
        self._wanted = anyio.Event()
        self._read = 0
        self._queued = 0
        self._ended = False
        self._is_read = self._is_stopped = False
        """Whether the source has ended, and whether it was cut short."""
        self._error: Exception | None = None

    @property
    def is_exhausted(self) -> bool:
        """Whether all rows were read and taken."""
        return self._is_read and self._error is None and not self._is_stopped

    async def run(self) -> None:
        """Iterate the source while rows are wanted, until its end or `stop`. Run this in its own task."""
        try:
            while not self._ended:
                if self._is_wanted():
                    await self._step()
                else:
                    self._wanted = anyio.Event()
                    await self._wanted.wait()
        finally:
            self._ended = True
            with anyio.CancelScope(shield=True):
                await self._close()

    async def next(self) -> tuple[int, Row] | None:
        """The next row and its number. Raises what reading it raised, once all earlier rows are taken."""
        while True:
            taken = self._take()
            if taken is not None:
                return taken
            if self._ended and not self._queued:
                if self._error is not None:
                    error, self._error = self._error, None
                    raise error
                return None
            turn = anyio.Event()
            self._waiting.append(turn)
            self._wanted.set()
            try:
                await turn.wait()
            except BaseException:
                if turn.is_set():
                    self._wake()
                else:
                    self._waiting.remove(turn)
                raise

    def left(self, row: Row) -> None:
        """Note that a row that was taken has ended."""
        lane = self._lane_of(row)
        self._under_way[lane] -= 1
        if not self._under_way[lane]:
            del self._under_way[lane]
        self._look_at(lane)
        if not self._under_way and self._queued and not self._ready:
            self._wake()

    def look_again(self) -> None:
        """Check again which lanes are busy."""
        for lane in self._queues:
            self._look_at(lane)

    def end(self) -> None:
        """Stop iterating the source: no more rows are needed."""
        self._ended = True
        self._wanted.set()

    def stop(self) -> None:
        """Hand out no more rows."""
        self._is_stopped = True
        self._ended = True
        self._queues.clear()
        self._ready.clear()
        self._queued = 0
        self._wanted.set()
        self._wake_all()

    def _is_wanted(self) -> bool:
        return bool(self._waiting) and self._queued < LOOK_AHEAD

    async def _step(self) -> None:
        try:
            if isinstance(self._rows, AsyncIterator):
                request = await anext(self._rows, _END)
            else:
                request = next(self._rows, _END)
                if self._read % AT_ONCE == AT_ONCE - 1:
                    await anyio.lowlevel.checkpoint()
        except StopAsyncIteration as error:  # if it escaped, the iteration would simply end
            self._break_off(RuntimeError("the source of requests raised StopAsyncIteration"), error)
        except Exception as error:
            self._break_off(error)
        except anyio.get_cancelled_exc_class() as error:
            if anyio.current_effective_deadline() == -inf:
                raise  # the run itself is cancelled
            self._break_off(RuntimeError("the source of requests was cancelled, or what it waited for"), error)
        else:
            self._take_in(request)

    def _take_in(self, item: object) -> None:
        """Keep an item of the source after checking its type."""
        request: Any = item.request if isinstance(item, Row) else item
        if isinstance(item, _End):
            self._ended = self._is_read = True
            self._wake_all()
        elif not isinstance(request, Request):
            kind = type(request).__name__
            self._break_off(
                TypeError(
                    f"requests: the item at index {self._read} must be a request, or a bulk.Row with a request, "
                    f"not a value of type {kind}"
                )
            )
        elif not self._ended:
            self._put(item if isinstance(item, Row) else Row(cast("Any", request)))

    def _break_off(self, error: Exception, cause: BaseException | None = None) -> None:
        """End the source with *error*, which is raised to the next worker that asks."""
        if cause is not None:
            error.__cause__ = cause
        self._error = error
        self._ended = self._is_read = True
        self._wake_all()

    def _put(self, row: Row) -> None:
        lane = self._lane_of(row)
        queue = self._queues.setdefault(lane, deque())
        queue.append((self._read, row))
        self._read += 1
        self._queued += 1
        if lane in self._ready or self._queued >= LOOK_AHEAD:
            self._wake()
        else:
            self._look_at(lane)

    def _look_at(self, lane: Hashable) -> None:
        """Note whether rows of this lane can be taken now, and wake waiting workers."""
        if lane not in self._queues or lane in self._ready:
            return
        if self._ordered or not self._is_busy(lane, self._under_way[lane]):
            self._ready[lane] = None
            self._wake()

    def _take(self) -> tuple[int, Row] | None:
        if self._ordered and self._ready:
            lane = min(self._ready, key=lambda each: self._queues[each][0][0])
        elif self._ready:
            lane = next(iter(self._ready))
        elif self._queued >= LOOK_AHEAD or (self._queued and not self._under_way):
            lane = next(iter(self._queues))  # do not wait: it may never change
        else:
            return None
        return self._pop(lane)

    def _pop(self, lane: Hashable) -> tuple[int, Row]:
        queue = self._queues[lane]
        taken = queue.popleft()
        self._queued -= 1
        self._under_way[lane] += 1
        self._ready.pop(lane, None)
        if not queue:
            del self._queues[lane]
        else:
            self._look_at(lane)
        if self._ended and not self._queued:
            self._wake_all()
        return taken

    def _wake(self) -> None:
        if self._waiting:
            self._waiting.popleft().set()

    def _wake_all(self) -> None:
        while self._waiting:
            self._waiting.popleft().set()

    async def _close(self) -> None:
        rows: Any = self._rows
        if isinstance(rows, AsyncGenerator):
            await rows.aclose()
        elif isinstance(rows, Generator):
            rows.close()
