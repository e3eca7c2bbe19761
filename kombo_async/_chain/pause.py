"""The pause of the whole client after a refusal that concerns all calls, and the gentle start after it."""

from __future__ import annotations

from typing import Any

import attrs

from kombo_async._chain.backoff import backoff
from kombo_async._chain.limiter import Limiter, never_sent
from kombo_async._clock import Clock
from kombo_async._codec.codes import Meaning, meaning_of
from kombo_async._codec.retry_after import reset_after
from kombo_async.errors import RateLimited
from kombo_async.middleware import Call, Next
from kombo_async.response import Response

REMEMBERED = 10.0
"""Seconds within which a second integration must be refused to show that the refusals concern all calls."""


@attrs.frozen
class _Refusal:
    """An action's 429, which may concern its integration or all calls."""

    integration_id: str | None
    at: float


class Pause:
    """Holds all calls of a client while it is paused; then lets one go, and one more at a time with each response."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = 0.0
        self._refusals = 0
        self.begun: int = 0
        """How many pauses there have been."""
        self._turns: Limiter | None = None
        self._epoch = 0
        self._refusal: _Refusal | None = None

    @property
    def is_on(self) -> bool:
        """Whether calls are held, or pass one by one after that."""
        return self._turns is not None

    @property
    def seconds(self) -> float:
        """How long the client is still paused."""
        return max(0.0, self._until - self._clock.time())

    async def __call__(self, call: Call, call_next: Next) -> Response[Any]:
        """Answer *call* once the client is not paused. Raises `TimedOut` if its deadline passes before that."""
        turns = self._turns
        if turns is not None:
            self._check(call)
            await turns.acquire(call)
        try:
            began = self._clock.time()
            while began < self._until:
                self._check(call)
                await self._clock.sleep(self._until - began)
                began = self._clock.time()
            epoch = self._epoch
            response = await call_next(call)
            self._learn(call, response, epoch, began)
            return response
        finally:
            if turns is not None:
                turns.release()

    def _check(self, call: Call) -> None:
        if call.deadline is not None and call.deadline < self._until:
            raise never_sent(call, "Kombo's rate limit pauses this client past the deadline")

    def _learn(self, call: Call, response: Response[Any], epoch: int, began: float) -> None:
        if isinstance(response, RateLimited) and meaning_of(response) is Meaning.RATE_LIMIT:
            if self._is_for_all(call):
                asked = response.retry_after
                self._begin(None if asked is None else min(asked, call.retry.max_retry_after), epoch)
            return
        if self._refusal is not None and began >= self._refusal.at:
            self._refusal = None  # other calls get through, so that refusal concerned only its integration
        if epoch == self._epoch:
            self._recover()
        spent = reset_after(response.raw_response.headers)
        if spent is not None:
            self._until = max(self._until, self._clock.time() + min(spent, call.retry.max_retry_after))

    def _is_for_all(self, call: Call) -> bool:
        """Whether a refusal concerns all calls: a read's does, and a second integration's."""
        if not call.operation.action:
            return True
        now, before = self._clock.time(), self._refusal
        if before is not None and before.integration_id != call.integration_id and now - before.at < REMEMBERED:
            return True
        self._refusal = _Refusal(call.integration_id, now)
        return False

    def _recover(self) -> None:
        self._refusals = 0
        if self._turns is not None:
            self._turns.limit += 1
            if not self._turns.waiting:
                self._turns = None

    def _begin(self, retry_after: float | None, epoch: int) -> None:
        """Pause for as long as Kombo asks; if it does not say, longer after each consecutive refusal.

        Calls that were in flight together are refused together: those count as one refusal.
        """
        if epoch == self._epoch:
            self._epoch += 1
            self._refusals += 1
            if retry_after is None:
                retry_after = backoff(self._refusals, initial_delay=1.0, max_delay=30.0, jitter=True)
        if retry_after is not None:
            self._until = max(self._until, self._clock.time() + retry_after)
        if self._turns is None:
            self.begun += 1
            self._turns = Limiter(1, self._clock)
        self._turns.limit = 1
