"""Places that processes share through a real Redis."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

redis = pytest.importorskip("redis.asyncio", reason="needs the package redis")

from redis.asyncio.retry import Retry  # noqa: E402
from redis.backoff import NoBackoff  # noqa: E402

from kombo_async import AsyncKomboClient, RetryPolicy, SharedLimits, Success, TimedOut  # noqa: E402
from tests.support.calls import CREATE  # noqa: E402
from tests.support.fault_server import FaultServer  # noqa: E402
from tests.support.redis_server import needs_redis, redis_server  # noqa: E402
from tests.support.wire import API_KEY, INTEGRATION  # noqa: E402

pytestmark = needs_redis


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A Redis server of this module."""
    with redis_server() as address:
        yield address


def with_limits(
    address: str, scene: Callable[[Any, list[SharedLimits]], Awaitable[None]], *, number: int = 2, lease: float = 30.0
) -> None:
    """Run *scene* with as many `SharedLimits` as there would be processes, on an empty Redis."""

    async def run() -> None:
        client = redis.Redis.from_url(address)
        await client.flushall()
        limits = [SharedLimits(client, lease=lease) for _ in range(number)]
        try:
            await scene(client, limits)
        finally:
            for each in limits:
                await each.aclose()
            await client.aclose()

    asyncio.run(run())


async def nothing(client: Any, limits: list[SharedLimits]) -> None:
    """Leave Redis empty."""


def test_no_place_is_held_twice(address: str) -> None:
    """However many ask, no more places are held than there are, and each that is given back is used again."""

    async def scene(client: Any, limits: list[SharedLimits]) -> None:
        await limits[0].tell("a:1", 5)
        held, most, done = 0, 0, 0

        async def use(mine: SharedLimits) -> None:
            nonlocal held, most, done
            for _ in range(20):
                place = await mine.acquire("a:1", wanted=1)
                held += 1
                most = max(most, held)
                await asyncio.sleep(0.002)
                held -= 1
                await mine.release("a:1", place, wanted=1)
                done += 1

        await asyncio.gather(*(use(each) for each in limits))
        assert (most, done) == (5, 20 * len(limits))

    with_limits(address, scene, number=12)


def test_processes_take_turns(address: str) -> None:
    """Processes take turns for a single place."""

    async def scene(client: Any, limits: list[SharedLimits]) -> None:
        *others, first = limits
        await first.tell("a:1", 1)
        held = await first.acquire("a:1", wanted=1)
        order: list[int] = []

        async def use(number: int) -> None:
            for left in reversed(range(5)):
                place = await others[number].acquire("a:1", wanted=1 + bool(left))
                order.append(number)
                await others[number].release("a:1", place, wanted=int(bool(left)))

        using = asyncio.gather(*(use(number) for number in range(4)))
        while await client.zcard("kombo:limits:{a:1}:waiting") < 4:  # noqa: ASYNC110 - Redis tells nobody
            await asyncio.sleep(0.01)
        await first.release("a:1", held, wanted=0)
        await asyncio.wait_for(using, 60)
        assert [sorted(order[start : start + 4]) for start in range(0, 20, 4)] == [[0, 1, 2, 3]] * 5, order

    with_limits(address, scene, number=5)


def test_the_dead_leave_their_places(address: str) -> None:
    """What a process held that is gone is free after its lease, and not before."""

    async def scene(client: Any, limits: list[SharedLimits]) -> None:
        await limits[0].tell("a:1", 1)
        start = time.monotonic()
        await limits[0].acquire("a:1", wanted=1)
        limits[0]._closing.set()  # as a killed process: nothing is renewed or given back
        await asyncio.wait_for(limits[1].acquire("a:1", wanted=1), 60)
        assert time.monotonic() - start > 0.9

    with_limits(address, scene, lease=1.0)


def test_the_living_keep_their_places(address: str) -> None:
    """An action may take much longer than a lease."""

    async def scene(client: Any, limits: list[SharedLimits]) -> None:
        await limits[0].tell("a:1", 1)
        place = await limits[0].acquire("a:1", wanted=1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(limits[1].acquire("a:1", wanted=1), 7)
        assert limits[0].holds("a:1", place)

    with_limits(address, scene, lease=3.0)


def test_who_gives_up_takes_nothing(address: str) -> None:
    """A cancelled wait leaves no place and no position behind."""

    async def scene(client: Any, limits: list[SharedLimits]) -> None:
        await limits[0].tell("a:1", 1)
        place = await limits[0].acquire("a:1", wanted=1)
        for number in range(200):  # redis-py loses a cancellation in the middle of some of them
            waiting = asyncio.create_task(limits[1].acquire("a:1", wanted=1))
            await asyncio.sleep(number * 0.00002)
            waiting.cancel()
            assert (await asyncio.wait([waiting], timeout=10))[0]
            assert waiting.cancelled()
        await limits[0].release("a:1", place, wanted=0)
        for part in ("places", "waiting", "seen"):
            assert await client.zcard(f"kombo:limits:{{a:1}}:{part}") == 0, part
        assert await limits[0].acquire("a:1", wanted=1)

    with_limits(address, scene)


def test_a_place_whose_lease_may_have_ended_sends_nothing(address: str, server: FaultServer) -> None:
    """A process that stood still takes another place before anything leaves."""

    async def scene(client: Any, limits: list[SharedLimits]) -> None:
        asked = 0

        def holds(integration_id: str, place: str) -> bool:
            nonlocal asked
            asked += 1
            return asked > 1

        limits[0].holds = holds  # type: ignore[method-assign]
        async with AsyncKomboClient(
            API_KEY, integration_id=INTEGRATION, base_url=server.url, limits=limits[0]
        ) as kombo:
            reply = await kombo.send(CREATE)
        assert isinstance(reply, Success)
        assert server.asked.total() == 1

    with_limits(address, scene)


def test_deadlines_hold_in_the_queue(address: str, server: FaultServer) -> None:
    """A call that gets no place before its deadline says that nothing was sent."""

    async def scene(client: Any, limits: list[SharedLimits]) -> None:
        await limits[1].tell(INTEGRATION, 1)
        await limits[1].acquire(INTEGRATION, wanted=1)
        async with AsyncKomboClient(
            API_KEY, integration_id=INTEGRATION, base_url=server.url, limits=limits[0]
        ) as kombo:
            with pytest.raises(TimedOut) as caught:
                await kombo.send(CREATE, deadline=0.3)
        assert not caught.value.sent
        assert server.asked.total() == 0

    with_limits(address, scene)


def test_without_redis_calls_go_on(server: FaultServer) -> None:
    """While Redis cannot be reached, a client finds its share by itself."""

    async def scene() -> None:
        client = redis.Redis.from_url("redis://127.0.0.1:1/0")
        async with (
            SharedLimits(client) as limits,
            AsyncKomboClient(API_KEY, integration_id=INTEGRATION, base_url=server.url, limits=limits) as kombo,
        ):
            assert isinstance(await kombo.send(CREATE), Success)
        await client.aclose()

    asyncio.run(scene())


def test_a_redis_that_hangs_is_left_alone(server: FaultServer) -> None:
    """One call finds out that Redis does not reply; the others do not wait for the same, one after the other."""

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read()  # until the client closes
        finally:
            writer.close()

    async def scene() -> None:
        hole = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
        port = hole.sockets[0].getsockname()[1]
        client = redis.Redis.from_url(f"redis://127.0.0.1:{port}/0", socket_timeout=0.2, retry=Retry(NoBackoff(), 0))
        asked = 0
        async with SharedLimits(client) as limits:
            acquire = limits.acquire

            async def counted(integration_id: str, *, wanted: int) -> str:
                nonlocal asked
                asked += 1
                return await acquire(integration_id, wanted=wanted)

            limits.acquire = counted  # type: ignore[method-assign]
            async with AsyncKomboClient(
                API_KEY, integration_id=INTEGRATION, base_url=server.url, limits=limits
            ) as kombo:
                replies = await asyncio.gather(*(kombo.send(CREATE) for _ in range(30)))
        assert all(isinstance(reply, Success) for reply in replies)
        assert asked <= 5
        await client.aclose()
        hole.close()

    asyncio.run(scene())


def test_a_response_does_not_wait_for_a_redis_that_hangs(
    address: str, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A place that cannot be given back is left to its lease."""

    async def scene(client: Any, limits: list[SharedLimits]) -> None:
        async def release(integration_id: str, place: str, *, wanted: int) -> None:
            await asyncio.sleep(3600)

        with monkeypatch.context() as patch:
            patch.setattr(limits[0], "release", release)
            async with AsyncKomboClient(
                API_KEY, integration_id=INTEGRATION, base_url=server.url, limits=limits[0]
            ) as kombo:
                reply = await asyncio.wait_for(kombo.send(CREATE), 60)
        assert isinstance(reply, Success)

    with_limits(address, scene)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")  # redis-py's
def test_a_redis_that_forgets_and_goes_away(server: FaultServer) -> None:
    """Redis fails over to a server without any places, then goes away: each action is performed, and once."""
    server.latency, server.actions_at_once = 0.02, 10

    async def scene(address: str) -> None:
        clients = [redis.Redis.from_url(address) for _ in range(3)]
        done = 0

        async def send(kombo: AsyncKomboClient) -> None:
            nonlocal done
            assert isinstance(await kombo.send(CREATE), Success)
            done += 1
            if done == 40:
                await clients[0].flushall()
            if done == 80:
                with suppress(redis.RedisError):
                    await clients[0].shutdown(nosave=True)

        async with AsyncExitStack() as stack, asyncio.TaskGroup() as calls:
            for client in clients:
                limits = await stack.enter_async_context(SharedLimits(client, lease=1.0))
                kombo = await stack.enter_async_context(
                    AsyncKomboClient(
                        API_KEY,
                        integration_id=INTEGRATION,
                        base_url=server.url,
                        limits=limits,
                        retry=RetryPolicy(attempts=20, initial_delay=0.05),
                    )
                )
                for _ in range(60):
                    calls.create_task(send(kombo))
        assert done == 180
        for client in clients:
            await client.aclose()

    with redis_server() as own:
        asyncio.run(scene(own))
    assert server.performed.total() == 180


@pytest.mark.timeout(120)
def test_many_processes_share_exactly(
    address: str, server: FaultServer, record_property: Callable[[str, object], None]
) -> None:
    """Eight processes use all places and are hardly refused, though one is killed and one stands still for a while."""
    with_limits(address, nothing, number=0)
    server.latency, server.actions_at_once = 0.4, 30
    command = [sys.executable, "-m", "tests.scale.uploader", server.url, address, "100"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    killed, stopped = running[0], running[1]
    assert killed.stdout is not None
    killed.stdout.readline()
    time.sleep(3)
    killed.kill()
    stopped.send_signal(signal.SIGSTOP)
    time.sleep(3)
    stopped.send_signal(signal.SIGCONT)
    results = [json.loads(process.communicate(timeout=100)[0].splitlines()[-1]) for process in running[1:]]
    killed.communicate()
    assert [result["Success"] for result in results] == [100] * 7
    refused = server.refused / server.asked.total()
    record_property("refused", f"{refused:.2%}")
    assert refused < 0.03  # the stopped process had actions in flight whose places others took
    assert server.most_in_flight == 30


def test_the_documented_machine(address: str, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What docs/growing.md shows of `SharedLimits` works, and leaves no place behind."""
    page = Path(__file__).parents[2] / "docs" / "growing.md"
    (block,) = (
        each for each in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL) if "SharedLimits" in each
    )
    names: dict[str, Any] = {}
    exec(block, names)
    monkeypatch.setenv("KOMBO_API_KEY", API_KEY)
    monkeypatch.setenv("KOMBO_BASE_URL", server.url)
    monkeypatch.setenv("KOMBO_INTEGRATION_ID", INTEGRATION)
    with_limits(address, nothing, number=0)
    assert asyncio.run(names["machine"](address)) == "Success"
    assert server.asked.total() == 1
