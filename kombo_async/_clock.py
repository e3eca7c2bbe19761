"""The clock that a client waits by. Tests can use a sandbox's instead, and never wait in real time."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import anyio

_ENDLESS = nullcontext()
"""Replaces the scope of calls without a deadline, which most are: a scope takes as long as all the rest of a wait."""


def asyncio_loop() -> Any:
    """The running event loop of asyncio; None under trio, also as its guest. Raises `RuntimeError` outside of both.

    Neither is imported for it, which takes long: a program that runs one of them has imported it.
    """
    trio: Any = sys.modules.get("trio")
    if trio is not None and getattr(trio.lowlevel, "in_trio_task", _not_known)():
        return None
    asyncio: Any = sys.modules.get("asyncio")
    if asyncio is not None:
        try:
            return asyncio.get_running_loop()
        except RuntimeError:
            if trio is None:
                raise
    return None


def _not_known() -> bool:
    """Replaces what older versions of trio lack: with those, there must be no event loop of asyncio besides."""
    return False


class Clock:
    """The event loop's monotonic clock, in seconds. All waits and deadlines of a client use it."""

    def time(self) -> float:
        """The current time; only differences are meaningful."""
        loop = asyncio_loop()
        return anyio.current_time() if loop is None else float(loop.time())

    async def sleep(self, seconds: float) -> None:
        """Wait for *seconds*."""
        await anyio.sleep(seconds)

    def until(self, deadline: float) -> anyio.CancelScope:
        """Make a scope that is cancelled once this clock shows *deadline*."""
        return anyio.CancelScope(deadline=deadline)

    def within(self, deadline: float | None) -> AbstractContextManager[object]:
        """The same for a call's *deadline*; None never passes."""
        return _ENDLESS if deadline is None else self.until(deadline)
