"""Trying again: only what was surely not done, or what may be done twice without harm."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import attrs

from kombo_async.backoff import backoff, retry_after
from kombo_async.codes import unclear
from kombo_async.errors import Failure, KomboError, NoResponse, RateLimited, SyncPending
from kombo_async.middleware import Call, Next
from kombo_async.options import RetryPolicy, Waiting
from kombo_async.request import Operation
from kombo_async.response import Response, Success


def may_repeat(failure: KomboError, operation: Operation, policy: RetryPolicy) -> bool:
    """Whether a call that failed like this may be made again without doing anything twice."""
    harmless = operation.idempotent or policy.repeat_unclear
    match failure:
        case SyncPending():
            return True
        case RateLimited(code=code) if code is None or code.startswith("PLATFORM."):
            return True
        case NoResponse(sent=sent):
            return harmless or not sent
        case Failure(status_code=status, code=code):
            return harmless and unclear(status, code)
        case _:
            return False


class Budget:
    """Keeps retries to about a tenth of all calls while Kombo is failing, so that they do not add to its trouble.

    A token bucket as in the well-known SDKs: each call puts in a tenth of a token, each retry takes one.
    """

    def __init__(self, capacity: float = 20.0, earned: float = 0.1) -> None:
        self._capacity = capacity
        self._earned = earned
        self._tokens = capacity

    def earn(self) -> None:
        """Put in what one call earns."""
        self._tokens = min(self._capacity, self._tokens + self._earned)

    def spend(self) -> bool:
        """Take the token for a retry, if there is one."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


@attrs.define
class _Retries:
    """What one call has come to so far."""

    made: int = 0
    """Retries, those that waited for the first sync not counted."""
    polls: int = 0
    """Retries that waited for the first sync."""
    waited: float = 0.0
    """Seconds waited for the first sync."""
    may_have_applied: bool = False


@attrs.frozen
class Retry:
    """The step of the chain that makes a call's attempts."""

    budget: Budget = attrs.field(factory=Budget)
    rand: Callable[[], float] = random.random
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep

    async def __call__(self, call: Call, call_next: Next) -> Response[Any]:
        """Answer *call* with what its last attempt came to; returns (or raises) at once what must not be repeated."""
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
            retries.may_have_applied |= failure.may_have_applied
            seconds = self._next_wait(failure, call, retries)
            if seconds is None:
                return _final(failure, retries)
            await self._wait(seconds, failure, call, retries)
            call = attrs.evolve(call, attempt=call.attempt + 1)

    def _next_wait(self, failure: KomboError, call: Call, retries: _Retries) -> float | None:
        """Seconds until the next attempt, None where there is to be none."""
        policy = call.retry
        if not may_repeat(failure, call.operation, policy):
            return None
        asked = retry_after(failure.raw_response.headers.get("retry-after")) if isinstance(failure, Failure) else None
        if isinstance(failure, SyncPending):
            seconds = self._poll(policy, retries, asked)
        elif retries.made + 1 < policy.attempts:
            seconds = asked if asked is not None else self._backoff(policy, retries.made + 1)
            if asked is not None and asked > policy.longest_retry_after:
                return None
        else:
            return None
        if seconds is None or (call.deadline is not None and anyio.current_time() + seconds > call.deadline):
            return None
        if not isinstance(failure, SyncPending | RateLimited) and not self.budget.spend():
            return None
        return seconds

    def _backoff(self, policy: RetryPolicy, retry: int) -> float:
        return backoff(retry, initial=policy.initial, maximum=policy.maximum, jitter=policy.jitter, rand=self.rand)

    def _poll(self, policy: RetryPolicy, retries: _Retries, asked: float | None) -> float | None:
        """Seconds until the next look whether the first sync is over: a longer and longer time, within `sync_wait`."""
        left = policy.sync_wait - retries.waited
        if left <= 0 or (asked is not None and asked > left):
            return None
        if asked is not None:
            return asked
        whole = backoff(retries.polls + 1, initial=policy.initial, maximum=policy.maximum, jitter=False)
        return min(left, whole * (1 - self.rand() / 2) if policy.jitter else whole)

    async def _wait(self, seconds: float, failure: KomboError, call: Call, retries: _Retries) -> None:
        if call.retry.on_wait is not None:
            told = call.retry.on_wait(
                Waiting(
                    failure=failure,
                    operation=call.operation,
                    integration_id=call.integration_id,
                    attempt=call.attempt,
                    seconds=seconds,
                    waited=retries.waited,
                )
            )
            if told is not None:
                await told
        if isinstance(failure, SyncPending):
            retries.polls += 1
            retries.waited += seconds
        else:
            retries.made += 1
        await self.sleep(seconds)


def _final(failure: Any, retries: _Retries) -> Response[Any]:
    """The end of a call: an earlier attempt that may have been applied is not forgotten over a later clear failure."""
    if retries.may_have_applied and not failure.may_have_applied:
        failure = failure.evolve(may_have_applied=True)
    if isinstance(failure, NoResponse):
        raise failure from None
    response: Response[Any] = failure
    return response
