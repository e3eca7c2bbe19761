"""Many small writes, one commit: each caller waits only until its own write is durable."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Generic, TypeVar

import anyio
import anyio.lowlevel

from kombo_async.bulk._journal import JournalError

T = TypeVar("T")
R = TypeVar("R")


class _Batch(Generic[T, R]):
    def __init__(self) -> None:
        self.items: list[T] = []
        self.results: Sequence[R] = ()
        self.error: Exception | None = None
        self.traceback: TracebackType | None = None
        """The original traceback. Each caller raises from it, so that the frames of the others do not pile up."""
        self.done = anyio.Event()


class GroupCommit(Generic[T, R]):
    """Collects items during a commit; the next commit takes all of them.

    The first caller of a batch commits it for all, so no background task is needed (or left behind).
    """

    def __init__(self, commit: Callable[[Sequence[T]], Awaitable[Sequence[R]]]) -> None:
        self._commit = commit
        self._batch = _Batch[T, R]()
        self._turn = anyio.Lock(fast_acquire=True)

    async def add(self, item: T) -> R:
        """Commit *item*, together with others that came in, and return its result. Raises what `commit` raised.

        Cancellation does not undo it: it is committed anyway, before anything added later.
        """
        batch, place = self._batch, len(self._batch.items)
        batch.items.append(item)
        if place == 0:
            with anyio.CancelScope(shield=True):
                await self._lead(batch)
        else:
            await batch.done.wait()
        if batch.error is not None:
            raise batch.error.with_traceback(batch.traceback)
        return batch.results[place]

    async def _lead(self, batch: _Batch[T, R]) -> None:
        try:
            async with self._turn:
                await anyio.lowlevel.checkpoint()  # tasks about to add an item join the batch
                self._batch = _Batch[T, R]()
                batch.results = await self._commit(batch.items)
        except Exception as error:  # each caller of the batch raises it
            batch.error, batch.traceback = error, error.__traceback__
        except BaseException:
            batch.error = JournalError("the journal was interrupted during a commit")
            raise
        finally:
            if self._batch is batch:
                self._batch = _Batch[T, R]()
            batch.done.set()
