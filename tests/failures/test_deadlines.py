"""No call is over later than its deadline."""

from __future__ import annotations

import random
from contextlib import suppress
from typing import Any

import anyio
import attrs
import httpx
import pytest

from kombo_async import AsyncKomboClient, KomboError, RetryPolicy, Success, TimedOut, Waiting
from kombo_async._chain.adaptive_limiter import FIRST_LIMIT
from tests.failures.faults import FAULTS
from tests.support.calls import CALLS, CREATE, READ, client, scenario, until
from tests.support.fault_server import Exchange, FaultServer, succeed

pytestmark = pytest.mark.anyio

GRACE = 0.5
"""How late a busy machine may notice the end of a call, in seconds; what would be waited for without it is longer."""


@attrs.define
class Hiccups:
    """How late a task of the same loop has been woken at the worst: no call can be more punctual than that."""

    worst: float = 0.0

    async def measure(self) -> None:
        while True:
            due = anyio.current_time() + 0.005
            await anyio.sleep(0.005)
            self.worst = max(self.worst, anyio.current_time() - due)


async def late(kombo: AsyncKomboClient, request: Any, deadline: float, **options: Any) -> float:
    """How long after its deadline a call is over."""
    start = anyio.current_time()
    with suppress(KomboError):
        await kombo.send(request, deadline=deadline, **options)
    return anyio.current_time() - start - deadline


async def test_random_faults(server: FaultServer) -> None:
    """Whatever faults a call meets in whatever order, it is over at its deadline, give or take what the loop needs."""
    rand = random.Random(4)
    hiccups = Hiccups()
    lateness: list[float] = []

    async def slow(exchange: Exchange) -> None:
        await exchange.answer(200, {"status": "success", "data": {}}, drip=rand.random() / 20)

    steps = [fault.step for fault in FAULTS] + [slow, succeed]

    async def call(kombo: AsyncKomboClient) -> None:
        name = scenario(server, *rand.choices(steps, k=6))
        request = rand.choice(list(CALLS.values()))
        deadline = rand.uniform(0.02, 1.5)
        policy = RetryPolicy(attempts=6, initial_delay=rand.choice([0.01, 0.1, 1]), sync_wait=rand.choice([0, 1, 10]))
        headers = {"X-Scenario": name}
        lateness.append(
            await late(kombo, request, deadline, retry=policy, headers=headers, timeout=rand.random() + 0.1)
        )

    async with client(server) as kombo, anyio.create_task_group() as measuring:
        measuring.start_soon(hiccups.measure)
        async with anyio.create_task_group() as calls:
            for number in range(150):
                calls.start_soon(call, kombo)
                if number % 10 == 0:
                    await anyio.sleep(0.02)
        measuring.cancel_scope.cancel()
    assert len(lateness) == 150
    assert max(lateness) < max(GRACE / 2, 2 * hiccups.worst + 0.05)


async def test_in_the_queue_for_an_action(server: FaultServer) -> None:
    """A call that gets no place before its deadline fails then, and says that nothing of it was sent."""
    server.latency = 5.0
    async with client(server) as kombo, anyio.create_task_group() as calls:
        for _ in range(FIRST_LIMIT):
            calls.start_soon(kombo.send, CREATE)
        await until(lambda: server.asked.total() == FIRST_LIMIT)
        start = anyio.current_time()
        with pytest.raises(TimedOut) as caught:
            await kombo.send(CREATE, deadline=0.1)
        assert anyio.current_time() - start < 0.1 + GRACE
        calls.cancel_scope.cancel()
    assert (caught.value.sent, caught.value.may_have_applied, caught.value.attempts) == (False, False, 0)
    assert server.asked.total() == FIRST_LIMIT


async def test_in_the_queue_for_a_connection(server: FaultServer) -> None:
    """The same holds of the queue for one of `max_connections`."""
    server.latency = 5.0
    async with client(server, max_connections=1) as kombo, anyio.create_task_group() as calls:
        calls.start_soon(kombo.send, READ)
        await until(lambda: server.asked.total() == 1)
        with pytest.raises(TimedOut) as caught:
            await kombo.send(CREATE, deadline=0.1)
        calls.cancel_scope.cancel()
    assert (caught.value.sent, caught.value.may_have_applied) == (False, False)


async def test_in_the_queue_of_the_callers_client(server: FaultServer) -> None:
    """A call that gets no connection of the caller's own client before its deadline was not sent either."""
    server.latency = 5.0
    async with (
        httpx.AsyncClient(limits=httpx.Limits(max_connections=1)) as http_client,
        client(server, http_client=http_client) as kombo,
        anyio.create_task_group() as calls,
    ):
        calls.start_soon(kombo.send, READ)
        await until(lambda: server.asked.total() == 1)
        with pytest.raises(TimedOut) as caught:
            await kombo.send(CREATE, deadline=0.1)
        calls.cancel_scope.cancel()
    assert (caught.value.sent, caught.value.may_have_applied) == (False, False)


async def test_no_wait_that_cannot_end(server: FaultServer) -> None:
    """No wait is begun that would pass the deadline: the last failure is returned at once."""

    async def busy(exchange: Exchange) -> None:
        await exchange.fail(429, "PLATFORM.RATE_LIMIT_EXCEEDED", {"Retry-After": "5"})

    async with client(server, busy) as kombo:
        start = anyio.current_time()
        result = await kombo.send(READ, deadline=2)
        assert anyio.current_time() - start < GRACE
        assert result.status_code == 429
        with pytest.raises(TimedOut, match="rate limit pauses this client") as caught:
            await kombo.send(READ, deadline=2)
        assert anyio.current_time() - start < 2 * GRACE
    assert not caught.value.sent
    assert server.asked.total() == 1


async def test_callback_is_bounded_too(server: FaultServer) -> None:
    """An `on_wait` that takes its time does not make a call late: the last failure is returned at the deadline."""

    async def dawdle(_: Waiting) -> None:
        await anyio.sleep(30)

    async def pending(exchange: Exchange) -> None:
        await exchange.fail(503, None)

    async with client(server, pending, retry=RetryPolicy(initial_delay=0.1, on_wait=dawdle)) as kombo:
        start = anyio.current_time()
        result = await kombo.send(CREATE, deadline=0.3)
        assert anyio.current_time() - start < 0.3 + GRACE
    assert result.status_code == 503


async def test_deadline_that_has_passed(server: FaultServer) -> None:
    """A deadline of no time at all sends nothing, and says so."""
    async with client(server) as kombo:
        with pytest.raises(TimedOut) as caught:
            await kombo.send(CREATE, deadline=0.0)
    assert not caught.value.may_have_applied
    assert server.asked.total() == 0


async def test_timeout_is_for_each_attempt(server: FaultServer) -> None:
    """`timeout` bounds an attempt as a whole: an answer that trickles in is broken off, and may be tried again."""

    async def trickle(exchange: Exchange) -> None:
        await exchange.answer(200, {"status": "success", "data": {}}, drip=0.05)

    policy = RetryPolicy(attempts=3, initial_delay=0.01)
    async with client(server, trickle, trickle, succeed, retry=policy, timeout=0.3) as kombo:
        start = anyio.current_time()
        result = await kombo.send(READ)
        assert 0.6 <= anyio.current_time() - start < 5
    assert isinstance(result, Success)
    assert result.attempts == 3
