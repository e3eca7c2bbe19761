"""The clock that a client waits by; tests put a sandbox's in its place, so that no wait takes real time."""

from __future__ import annotations

import asyncio

import anyio


class Clock:
    """The event loop's monotonic clock, in seconds. Every wait and every deadline of a client goes by it."""

    def time(self) -> float:
        """The time now; only differences mean something."""
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
