"""A bulk run: rows in, outcomes out, in bounded memory."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

import anyio

from kombo_async._chain.server_clock import ServerClock
from kombo_async._prefetch import Prefetch
from kombo_async.bulk._journal import Journal, RowKey
from kombo_async.bulk._outcome import Outcome
from kombo_async.bulk._settings import Settings
from kombo_async.bulk._source import Requests
from kombo_async.bulk._work import Work

if TYPE_CHECKING:
    from kombo_async.client import AsyncKomboClient


class Bulk:
    """A bulk run, to be iterated once: `async for outcome in kombo.bulk(...)`.

    Leaving the loop early, or being cancelled, starts no more rows and gives those in flight `grace` seconds to finish;
    rows that have not finished by then are in doubt, and the next run settles them. With
    `async with kombo.bulk(...) as outcomes`, this is over at the end of the block; without it, the run ends by itself
    soon after.
    """

    def __init__(
        self,
        kombo: AsyncKomboClient,
        requests: Requests,
        journal: Journal,
        settings: Settings,
        *,
        clock: ServerClock,
        address: str,
        integration_id: str | None,
    ) -> None:
        self._work = Work(kombo, requests, journal, settings, clock, address, integration_id)
        # Not the iterator itself: breaking out of the loop drops the iterator, and that ends the run.
        self._outcomes: weakref.ref[_Outcomes] | None = None

    def __aiter__(self) -> AsyncIterator[Outcome]:
        if self._outcomes is not None:
            running = self._outcomes()
            if running is None:
                raise RuntimeError("a bulk run can be iterated only once; start another one")
            return running
        outcomes = _Outcomes(self._work)
        self._outcomes = weakref.ref(outcomes)
        return outcomes

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the run: see the class."""
        self._work.abandon()
        with anyio.CancelScope(shield=True):
            await self._work.wait_for_end()

    @property
    def waiting(self) -> Mapping[RowKey, float]:
        """The rows in doubt that wait for `resend_after` to pass, and for how many more seconds."""
        return self._work.waiting()

    @property
    def is_complete(self) -> bool:
        """Whether every row of the source has an outcome. False if the run was stopped."""
        return self._work.is_complete

    def stop(self) -> None:
        """Start no more rows. The outcomes of rows in flight still come, then the iteration ends."""
        self._work.stop()


class _Outcomes(AsyncIterator[Outcome]):
    """The iterator. The run has its own task, and is abandoned when the iterator is dropped."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._running: Prefetch[None] | None = None
        weakref.finalize(self, work.abandon).atexit = False

    async def __anext__(self) -> Outcome:
        if self._running is None:
            self._work.begin()
            self._running = Prefetch(self._work.run)
        try:
            return await self._work.next()
        except (anyio.EndOfStream, anyio.ClosedResourceError):
            await self._running.result()
            raise StopAsyncIteration from None
        except BaseException:
            self._work.abandon()
            with anyio.CancelScope(shield=True):
                await self._work.wait_for_end()
            raise
