"""Waiting for an integration's first sync."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from kombo_async import ConnectionFailed, RetryPolicy, Success, SyncPending, Waiting
from kombo_async._chain.retry import SHORTEST_WAIT_FOR_SYNC
from tests.support.calls import CALLS, CREATE, client, until
from tests.support.fault_server import Exchange, FaultServer, succeed

pytestmark = pytest.mark.anyio

PENDING = "INTEGRATION.SETUP_SYNC_PENDING"


async def older(exchange: Exchange) -> None:
    """How Kombo said it before there were codes."""
    await exchange.fail(503, None)


async def middle(exchange: Exchange) -> None:
    """How Kombo said it until 2026-05-19."""
    await exchange.fail(503, PENDING)


async def current(exchange: Exchange) -> None:
    """How Kombo says it since."""
    await exchange.fail(409, PENDING)


each_form = pytest.mark.parametrize("form", [older, middle, current])


@each_form
@pytest.mark.parametrize("method", CALLS)
async def test_waits_until_it_is_over(server: FaultServer, form: object, method: str) -> None:
    """Every call waits for the first sync, in all three forms of the response, whatever `attempts` says."""
    policy = RetryPolicy(attempts=1, initial_delay=0.01, sync_wait=5)
    steps = [form, form, form, succeed]
    async with client(server, *steps, retry=policy) as kombo:  # type: ignore[arg-type]
        result = await kombo.send(CALLS[method])
    assert isinstance(result, Success)
    assert result.attempts == 4
    assert server.performed.total() == 1


async def test_gives_up_when_the_budget_is_spent(server: FaultServer) -> None:
    """When `sync_wait` is over, the call returns `SyncPending`, and has waited exactly that long."""
    async with client(server, current, retry=RetryPolicy(initial_delay=0.1, sync_wait=0.5)) as kombo:
        start = anyio.current_time()
        result = await kombo.send(CREATE)
        took = anyio.current_time() - start
    assert isinstance(result, SyncPending)
    assert not result.may_have_applied
    assert 0.45 < took < 3.0
    assert result.attempts == server.asked.total()


async def test_polls_at_a_polite_pace(server: FaultServer) -> None:
    """The waits grow, and none is shorter than a tenth of a second, whatever the policy or the server asks for."""
    waits: list[float] = []

    async def at_once(exchange: Exchange) -> None:
        await exchange.fail(409, PENDING, {"Retry-After": "0"})

    def note(waiting: Waiting) -> None:
        waits.append(waiting.seconds)

    policy = RetryPolicy(initial_delay=0.0, jitter=False, sync_wait=0.5, on_wait=note)
    for step in (current, at_once):
        waits.clear()
        async with client(server, step, retry=policy) as kombo:
            await kombo.send(CREATE)
        assert len(waits) <= 6
        assert all(wait >= SHORTEST_WAIT_FOR_SYNC for wait in waits[:-1])
    waits.clear()
    policy = RetryPolicy(initial_delay=0.1, jitter=False, sync_wait=1.5, on_wait=note)
    async with client(server, current, retry=policy) as kombo:
        await kombo.send(CREATE)
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8])


async def test_reports_progress(server: FaultServer) -> None:
    """`on_wait`, async or not, is called before each wait with the reason, its length and the total so far."""
    told: list[Waiting] = []

    async def note(waiting: Waiting) -> None:
        await anyio.lowlevel.checkpoint()
        told.append(waiting)

    policy = RetryPolicy(initial_delay=0.1, jitter=False, sync_wait=5, on_wait=note)
    async with client(server, current, current, succeed, retry=policy) as kombo:
        await kombo.send(CREATE)
    assert [(each.attempt, each.seconds, each.waited) for each in told] == [(1, 0.1, 0.0), (2, 0.2, 0.1)]
    assert all(isinstance(each.failure, SyncPending) and each.operation is CREATE.operation for each in told)


async def test_retry_after_is_heeded(server: FaultServer) -> None:
    """The call waits as long as Kombo asks; if that exceeds the budget, it does not wait at all."""
    waits: list[float] = []
    policy = RetryPolicy(sync_wait=5, on_wait=lambda waiting: waits.append(waiting.seconds))

    async def soon(exchange: Exchange) -> None:
        await exchange.fail(409, PENDING, {"Retry-After": "0.2"})

    async def late(exchange: Exchange) -> None:
        await exchange.fail(409, PENDING, {"Retry-After": "60"})

    async with client(server, soon, late, retry=policy) as kombo:
        assert isinstance(await kombo.send(CREATE), SyncPending)
    assert waits == [0.2]


async def test_waiting_can_be_cancelled(server: FaultServer) -> None:
    """A call that waits for the first sync is cancelled at once, and holds no place while it waits."""
    async with client(server, current, retry=RetryPolicy(sync_wait=60, initial_delay=30)) as kombo:
        async with anyio.create_task_group() as calls:
            for _ in range(40):
                calls.start_soon(kombo.send, CREATE)
            await until(lambda: server.asked.total() == 40)
            cancelled = anyio.current_time()
            calls.cancel_scope.cancel()
        assert anyio.current_time() - cancelled < 1
        assert server.performed.total() == 0


async def test_own_budget(server: FaultServer) -> None:
    """Waiting for the sync does not count as attempts."""

    async def cut(exchange: Exchange) -> None:
        exchange.cut()

    policy = RetryPolicy(attempts=3, initial_delay=0.01, sync_wait=5)
    async with client(server, current, current, cut, cut, succeed, retry=policy) as kombo:
        result = await kombo.send(CALLS["PUT"])
    assert isinstance(result, Success)
    assert result.attempts == 5
    policy = RetryPolicy(attempts=2, initial_delay=0.01, sync_wait=5)
    async with client(server, current, current, cut, cut, succeed, retry=policy) as kombo:
        with pytest.raises(ConnectionFailed):
            await kombo.send(CALLS["PUT"])
