"""Limiter for actions and for connections, the pause after a rate limit, the budget for retries."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import anyio
import pytest

from kombo_async import AsyncKomboClient, NoResponse, RateLimited, RetryPolicy, Success
from kombo_async._chain.adaptive_limiter import DOCUMENTED_LIMIT, FIRST_LIMIT
from kombo_async._chain.retry import Budget
from tests.support.calls import CREATE, READ, client, until
from tests.support.fault_server import Exchange, FaultServer

pytestmark = pytest.mark.anyio


async def at_once(kombo: Any, request: Any, number: int) -> list[Any]:
    """What *number* calls come to that are made all at once."""
    results: list[Any] = []

    async def call() -> None:
        results.append(await kombo.send(request))

    async with anyio.create_task_group() as calls:
        for _ in range(number):
            calls.start_soon(call)
    return results


async def test_all_succeed_with_all_places_in_use(server: FaultServer) -> None:
    """Many concurrent actions all succeed: none is refused, and exactly as many run as Kombo allows."""
    server.latency, server.actions_at_once = 0.2, DOCUMENTED_LIMIT
    async with client(server) as kombo:
        results = await at_once(kombo, CREATE, 300)
    assert all(isinstance(result, Success) for result in results)
    assert (server.refused, server.most_in_flight) == (0, DOCUMENTED_LIMIT)


async def test_first_come_first_served(server: FaultServer) -> None:
    """Actions are sent in the order of their calls."""
    server.latency = 0.02
    async with client(server) as kombo, anyio.create_task_group() as calls:
        for number in range(60):
            calls.start_soon(partial(kombo.send, CREATE, headers={"X-Scenario": str(number)}))
            await anyio.lowlevel.checkpoint()
    order = [int(exchange.scenario) for exchange in server.requests]
    assert sorted(order) == list(range(60))
    assert all(abs(place - number) < DOCUMENTED_LIMIT for place, number in enumerate(order))


async def test_views_share_the_places(server: FaultServer) -> None:
    """Views of one client share the places of an integration; another integration has places of its own."""
    server.latency = 5.0
    async with client(server) as kombo, anyio.create_task_group() as calls:
        views = [kombo.for_integration("workday:one"), kombo.for_integration("workday:one")]
        for view in views * FIRST_LIMIT:
            calls.start_soon(view.send, CREATE)
        for _ in range(FIRST_LIMIT):
            calls.start_soon(kombo.for_integration("workday:two").send, CREATE)
        await until(lambda: server.asked.total() >= 2 * FIRST_LIMIT)
        await anyio.sleep(0.1)  # for more to come, if they could
        by_integration = [exchange.headers["x-integration-id"] for exchange in server.requests]
        assert by_integration.count("workday:one") == by_integration.count("workday:two") == FIRST_LIMIT
        calls.cancel_scope.cancel()


async def test_reads_pass_by(server: FaultServer) -> None:
    """Reads do not wait for a place among the actions."""

    async def hang(exchange: Exchange) -> None:
        await (exchange.succeed() if exchange.method == "GET" else anyio.sleep(5))

    server.default = hang
    async with client(server) as kombo, anyio.create_task_group() as calls:
        for _ in range(50):
            calls.start_soon(kombo.send, CREATE)
        await until(lambda: server.asked.total() == FIRST_LIMIT)
        assert isinstance(await kombo.send(READ, timeout=2), Success)
        calls.cancel_scope.cancel()


async def test_max_connections(server: FaultServer) -> None:
    """At most `max_connections` requests are in flight; the others wait for their turn."""
    server.latency = 0.01
    async with client(server, max_connections=5) as kombo:
        results = await at_once(kombo, READ, 50)
    assert len(results) == 50
    assert server.connections == 5


async def test_a_client_that_is_refused_rests(server: FaultServer) -> None:
    """While others hold all places, a client with many waiting actions tries one now and then."""
    server.actions_at_once = 0
    policy = RetryPolicy(attempts=50, initial_delay=0.05, max_delay=0.05)
    async with client(server, retry=policy) as kombo:

        async def places_come_back() -> None:
            await until(lambda: server.refused > FIRST_LIMIT)
            await anyio.sleep(1)
            assert server.refused < 60  # 200 calls, each ready to ask again after 50 ms: without rests it is hundreds
            server.actions_at_once = DOCUMENTED_LIMIT

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(places_come_back)
            results = await at_once(kombo, CREATE, 200)
    assert all(isinstance(result, Success) for result in results)


async def test_rate_limit_pauses_the_client_once(server: FaultServer) -> None:
    """A rate limit's 429 holds all calls of the client for that time, reads and those in the queue too; then they come
    one, two, four at a time.
    """
    times: list[float] = []
    refused: list[float] = []
    under_way: list[tuple[int, int]] = []
    """For each call after the pause: how many were answered before it, how many were under way."""
    answered = 0

    async def limited(exchange: Exchange) -> None:
        nonlocal answered
        now = asyncio.get_running_loop().time()
        if not times and not refused:
            refused.append(now)
            await exchange.fail(429, "PLATFORM.RATE_LIMIT_EXCEEDED", {"Retry-After": "0.5"})
            return
        (times if refused and now > refused[0] + 0.3 else refused).append(now)
        under_way.append((answered, len(under_way) - answered))
        await asyncio.sleep(0.05)
        answered += 1
        await exchange.succeed()

    server.default = limited
    async with client(server) as kombo, anyio.create_task_group() as calls:
        calls.start_soon(kombo.send, READ)
        await until(lambda: bool(refused))
        await anyio.sleep(0.02)
        results = await at_once(kombo, READ, 20)
        results += await at_once(kombo, CREATE, 20)
    assert all(isinstance(result, Success) for result in results)
    assert len(refused) == 1
    assert times[0] - refused[0] > 0.45
    assert all(others <= before for before, others in under_way[:16])


async def test_refused_together_pauses_once(server: FaultServer) -> None:
    """Calls in flight together that are all refused cause one pause."""
    count = 0

    async def limited(exchange: Exchange) -> None:
        nonlocal count
        count += 1
        if count <= 20:
            await asyncio.sleep(0.05)
            await exchange.fail(429, "PLATFORM.RATE_LIMIT_EXCEEDED")
        else:
            await exchange.succeed()

    server.default = limited
    async with client(server, retry=RetryPolicy(initial_delay=0.01)) as kombo:
        start = anyio.current_time()
        results = await at_once(kombo, READ, 20)
        took = anyio.current_time() - start
    assert all(isinstance(result, Success) and result.attempts == 2 for result in results)
    assert took < 2


async def test_absurd_retry_after(server: FaultServer) -> None:
    """A pause is never longer than `max_retry_after`, and the call that met it returns at once."""

    async def tomorrow(exchange: Exchange) -> None:
        await exchange.fail(429, None, {"Retry-After": "86400"})

    policy = RetryPolicy(max_retry_after=0.3)
    async with client(server, tomorrow, retry=policy) as kombo:
        start = anyio.current_time()
        for _ in range(2):
            assert isinstance(await kombo.send(READ), RateLimited)
        assert 0.25 < anyio.current_time() - start < 30


async def test_failures_end_the_gentle_start(server: FaultServer) -> None:
    """After a pause, any response except another refusal counts as healthy, even a 404."""
    count = 0

    async def limited(exchange: Exchange) -> None:
        nonlocal count
        count += 1
        if count == 1:
            await exchange.fail(429, None, {"Retry-After": "0.05"})
        else:
            await asyncio.sleep(0.2)
            await exchange.fail(404, None)

    server.default = limited
    async with client(server) as kombo:
        await kombo.send(READ)
        start = anyio.current_time()
        await at_once(kombo, READ, 30)
        assert anyio.current_time() - start < 30 * 0.2 / 2


async def test_retry_budget(server: FaultServer) -> None:
    """Against a server that is down, 1,000 calls make at most 1,200 requests; it recovers by itself."""
    down = True

    async def fail(exchange: Exchange) -> None:
        await (exchange.answer(500, b"") if down else exchange.succeed())

    server.default = fail
    async with client(server, retry=RetryPolicy(initial_delay=0.01)) as kombo:
        results = await at_once(kombo, READ, 1000)
        assert not any(isinstance(result, Success) for result in results)
        assert 1000 <= server.asked.total() <= 1200
        down = False
        await at_once(kombo, READ, 100)
        down = True
        assert (await kombo.send(READ)).attempts > 1


async def test_retry_budget_without_a_server() -> None:
    """The same holds where no connection can be made."""
    budget = Budget()
    requests = 0
    for _ in range(1000):
        budget.earn()
        requests += 1
        while budget.spend():
            requests += 1
    assert requests <= 1200
    with FaultServer() as gone:
        url = gone.url
    async with AsyncKomboClient("key", base_url=url, retry=RetryPolicy(initial_delay=0.001)) as kombo:
        attempts = 0
        for _ in range(100):
            try:
                await kombo.general.check_api_key()
            except NoResponse as failure:
                attempts += failure.attempts
    assert 100 < attempts <= 100 + 20 + 10
