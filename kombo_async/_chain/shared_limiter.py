"""An integration's limit shared by all processes: each action takes a place from `SharedLimits`."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import anyio
import attrs

from kombo_async._chain.adaptive_limiter import AdaptiveLimiter, Turn, number
from kombo_async._chain.limiter import Limiter, never_sent
from kombo_async._clock import Clock
from kombo_async.middleware import Call
from kombo_async.response import Response

if TYPE_CHECKING:
    from kombo_async.shared_limits import SharedLimits

logger = logging.getLogger("kombo_async")

AWAY = 5.0
"""Seconds without another try after Redis could not be reached: each may take as long as its timeout."""
RELEASE_WITHIN = 2.0
"""Seconds that a response waits at most until its place is given back; after that, the lease of the place ends it."""


class PlaceLost(Exception):
    """The lease of an action's place may have ended before the action was sent; nothing was sent."""


@attrs.frozen
class SharedTurn:
    """One action's turn: its place, or a turn of the client's own limiter while Redis cannot be reached."""

    place: str | None
    own: Turn | None = None


class SharedLimiter:
    """Lets actions of one integration pass as `SharedLimits` grants places; callers in this process queue for them."""

    def __init__(self, shared: SharedLimits, integration_id: str, clock: Clock) -> None:
        self._shared = shared
        self._integration_id = integration_id
        self._clock = clock
        self._asking = Limiter(1, clock)
        self._own = AdaptiveLimiter(clock)
        self._told: int | None = None
        self._away_until = float("-inf")
        self.in_use: int = 0

    @property
    def limit(self) -> float:
        """Kombo's limit as far as it is known."""
        return self._told or self._own.limit

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return self._asking.waiting + self._asking.in_use + self._own.waiting

    async def take_turn(self, call: Call) -> SharedTurn:
        """Wait for a place. Raises `TimedOut` if the deadline of *call* passes first."""
        await self._asking.acquire(call)
        scope = self._clock.until(math.inf if call.deadline is None else call.deadline)
        try:
            if self._clock.time() >= self._away_until:
                with scope:
                    place = await self._shared.acquire(self._integration_id, wanted=self._wanted + 1)
                    self.in_use += 1
                    return SharedTurn(place)
        except Exception as error:
            if not type(error).__module__.startswith("redis"):
                raise
            self._away_until = self._clock.time() + AWAY
            logger.warning("limits are not shared while Redis is unreachable: %s", type(error).__name__)
        finally:
            self._asking.release()
        if scope.cancelled_caught:
            raise never_sent(call, "the deadline passed while it waited for a place")
        own = await self._own.take_turn(call)
        self.in_use += 1
        return SharedTurn(None, own)

    def check(self, turn: SharedTurn, before: Callable[[], None] | None) -> Callable[[], None]:
        """A check to run right before anything is sent: the place still belongs to this process, then *before*."""

        def last_check() -> None:
            if turn.place is not None and not self._shared.holds(self._integration_id, turn.place):
                raise PlaceLost
            if before is not None:
                before()

        return last_check

    async def give_back(self, turn: SharedTurn) -> None:
        """End a turn, even during a cancellation."""
        self.in_use -= 1
        if turn.own is not None:
            self._own.release()
        if turn.place is not None:
            with anyio.move_on_after(RELEASE_WITHIN, shield=True):
                await self._shared.release(self._integration_id, turn.place, wanted=self._wanted)

    async def learn(
        self, response: Response[object], turn: SharedTurn, *, refused: bool, retry_after: float | None = None
    ) -> None:
        """Apply what *response* says about the limit."""
        if turn.own is not None:
            self._own.learn(response, turn.own, refused=refused, retry_after=retry_after)
        told = number(response.raw_response.headers.get("concurrency-limit"))
        if told and told != self._told:
            await self._shared.tell(self._integration_id, told)
            self._told = told

    @property
    def _wanted(self) -> int:
        return self._asking.waiting
