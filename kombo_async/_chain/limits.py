"""Waiting before anything is sent, in fair queues.

- Actions of an integration: as many at once as its share of Kombo's limit, first come, first served.
- All calls: at most `max_connections` at once; reads never wait behind actions, and integrations take turns.
- After a refusal that concerns all calls, the whole client pauses once, then starts with one call, two, four, ...

Kombo does not always say what a refusal applies to. A 429 on an action is first taken as its integration's limit. The
whole client pauses only if a second integration is refused while nothing gets through, or if a read is refused. If
Kombo counts all requests of an account together, that costs one more refusal before the pause; the other way round, one
busy customer would stop all others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from kombo_async._chain.adaptive_limiter import AdaptiveLimiter
from kombo_async._chain.connection_limiter import ConnectionLimiter
from kombo_async._chain.pause import Pause
from kombo_async._chain.shared_limiter import PlaceLost, SharedLimiter
from kombo_async._clock import Clock
from kombo_async._codec.codes import Meaning, meaning_of
from kombo_async.errors import Failure, RateLimited
from kombo_async.middleware import Call, Next
from kombo_async.response import Response
from kombo_async.status import ActionStatus, ClientStatus

if TYPE_CHECKING:
    from kombo_async.shared_limits import SharedLimits


class Limits:
    """The step of the chain that waits for a turn; once for each attempt."""

    def __init__(self, *, clock: Clock, max_connections: int, shared: SharedLimits | None = None) -> None:
        self._clock = clock
        self._shared = shared
        self.connections = ConnectionLimiter(max_connections, clock)
        self.pause = Pause(clock)
        self.actions: dict[str, AdaptiveLimiter] = {}
        self.shared_actions: dict[str, SharedLimiter] = {}

    async def __call__(self, call: Call, call_next: Next) -> Response[Any]:
        """Answer *call* when it is its turn. Raises `TimedOut` if its deadline passes first."""
        if not call.operation.action or call.integration_id is None:
            return await self._connected(call, call_next)
        if self._shared is not None:
            return await self._in_shared_place(call, call.integration_id, self._shared, call_next)
        limiter = self.actions.get(call.integration_id)
        if limiter is None:
            limiter = self.actions[call.integration_id] = AdaptiveLimiter(self._clock)
        turn = await limiter.take_turn(call)
        try:
            response = await self._connected(call, call_next)
            refused = isinstance(response, Failure) and meaning_of(response).is_limit
            limiter.learn(response, turn, refused=refused, retry_after=_rest(response, call) if refused else None)
            return response
        finally:
            limiter.release()

    def status(self) -> ClientStatus:
        """How many calls wait here, and how many have passed."""
        limiters: dict[str, AdaptiveLimiter | SharedLimiter] = {**self.actions, **self.shared_actions}
        return ClientStatus(
            in_flight=self.connections.in_use,
            waiting=self.connections.waiting,
            max_connections=self.connections.limit,
            paused=self.pause.is_on,
            pauses=self.pause.begun,
            actions={
                name: ActionStatus(in_flight=each.in_use, waiting=each.waiting, limit=each.limit)
                for name, each in limiters.items()
            },
        )

    async def _in_shared_place(
        self, call: Call, integration_id: str, shared: SharedLimits, call_next: Next
    ) -> Response[Any]:
        limiter = self.shared_actions.get(integration_id)
        if limiter is None:
            limiter = self.shared_actions[integration_id] = SharedLimiter(shared, integration_id, self._clock)
        while True:
            turn = await limiter.take_turn(call)
            try:
                checked = attrs.evolve(call, before_write=limiter.check(turn, call.before_write))
                response = await self._connected(checked, call_next)
                refused = isinstance(response, Failure) and meaning_of(response).is_limit
                rest = _rest(response, call) if refused else None
                await limiter.learn(response, turn, refused=refused, retry_after=rest)
                return response
            except PlaceLost:
                pass  # this process was paused for longer than its lease: wait for another place
            finally:
                await limiter.give_back(turn)

    async def _connected(self, call: Call, call_next: Next) -> Response[Any]:
        """The pause comes last, to hold also the calls that were waiting when it began."""
        await self.connections.acquire(call)
        try:
            return await self.pause(call, call_next)
        finally:
            self.connections.release(call)


def _rest(response: Response[Any], call: Call) -> float | None:
    """How long an integration rests after a refusal, in seconds; a concurrency limit ends with the next response."""
    if not isinstance(response, RateLimited) or meaning_of(response) is Meaning.CONCURRENCY_LIMIT:
        return None
    return None if response.retry_after is None else min(response.retry_after, call.retry.max_retry_after)
