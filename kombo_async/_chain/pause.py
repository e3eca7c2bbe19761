"""The pause of the whole client after a rate limit's 429, and the gentle start after it."""

from __future__ import annotations

from typing import Any

from kombo_async._chain.backoff import backoff
from kombo_async._chain.limiter import Limiter, never_sent
from kombo_async._clock import Clock
from kombo_async._codec.codes import Meaning, meaning_of
from kombo_async.errors import RateLimited
from kombo_async.middleware import Call, Next
from kombo_async.response import Response


class Pause:
    """Holds all calls of a client while it is paused; then lets one go, and with each answer one more at a time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = 0.0
        self._refusals = 0
        self._turns: Limiter | None = None
        self._round = 0

    async def __call__(self, call: Call, call_next: Next) -> Response[Any]:
        """Answer *call* once the client is not paused. Raises `TimedOut` if its deadline passes before that."""
        turns = self._turns
        if turns is not None:
            self._check(call)
            await turns.acquire(call)
        try:
            while (seconds := self._until - self._clock.time()) > 0:
                self._check(call)
                await self._clock.sleep(seconds)
            began_in = self._round
            response = await call_next(call)
            self._learn(call, response, began_in)
            return response
        finally:
            if turns is not None:
                turns.release()

    def _check(self, call: Call) -> None:
        if call.deadline is not None and call.deadline < self._until:
            raise never_sent(call, "Kombo's rate limit pauses this client for longer than its deadline")

    def _learn(self, call: Call, response: Response[Any], began_in: int) -> None:
        if isinstance(response, RateLimited) and meaning_of(response) is Meaning.RATE_LIMIT:
            asked = response.retry_after
            self._begin(None if asked is None else min(asked, call.retry.max_retry_after), began_in)
        elif began_in == self._round:
            self._refusals = 0
            if self._turns is not None:
                self._turns.limit += 1
                if not self._turns.waiting:
                    self._turns = None

    def _begin(self, retry_after: float | None, began_in: int) -> None:
        """Pause as long as Kombo asks for; where it does not say, longer at each refusal in a row.

        Calls that were in flight together are refused together: those count as one refusal.
        """
        if began_in == self._round:
            self._round += 1
            self._refusals += 1
            if retry_after is None:
                retry_after = backoff(self._refusals, initial_delay=1.0, max_delay=30.0, jitter=True)
        if retry_after is not None:
            self._until = max(self._until, self._clock.time() + retry_after)
        if self._turns is None:
            self._turns = Limiter(1, self._clock)
        self._turns.limit = 1
