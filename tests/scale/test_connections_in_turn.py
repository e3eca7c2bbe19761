"""Who gets a connection, through any sequence of calls that come, end and are cancelled: compared with the rules."""

from __future__ import annotations

from collections import Counter
from random import Random

import anyio
import attrs
import pytest
from anyio.lowlevel import checkpoint

from kombo_async._chain.connection_limiter import ConnectionLimiter
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


def a_call(random: Random, clock: Clock) -> Call:
    """A read or an action of one of a few integrations; a deadline of some has passed."""
    request: Request[object] = random.choice([READ, CREATE, CREATE, CREATE])
    return Call(
        request=request,
        integration_id=f"greenhouse:{random.randrange(12)}",
        headers={},
        timeout=60.0,
        deadline=clock.time() - 1 if random.random() < 0.1 else None,
        retry=RetryPolicy(),
        attempt_middleware=(),
    )


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
                    callers.append(Caller(a_call(random, clock)))
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
