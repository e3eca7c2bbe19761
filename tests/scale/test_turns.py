"""Whose turn it is, through any sequence of calls that come, end, are late or cancelled: compared with the rules."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import anyio
import attrs
import pytest
from anyio import wait_all_tasks_blocked
from anyio.lowlevel import checkpoint

from kombo_async._chain.adaptive_limiter import AdaptiveLimiter
from kombo_async._chain.connection_limiter import ConnectionLimiter
from kombo_async._chain.limiter import Limiter
from kombo_async._clock import Clock
from kombo_async.errors import TimedOut
from kombo_async.middleware import Call
from kombo_async.options import RetryPolicy
from kombo_async.request import Request
from tests.scale.model import CREATE, READ

pytestmark = pytest.mark.anyio

LIMIT, FOR_ACTIONS, WITH_FIRSTS = 10, 8, 9


@attrs.define(eq=False)
class Caller:
    """A call, and how far it has come."""

    call: Call
    state: str = "waiting"
    scope: anyio.CancelScope = attrs.field(factory=anyio.CancelScope)
    end: anyio.Event = attrs.field(factory=anyio.Event)

    @property
    def kind(self) -> str:
        """Whether it reads."""
        return "action" if self.call.operation.action else "read"

    async def run(self, limiter: ConnectionLimiter) -> None:
        """Wait for a connection, and keep it until told to end."""
        try:
            with self.scope:
                await limiter.acquire(self.call)
                self.state = "in flight"
                try:
                    await self.end.wait()
                finally:
                    limiter.release(self.call)
        except TimedOut:
            pass
        self.state = "gone"


def a_call(request: Request[object], integration_id: str = "greenhouse:1", deadline: float | None = None) -> Call:
    """A call that may have a deadline."""
    retry = RetryPolicy()
    return Call(
        request=request, integration_id=integration_id, headers={}, timeout=60.0, deadline=deadline, retry=retry
    )


def any_call(random: Random, clock: Clock) -> Call:
    """A read or an action of one of a few integrations; a deadline of some has passed."""
    request: Request[object] = random.choice([READ, CREATE, CREATE, CREATE])
    deadline = clock.time() - 1 if random.random() < 0.1 else None
    return a_call(request, f"greenhouse:{random.randrange(12)}", deadline)


def check(callers: list[Caller], limiter: ConnectionLimiter) -> None:
    """Nothing is over its limit, and nobody waits who may go."""
    waiting = [each for each in callers if each.state == "waiting"]
    flying = [each for each in callers if each.state == "in flight"]
    kinds = Counter(each.kind for each in flying)
    assert (limiter.in_use, limiter.waiting) == (len(flying), len(waiting))
    assert len(flying) <= LIMIT
    assert kinds["action"] <= WITH_FIRSTS
    at_work = {each.call.integration_id for each in flying if each.kind == "action"}
    for each in waiting:
        is_first = each.kind == "action" and each.call.integration_id not in at_work
        most = {"read": LIMIT, "action": WITH_FIRSTS if is_first else FOR_ACTIONS}[each.kind]
        assert len(flying) == LIMIT or kinds[each.kind] >= most, each


@pytest.mark.parametrize("seed", range(6))
async def test_nobody_waits_who_may_go(seed: int) -> None:
    """After any number of calls came, ended and were cancelled, also in the moment in which their turn came."""
    random, clock = Random(seed), Clock()
    limiter = ConnectionLimiter(LIMIT, clock)
    callers: list[Caller] = []
    async with anyio.create_task_group() as tasks:
        for _ in range(200):
            for _ in range(random.choice([1, 1, 1, 4])):
                here = [each for each in callers if each.state != "gone"]
                if len(here) < 5 or random.random() < 0.45:
                    callers.append(Caller(any_call(random, clock)))
                    tasks.start_soon(callers[-1].run, limiter)
                elif random.random() < 0.6:
                    random.choice(here).end.set()
                else:
                    random.choice(here).scope.cancel()
            for _ in range(40):  # one that is let go may end at once, and let the next go
                await checkpoint()
            callers = [each for each in callers if each.state != "gone"]
            check(callers, limiter)
        tasks.cancel_scope.cancel()
    assert (limiter.in_use, limiter.waiting) == (0, 0)


class SetClock(Clock):
    """A clock that shows what it is told; the scopes of its deadlines notice nothing."""

    def __init__(self) -> None:
        self.now = 0.0

    def time(self) -> float:
        return self.now

    def until(self, deadline: float) -> anyio.CancelScope:
        return anyio.CancelScope()


@pytest.mark.parametrize("make", [ConnectionLimiter, Limiter, AdaptiveLimiter])
async def test_a_turn_that_comes_after_the_deadline_goes_to_the_next(make: Any) -> None:
    """If the event loop was busy while both happened, a late call does not go on: it would be sent for nothing."""
    clock = SetClock()
    limiter: Any = make(clock) if make is AdaptiveLimiter else make(1, clock)
    limiter.limit = 1
    first, late, other = (a_call(CREATE, deadline=deadline) for deadline in (None, 5.0, None))
    passed: list[Call] = []

    async def wait(call: Call) -> None:
        await limiter.acquire(call)
        passed.append(call)

    await limiter.acquire(first)
    async with anyio.create_task_group() as tasks:
        failed = anyio.Event()

        async def wait_in_vain() -> None:
            with pytest.raises(TimedOut, match="was not sent: the deadline passed while it waited"):
                await limiter.acquire(late)
            failed.set()

        tasks.start_soon(wait_in_vain)
        await wait_all_tasks_blocked()
        tasks.start_soon(wait, other)
        await wait_all_tasks_blocked()
        clock.now = 5.0
        limiter.release(*([first] if make is ConnectionLimiter else []))
        await failed.wait()
    assert passed == [other]


async def test_a_cancelled_turn_was_none() -> None:
    """An action that is cancelled in the moment in which its turn comes does not count as one that ran."""
    limiter = AdaptiveLimiter(Clock())
    limiter.limit = 1
    call = a_call(CREATE)
    assert (await limiter.take_turn(call)).level == 1
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(limiter.take_turn, call)
        await wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
        limiter.release()
    assert limiter.in_use == 0
    assert (await limiter.take_turn(call)).level == 1
