"""Waiting for a place before anything is sent, in fair queues (first come, first served).

- Actions: at most 30 in flight for an integration, Kombo's limit, fewer while other machines use places of the same 30.
- All calls: at most `max_connections` at once.
- After a rate limit's 429: the whole client pauses once, then starts again with one call, two, four, ...
"""

from __future__ import annotations

from typing import Any

from kombo_async._chain.limiter import AdaptiveLimiter, Limiter
from kombo_async._chain.pause import Pause
from kombo_async._clock import Clock
from kombo_async.middleware import Call, Next
from kombo_async.response import Response


class Limits:
    """The step of the chain that waits for places; one for each attempt."""

    def __init__(self, *, clock: Clock, max_connections: int) -> None:
        self._clock = clock
        self.connections = Limiter(max_connections, clock)
        self.pause = Pause(clock)
        self.actions: dict[str, AdaptiveLimiter] = {}

    async def __call__(self, call: Call, call_next: Next) -> Response[Any]:
        """Answer *call* once there is a place for it. Raises `TimedOut` if its deadline passes first."""
        if not call.operation.action or call.integration_id is None:
            return await self._connected(call, call_next)
        limiter = self.actions.get(call.integration_id)
        if limiter is None:
            limiter = self.actions[call.integration_id] = AdaptiveLimiter(self._clock)
        await limiter.acquire(call)
        began_in = limiter.round
        try:
            response = await self._connected(call, call_next)
            limiter.learn(response, began_in)
            return response
        finally:
            limiter.release()

    async def _connected(self, call: Call, call_next: Next) -> Response[Any]:
        """The pause comes last: it holds those, too, that waited for a place when it began."""
        await self.connections.acquire(call)
        try:
            return await self.pause(call, call_next)
        finally:
            self.connections.release()
