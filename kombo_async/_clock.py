"""The clock that a client waits by. Tests can use a sandbox's instead, and never wait in real time."""

from __future__ import annotations

import asyncio

import anyio


class Clock:
    """The event loop's monotonic clock, in seconds. All waits and deadlines of a client use it."""

    def time(self) -> float:
        """The current time; only differences are meaningful."""
        try:
            return asyncio.get_running_loop().time()
        except RuntimeError:  # of trio
            return anyio.current_time()

    async def sleep(self, seconds: float) -> None:
        """Wait for *seconds*."""
        await anyio.sleep(seconds)

    def until(self, deadline: float | None) -> anyio.CancelScope:
        """Make a scope that is cancelled once this clock shows *deadline*; None never is."""
        return anyio.CancelScope() if deadline is None else anyio.CancelScope(deadline=deadline)
