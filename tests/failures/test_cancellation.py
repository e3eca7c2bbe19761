"""A call that is cancelled leaves nothing behind, wherever it is."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st

from kombo_async import AsyncKomboClient, KomboError, RetryPolicy, Success, ats
from kombo_async._chain.connection_limiter import ConnectionLimiter
from kombo_async._chain.limiter import Limiter
from kombo_async._chain.limits import Limits
from kombo_async._chain.retry import Retry
from kombo_async._clock import Clock
from kombo_async.middleware import Call
from tests.failures.faults import cut_after_reading, half_gzip, trickle
from tests.support.calls import CALLS, CREATE, client, scenario, until
from tests.support.fault_server import Exchange, FaultServer, succeed

pytestmark = pytest.mark.anyio

WITH_FILE = ats.CreateCandidate(
    candidate=CREATE.candidate,
    application=CREATE.application,
    attachments=[ats.AttachmentInput.from_bytes(b"x" * 2_000_000, "cv.pdf", type="CV")],
)


async def pending(exchange: Exchange) -> None:
    await exchange.fail(409, "INTEGRATION.SETUP_SYNC_PENDING")


async def limited(exchange: Exchange) -> None:
    await exchange.fail(429, "PLATFORM.RATE_LIMIT_EXCEEDED", {"Retry-After": "0.01"})


async def refused(exchange: Exchange) -> None:
    await exchange.fail(429, "PLATFORM.CONCURRENCY_LIMIT_EXCEEDED")


def limits_of(kombo: AsyncKomboClient) -> Limits:
    """The client's own step of limits, found in its chain."""
    step: Any = kombo._chain
    while not isinstance(step.func, Limits):
        step = step.keywords["call_next"]
    return step.func


def as_new(kombo: AsyncKomboClient) -> bool:
    """Whether no place is taken and nobody waits for one."""
    limits = limits_of(kombo)
    limiters: list[Limiter | ConnectionLimiter] = [limits.connections, *limits.actions.values()]
    return all(not each.in_use and not each.waiting for each in limiters)


async def test_a_thousand_random_cancellations(server: FaultServer) -> None:
    """After 1,000 cancellations at random moments no connection, place or task is left."""
    rand = random.Random(3)
    server.latency = 0.002
    steps = [trickle, half_gzip, cut_after_reading, pending, limited, refused, succeed, succeed, succeed]
    policy = RetryPolicy(attempts=3, initial_delay=0.01, sync_wait=0.05)
    requests = [*CALLS.values(), WITH_FILE]
    cancelled = 0

    async def call(kombo: AsyncKomboClient) -> None:
        nonlocal cancelled
        options: Any = {"headers": {"X-Scenario": scenario(server, *rand.choices(steps, k=3))}, "timeout": 0.5}
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as both:
                both.start_soon(_cancel_later, scope, rand.random() ** 3 * 0.1)
                with suppress(KomboError):
                    await kombo.send(rand.choice(requests), **options)
                both.cancel_scope.cancel()
        cancelled += scope.cancelled_caught

    kombo = client(server, max_connections=25, retry=policy)
    while cancelled < 1000:
        async with anyio.create_task_group() as calls:
            for _ in range(60):
                calls.start_soon(call, kombo)
    assert as_new(kombo)
    assert isinstance(await kombo.send(CREATE, retry=RetryPolicy(attempts=10, initial_delay=0.01)), Success)
    connections: Any = kombo._http._connections
    assert len(connections) <= 25
    await until(lambda: len(server.open) <= len(connections))
    await kombo.aclose()
    await until(lambda: not server.open)


async def _cancel_later(scope: anyio.CancelScope, seconds: float) -> None:
    await anyio.sleep(seconds)
    scope.cancel()


@settings(max_examples=200, deadline=None)
@given(stop_at=st.integers(0, 12), holders=st.integers(0, 40))
def test_any_await_point(stop_at: int, holders: int) -> None:
    """Broken off at any await point, waiting or at work, a call gives its places back and holds up nobody."""

    async def scene() -> None:
        limits = Limits(clock=Clock(), max_connections=30)
        release = anyio.Event()

        async def send(call: Call) -> Any:
            await release.wait()
            for _ in range(3):
                await checkpoint()
            raise KomboError

        async def attempt() -> None:
            with pytest.raises(KomboError):
                await Retry()(_call(), lambda call: limits(call, send))

        tasks = [asyncio.create_task(attempt()) for _ in range(holders)]
        await asyncio.sleep(0)
        victim = asyncio.create_task(attempt())
        for step in range(stop_at):
            await asyncio.sleep(0)
            if step == 3:
                release.set()
        victim.cancel()
        release.set()
        await asyncio.gather(victim, *tasks, return_exceptions=True)
        limiters: list[Limiter | ConnectionLimiter] = [limits.connections, *limits.actions.values()]
        assert all(not each.in_use and not each.waiting for each in limiters)

    asyncio.run(scene())


def _call() -> Call:
    return Call(request=CREATE, integration_id="a:b", headers={}, timeout=1.0, deadline=None, retry=RetryPolicy.none())


@pytest.mark.parametrize(
    "anyio_backend", [("asyncio", {"use_uvloop": False}), ("asyncio", {"use_uvloop": True})], ids=["asyncio", "uvloop"]
)
async def test_place_that_comes_with_the_cancellation() -> None:
    """A place that is given to a call in the moment of its cancellation goes to the next in the queue.

    (trio never cancels a task that has been woken.)
    """
    limiter = Limiter(1, Clock())
    await limiter.acquire(_call())
    first = asyncio.ensure_future(limiter.acquire(_call()))
    second = asyncio.ensure_future(limiter.acquire(_call()))
    await asyncio.sleep(0)
    limiter.release()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await second
    limiter.release()
    assert (limiter.in_use, limiter.waiting) == (0, 0)
