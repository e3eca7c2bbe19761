"""Fetch the next result while the caller works on the current one, under asyncio and trio."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import copy_context
from typing import Any, Generic, TypeVar, cast

import anyio

from kombo_async._clock import asyncio_loop

T = TypeVar("T")


class Prefetch(Generic[T]):
    """One result being fetched in its own task.

    A task group cannot enclose the `yield` of an async generator, so this starts a task the event loop's own way.
    """

    def __init__(self, fetch: Callable[[], Awaitable[T]]) -> None:
        self._fetch = fetch
        self._scope = anyio.CancelScope()
        self.done = anyio.Event()
        """Set once it has ended, however it ended."""
        self._result: T | None = None
        self._error: Exception | None = None
        loop = asyncio_loop()
        if loop is None:
            trio: Any = sys.modules["trio"]
            self._call_soon: Callable[[Callable[[], object]], object] = trio.lowlevel.current_trio_token().run_sync_soon
            self._task: Any = trio.lowlevel.spawn_system_task(self._run, context=copy_context())
        else:
            self._call_soon = loop.call_soon_threadsafe
            self._task = loop.create_task(self._run())

    async def _run(self) -> None:
        try:
            with self._scope:
                self._result = await self._fetch()
        except Exception as error:  # raised by `result`
            self._error = error
        finally:
            self.done.set()

    async def result(self) -> T:
        """Wait for the result, or raise what fetching it raised."""
        await self.done.wait()
        if self._error is not None:
            raise self._error
        return cast("T", self._result)  # which may be an exception, too: failures are values

    def cancel(self) -> None:
        """Stop fetching; the result is no longer needed."""
        self._scope.cancel()

    def abandon(self) -> None:
        """`cancel` from wherever the garbage collector runs: another thread, or after the event loop has ended."""
        with suppress(Exception):
            self._call_soon(self._scope.cancel)
