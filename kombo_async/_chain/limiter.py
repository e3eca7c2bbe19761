"""Limiters: so many calls at once, first come, first served."""

from __future__ import annotations

from collections import deque

import anyio

from kombo_async._chain.backoff import backoff
from kombo_async._clock import Clock
from kombo_async._codec.codes import CONCURRENCY_LIMIT
from kombo_async.errors import RateLimited, TimedOut
from kombo_async.middleware import Call
from kombo_async.response import Response

ACTIONS_AT_ONCE = 30
"""How many actions Kombo lets run at once for an integration, over all machines of a customer (since 2026-03-20)."""
FIRST_ACTIONS = 4
"""How many of them a client begins with, as it cannot know how many places others have taken."""
REST, LONGEST_REST = 0.1, 5.0
"""Seconds that a client sends no action after a refusal: at most after one, and after many in a row."""
KEPT_OF_REFUSED = 0.8
"""What is left of a client's places after a refusal."""


class Limiter:
    """Lets *limit* calls pass at once, first come, first served."""

    def __init__(self, limit: float, clock: Clock) -> None:
        self.limit: float = limit
        self._clock = clock
        self.taken: int = 0
        self._queue: deque[anyio.Event] = deque()

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return len(self._queue)

    async def acquire(self, call: Call) -> None:
        """Wait for a place. Raises `TimedOut` if the call's deadline passes first."""
        if not self._queue and self.taken < int(self.limit):
            self.taken += 1
            return
        turn = anyio.Event()
        self._queue.append(turn)
        try:
            with self._clock.until(call.deadline):
                await turn.wait()
        except BaseException:
            self._give_up(turn)
            raise
        if not turn.is_set():
            self._give_up(turn)
            raise never_sent(call, "its deadline passed while it waited for a place")

    def _give_up(self, turn: anyio.Event) -> None:
        """Stop waiting; a place that came at the very moment of a cancellation goes to the next one."""
        if turn.is_set():
            self.release()
        else:
            self._queue.remove(turn)

    def resize(self, limit: float) -> None:
        """Have *limit* places from now on; nobody loses one."""
        self.limit = limit

    def release(self) -> None:
        """Give the place back."""
        self.taken -= 1
        self.admit()

    def admit(self) -> None:
        """Let in whoever there is a place for."""
        while self._queue and self.taken < int(self.limit):
            self.taken += 1
            self._queue.popleft().set()


class AdaptiveLimiter(Limiter):
    """The places for actions of one integration; how many there are is learnt from Kombo's answers.

    After each round, that is as many answers as there are places, a client claims of what nobody has used in all of
    the round, by `Concurrency-Remaining`: as much as it has, and after the first refusal, which shows that it is not
    alone, only its share. So those that share the 30 fill them in a few rounds, and hardly ever claim one place twice.
    Where the header is missing: one more place for each answer until the first refusal, from then on one more a round.
    A refusal costs a fifth of the places, once for all calls that were in flight then.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__(FIRST_ACTIONS, clock)
        self.round: int = 0
        """Counts the refusals that were heeded; a call remembers which it began in."""
        self._refusals = 0
        self._rest_until = 0.0
        self._begin_round()

    async def acquire(self, call: Call) -> None:
        """Wait for a place, and for the rest after a refusal: else the next in the queue would be refused at once.

        Raises `TimedOut` if the call's deadline passes first.
        """
        await super().acquire(call)
        try:
            while (seconds := self._rest_until - self._clock.time()) > 0:
                if call.deadline is not None and call.deadline < self._rest_until:
                    raise never_sent(call, "its deadline passes before Kombo has places again")
                await self._clock.sleep(seconds)
        except BaseException:
            self.release()
            raise

    def _begin_round(self) -> None:
        self._answers = 0
        self._spare = ACTIONS_AT_ONCE

    def learn(self, response: Response[object], began_in: int) -> None:
        """Adapt to what Kombo answered to a call that began in the round *began_in*."""
        if isinstance(response, RateLimited):
            if response.code == CONCURRENCY_LIMIT and began_in == self.round:
                self.round += 1
                self.resize(max(1.0, self.limit * KEPT_OF_REFUSED))
                self._refusals += 1
                seconds = backoff(self._refusals, initial_delay=REST, max_delay=LONGEST_REST, jitter=True)
                self._rest_until = self._clock.time() + seconds
                self._begin_round()
            return
        self._refusals = 0
        remaining = _remaining(response)
        if remaining is None:
            self._grow(1 / self.limit if self.round else 1.0)
            return
        self._answers += 1
        self._spare = min(self._spare, remaining - 1)  # the answered call's own place is not a spare one
        if self._answers >= int(self.limit):
            spare = max(0, self._spare)
            self._grow(spare * self.limit / ACTIONS_AT_ONCE if self.round else min(self.limit, spare))
            self._begin_round()

    def _grow(self, more: float) -> None:
        self.resize(min(float(ACTIONS_AT_ONCE), self.limit + more))


def _remaining(response: Response[object]) -> int | None:
    """`Concurrency-Remaining`: how many more actions Kombo would take right now."""
    value = response.raw_response.headers.get("concurrency-remaining", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 6 else None


def never_sent(call: Call, why: str) -> TimedOut:
    """The failure of a call that ended before anything of this attempt was sent."""
    return TimedOut(message=f"{call.operation.id} was not sent: {why}", sent=False, attempts=call.attempt - 1)
