"""Waiting for a place before anything is sent, in fair queues (first come, first served).

- Actions: at most 30 in flight for an integration, Kombo's limit, fewer while other machines use places of the same 30.
- All calls: at most `max_connections` at once.
- After a rate limit's 429: the whole client pauses once, then starts again with one call, two, four, ...
"""

from __future__ import annotations

from collections import deque
from typing import Any

import anyio
import attrs

from kombo_async.backoff import backoff
from kombo_async.codes import CONCURRENCY_LIMIT
from kombo_async.errors import RateLimited, TimedOut
from kombo_async.middleware import Call, Next
from kombo_async.response import Response, Success

ACTIONS_AT_ONCE = 30
"""How many actions Kombo lets run at once for an integration, over all machines of a customer (since 2026-03-20)."""
FIRST_ACTIONS = 8
"""How many of them a client begins with, as it cannot know how many places others have taken."""


class Places:
    """A number of places, taken in the order in which they were asked for."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.taken = 0
        self._queue: deque[anyio.Event] = deque()

    @property
    def idle(self) -> bool:
        """Whether nobody has a place or waits for one."""
        return not self.taken and not self._queue

    async def take(self, call: Call) -> None:
        """Wait for a place. Raises `TimedOut` if the call's deadline passes first."""
        if not self._queue and self.taken < int(self.limit):
            self.taken += 1
            return
        turn = anyio.Event()
        self._queue.append(turn)
        deadline = float("inf") if call.deadline is None else call.deadline
        try:
            with anyio.CancelScope(deadline=deadline):
                await turn.wait()
        finally:
            if not turn.is_set():
                self._queue.remove(turn)
        if not turn.is_set():
            raise never_sent(call, "its deadline passed while it waited for a place")

    def leave(self) -> None:
        """Give the place back."""
        self.taken -= 1
        self.admit()

    def admit(self) -> None:
        """Let in whoever there is a place for."""
        while self._queue and self.taken < int(self.limit):
            self.taken += 1
            self._queue.popleft().set()


class ActionPlaces(Places):
    """The places for actions of one integration; how many there are is learnt from Kombo's answers.

    More by one for each answer while places remain (`Concurrency-Remaining`), until the first refusal; from then on
    by one for each round. Fewer by a third at a refusal, and only once for all calls that were in flight then.
    """

    def __init__(self) -> None:
        super().__init__(FIRST_ACTIONS)
        self._round = 0
        self._refused = False

    @property
    def round(self) -> int:
        """Counts the refusals that were heeded; a call remembers which it began in."""
        return self._round

    def learn(self, response: Response[Any], began_in: int) -> None:
        """Adapt to what Kombo answered to a call that began in the round *began_in*."""
        if isinstance(response, RateLimited):
            if response.code == CONCURRENCY_LIMIT and began_in == self._round:
                self.limit = max(1.0, self.limit * 2 / 3)
                self._round += 1
                self._refused = True
            return
        remaining = response.raw_response.headers.get("concurrency-remaining", "")
        if not remaining.isdigit() or int(remaining) > 0:
            self.limit = min(float(ACTIONS_AT_ONCE), self.limit + (1 / self.limit if self._refused else 1))


class Pause:
    """Holds the whole client after a rate limit's 429."""

    def __init__(self) -> None:
        self._until = 0.0
        self._refusals = 0
        self._places: Places | None = None

    def begin(self, response: RateLimited) -> None:
        """Pause as long as *response* asks for, or, where it does not say, longer at each refusal in a row."""
        self._refusals += 1
        seconds = response.retry_after
        if seconds is None:
            seconds = backoff(self._refusals, initial=1.0, maximum=30.0, jitter=True)
        self._until = max(self._until, anyio.current_time() + seconds)
        if self._places is None:
            self._places = Places(1)
        self._places.limit = 1

    async def wait(self, call: Call) -> Places | None:
        """Wait until the pause is over, and for a turn after it; gives the place to leave in the end."""
        places = self._places
        if places is None:
            return None
        if call.deadline is not None and call.deadline < self._until:
            raise never_sent(call, "Kombo's rate limit pauses this client for longer than its deadline")
        await places.take(call)
        try:
            while (seconds := self._until - anyio.current_time()) > 0:
                if call.deadline is not None and call.deadline < self._until:
                    raise never_sent(call, "Kombo's rate limit pauses this client for longer than its deadline")
                await anyio.sleep(seconds)
        except BaseException:
            places.leave()
            raise
        return places

    def went_well(self, places: Places) -> None:
        """Let one more call in at a time; with nobody left to wait, the pause is over."""
        self._refusals = 0
        places.limit += 1
        if self._places is places and places.taken <= 1 and places.limit > places.taken:
            self._places = None


def never_sent(call: Call, why: str) -> TimedOut:
    """The failure of a call that ended before anything of it was sent."""
    return TimedOut(message=f"{call.operation.id} was not sent: {why}", sent=False, attempts=call.attempt - 1)


@attrs.define
class Limits:
    """The step of the chain that waits for places; one for each attempt."""

    connections: Places
    pause: Pause = attrs.field(factory=Pause)
    actions: dict[str, ActionPlaces] = attrs.field(factory=dict[str, ActionPlaces])

    async def __call__(self, call: Call, call_next: Next) -> Response[Any]:
        """Answer *call* once there is a place for it. Raises `TimedOut` if its deadline passes first."""
        resumed = await self.pause.wait(call)
        try:
            if call.operation.action and call.integration_id is not None:
                response = await self._action(call, call.integration_id, call_next)
            else:
                response = await self._connected(call, call_next)
            if isinstance(response, RateLimited) and _is_rate_limit(response):
                self.pause.begin(response)
            elif resumed is not None and isinstance(response, Success):
                self.pause.went_well(resumed)
            return response
        finally:
            if resumed is not None:
                resumed.leave()

    async def _action(self, call: Call, integration_id: str, call_next: Next) -> Response[Any]:
        places = self.actions.get(integration_id)
        if places is None:
            places = self.actions[integration_id] = ActionPlaces()
        await places.take(call)
        began_in = places.round
        try:
            response = await self._connected(call, call_next)
            places.learn(response, began_in)
            return response
        finally:
            places.leave()

    async def _connected(self, call: Call, call_next: Next) -> Response[Any]:
        await self.connections.take(call)
        try:
            return await call_next(call)
        finally:
            self.connections.leave()


def _is_rate_limit(response: RateLimited) -> bool:
    return response.code != CONCURRENCY_LIMIT and (response.code is None or response.code.startswith("PLATFORM."))
