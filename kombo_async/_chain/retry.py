"""Retries: only of calls that were definitely not performed, or that are safe to repeat."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import attrs

from kombo_async._chain.backoff import backoff
from kombo_async._clock import Clock
from kombo_async._codec.codes import meaning_of
from kombo_async._codec.retry_after import asked_to_wait
from kombo_async.errors import Failure, KomboError, NoResponse, RateLimited, SyncPending
from kombo_async.middleware import Call, Next
from kombo_async.options import RetryPolicy, Waiting
from kombo_async.request import Operation
from kombo_async.response import Response, Success

SHORTEST_WAIT_FOR_SYNC = 0.1
"""The shortest wait between two tries during a first sync, whatever the policy or `Retry-After`: syncs take long."""


def may_repeat(failure: KomboError, operation: Operation, policy: RetryPolicy) -> bool:
    """Whether a call that failed like this can be repeated without doing anything twice."""
    harmless = operation.idempotent or policy.retry_ambiguous
    match failure:
        case NoResponse(sent=sent):
            return harmless or not sent
        case Failure():
            meaning = meaning_of(failure)
            return meaning.turned_away or (harmless and meaning.passing)
        case _:
            return False


class Budget:
    """Keeps retries to about a tenth of all calls while Kombo is failing, to avoid adding load.

    A token bucket, as in well-known SDKs: each call adds a tenth of a token, each retry takes one.
    """

    def __init__(self, capacity: float = 20.0, earned: float = 0.1) -> None:
        self._capacity = capacity
        self._earned = earned
        self._tokens = capacity

    def earn(self) -> None:
        """Add what one call earns."""
        self._tokens = min(self._capacity, self._tokens + self._earned)

    def spend(self) -> bool:
        """Take a token for a retry, if there is one."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


@attrs.define
class _Retries:
    """The attempts of one call so far."""

    made: int = 0
    """Retries, except those that waited for the first sync."""
    polls: int = 0
    """Retries that waited for the first sync."""
    waited: float = 0.0
    """Seconds waited for the first sync."""
    sent: bool = False
    may_have_applied: bool = False

    def note(self, failure: Failure | NoResponse) -> None:
        """Keep what a later attempt must not hide."""
        self.sent |= not isinstance(failure, NoResponse) or failure.sent
        self.may_have_applied |= failure.may_have_applied


@attrs.frozen
class Retry:
    """The step of the chain that makes a call's attempts."""

    budget: Budget = attrs.field(factory=Budget)
    rand: Callable[[], float] = random.random
    clock: Clock = attrs.field(factory=Clock)

    async def __call__(self, call: Call, call_next: Next) -> Response[Any]:
        """Return or raise the outcome of the last attempt of *call*; at once if it must not be repeated."""
        self.budget.earn()
        retries = _Retries()
        while True:
            failure: Failure | NoResponse
            try:
                response = await call_next(call)
            except NoResponse as error:
                failure = error
            else:
                if isinstance(response, Success):
                    return response
                failure = response
            retries.note(failure)
            seconds = self._next_wait(failure, call, retries)
            if seconds is None or not await self._wait(seconds, failure, call, retries):
                return _final(failure, retries)
            call = attrs.evolve(call, attempt=call.attempt + 1)

    def _next_wait(self, failure: Failure | NoResponse, call: Call, retries: _Retries) -> float | None:
        """Seconds until the next attempt, or None for no further attempt."""
        policy = call.retry
        never_begun = failure.attempts < call.attempt  # the deadline passed while it waited for a place
        if never_begun or not may_repeat(failure, call.operation, policy):
            return None
        asked = asked_to_wait(failure.raw_response.headers) if isinstance(failure, Failure) else None
        if isinstance(failure, SyncPending):
            seconds = self._until_next_look(policy, retries, asked)
        elif retries.made + 1 >= policy.attempts or (asked is not None and asked > policy.max_retry_after):
            return None
        elif asked is not None:
            seconds = asked
        else:
            seconds = self._backoff(policy, retries.made + 1, jitter=policy.jitter)
        if seconds is None or (call.deadline is not None and self.clock.time() + seconds > call.deadline):
            return None
        if not isinstance(failure, SyncPending | RateLimited) and not self.budget.spend():
            return None
        return seconds

    def _backoff(self, policy: RetryPolicy, retry: int, *, jitter: bool) -> float:
        return backoff(
            retry, initial_delay=policy.initial_delay, max_delay=policy.max_delay, jitter=jitter, rand=self.rand
        )

    def _until_next_look(self, policy: RetryPolicy, retries: _Retries, asked: float | None) -> float | None:
        """Seconds until the next try during a first sync: longer and longer, within `sync_wait`."""
        left = policy.sync_wait - retries.waited
        if left <= 0 or (asked is not None and asked > left):
            return None
        if asked:
            return max(asked, SHORTEST_WAIT_FOR_SYNC)
        whole = self._backoff(policy, retries.polls + 1, jitter=False)
        seconds = whole * (1 - self.rand() / 2) if policy.jitter else whole
        return min(left, max(seconds, SHORTEST_WAIT_FOR_SYNC))

    async def _wait(self, seconds: float, failure: Failure | NoResponse, call: Call, retries: _Retries) -> bool:
        """Wait before the next attempt; False if `on_wait` took so long that the deadline has passed."""
        start = self.clock.time()
        waiting = Waiting(
            failure=failure,
            operation=call.operation,
            integration_id=call.integration_id,
            attempt=call.attempt,
            seconds=seconds,
            waited=retries.waited,
        )
        if isinstance(failure, SyncPending):
            retries.polls += 1
            retries.waited += seconds
        else:
            retries.made += 1
        with self.clock.within(call.deadline):
            told = call.retry.on_wait(waiting) if call.retry.on_wait is not None else None
            if told is not None:
                await told
                seconds = max(0.0, start + seconds - self.clock.time())
            await self.clock.sleep(seconds)
            return True
        return False


def _final(failure: Any, retries: _Retries) -> Response[Any]:
    """The final result: it still says what an earlier attempt may have done, even after a clear failure."""
    if retries.may_have_applied and not failure.may_have_applied:
        failure = failure.evolve(may_have_applied=True)
    if isinstance(failure, NoResponse):
        raise failure if failure.sent == retries.sent else failure.evolve(sent=retries.sent)
    response: Response[Any] = failure
    return response
