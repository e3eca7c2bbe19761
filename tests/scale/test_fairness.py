"""No integration hurts the others: whose turn it is, and who pauses, on virtual time."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from kombo_async import RateLimited, RetryPolicy, Success
from tests.scale.model import CREATE, READ, Kombo, System, hang, on_virtual_time, timed


def test_reads_never_wait_behind_actions() -> None:
    """A read is answered at once while slow systems keep hundreds of actions waiting."""

    async def scene() -> None:
        kombo = Kombo()
        client = kombo.client()
        async with anyio.create_task_group() as tasks:
            for number in range(10):
                kombo.systems[f"slow:{number}"] = System(seconds=20.0)
                for _ in range(200):
                    tasks.start_soon(timed, client, CREATE, f"slow:{number}")
            await anyio.sleep(60)
            for _ in range(8):
                assert await timed(client, READ, "greenhouse:a") < 0.05
            tasks.cancel_scope.cancel()

    on_virtual_time(scene)


def test_integrations_take_turns() -> None:
    """An integration with one action does not wait behind one with thousands, even if the connections are few."""

    async def scene() -> None:
        kombo = Kombo()
        kombo.systems["busy:1"] = System(limit=1000, seconds=0.1)
        client = kombo.client(max_connections=10)
        async with anyio.create_task_group() as tasks:
            for _ in range(5000):
                tasks.start_soon(timed, client, CREATE, "busy:1")
            await anyio.sleep(10)
            kombo.systems["small:1"] = System(seconds=0.1)
            assert await timed(client, CREATE, "small:1") < 0.5
            tasks.cancel_scope.cancel()

    on_virtual_time(scene)


@pytest.mark.parametrize(("hanging", "at_work"), [(3, True), (10, True), (27, False), (35, False)])
def test_systems_that_hang_keep_nobody_else_from_working(hanging: int, at_work: bool) -> None:
    """Systems that never answer hold all connections for actions; others still get one each, and reads do not wait."""

    async def scene() -> None:
        kombo = Kombo()
        client = kombo.client(retry=RetryPolicy.none())
        async with anyio.create_task_group() as tasks:
            await hang(kombo, client, tasks, hanging, at_work=at_work)
            assert client.status().in_flight >= 80
            for _ in range(5):
                assert await timed(client, CREATE, "greenhouse:a") < 1.5
                assert await timed(client, READ, "greenhouse:a") < 0.05
            tasks.cancel_scope.cancel()

    on_virtual_time(scene)


def test_reads_keep_connections_whatever_hangs() -> None:
    """However many integrations hang, a tenth of the connections is for reads alone."""

    async def scene() -> None:
        kombo = Kombo()
        client = kombo.client(retry=RetryPolicy.none())
        async with anyio.create_task_group() as tasks:
            for number in range(200):
                kombo.systems[f"hanging:{number}"] = System(seconds=1e6)
                tasks.start_soon(timed, client, CREATE, f"hanging:{number}")
            await anyio.sleep(5)
            assert client.status().in_flight == 90
            assert await timed(client, READ, "greenhouse:a") < 0.05
            tasks.cancel_scope.cancel()

    on_virtual_time(scene)


def test_connections_for_first_actions_are_given_back() -> None:
    """A waiting integration gets the connection of another's only action when that ends."""

    async def scene() -> None:
        kombo = Kombo()
        client = kombo.client(max_connections=20, retry=RetryPolicy.none())
        done: list[str] = []

        async def create(integration_id: str) -> None:
            await timed(client, CREATE, integration_id)
            done.append(integration_id)

        async with anyio.create_task_group() as tasks:
            for number in range(6):
                kombo.systems[f"hanging:{number}"] = System(seconds=1e6)
                for _ in range(5):
                    tasks.start_soon(create, f"hanging:{number}")
            await anyio.sleep(5)
            assert client.status().in_flight == 16
            for number in range(20):
                tasks.start_soon(create, f"healthy:{number}")
                tasks.start_soon(create, f"healthy:{number}")
            await anyio.sleep(1.5)
            assert client.status().in_flight == 18
            await anyio.sleep(25)
            tasks.cancel_scope.cancel()
        assert sorted(done) == sorted([f"healthy:{number}" for number in range(20)] * 2)

    on_virtual_time(scene)


@pytest.mark.parametrize("code", ["platform", "plain", "remote", "concurrency"])
def test_one_limited_integration_slows_nobody_else(code: Any) -> None:
    """Healthy integrations work on at full speed while one is always refused, and that one is asked rarely."""

    async def throughput(*, limited: bool) -> float:
        kombo = Kombo()
        client = kombo.client(retry=RetryPolicy.none())
        kombo.systems["limited:1"] = System(refusal=code, down=True)
        done = 0

        async def work(integration_id: str) -> None:
            nonlocal done
            while True:
                reply = await client.send(CREATE, integration_id=integration_id)
                done += isinstance(reply, Success)

        async with anyio.create_task_group() as tasks:
            for number in range(8):
                kombo.systems[f"healthy:{number}"] = System(seconds=0.05)
                tasks.start_soon(work, f"healthy:{number}")
            for _ in range(30 if limited else 0):
                tasks.start_soon(work, "limited:1")
            await anyio.sleep(10)
            tasks.cancel_scope.cancel()
        assert kombo.systems["limited:1"].refused < 40
        return done / 10

    async def scene() -> None:
        assert await throughput(limited=True) > 0.97 * await throughput(limited=False)

    on_virtual_time(scene)


def test_two_refused_integrations_pause_the_client() -> None:
    """When a second integration is refused and nothing gets through, all calls pause: the limit is the client's."""

    async def scene() -> None:
        kombo = Kombo()
        for name in ("a:1", "b:1", "c:1"):
            kombo.systems[name] = System(refusal="platform", down=True, retry_after=5.0)
        client = kombo.client(retry=RetryPolicy.none())
        assert isinstance(await client.send(CREATE, integration_id="a:1"), RateLimited)
        kombo.systems["d:1"] = System(seconds=0.1)
        start = anyio.current_time()
        assert isinstance(await client.send(CREATE, integration_id="b:1"), RateLimited)
        assert anyio.current_time() - start < 1, "one refused integration pauses nobody else"
        await timed(client, READ, "d:1")
        assert anyio.current_time() - start >= 5, "after the second all calls wait as long as Kombo asks"

    on_virtual_time(scene)


def test_a_refused_read_pauses_the_client() -> None:
    """A read's 429 can only be the limit of all calls: Kombo counts no reads for an integration."""

    async def scene() -> None:
        kombo = Kombo()
        kombo.systems["a:1"] = System(refusal="platform", down=True, retry_after=5.0)
        client = kombo.client(retry=RetryPolicy.none())
        assert isinstance(await client.send(READ, integration_id="a:1"), RateLimited)
        assert await timed(client, READ, "b:1") >= 5

    on_virtual_time(scene)


def test_refusals_while_others_get_through_are_their_own() -> None:
    """Two limited integrations among healthy ones pause nobody: what gets through shows whose limit it is."""

    async def scene() -> None:
        kombo = Kombo()
        for name in ("a:1", "b:1"):
            kombo.systems[name] = System(refusal="platform", down=True, retry_after=5.0)
        client = kombo.client(retry=RetryPolicy.none())
        for name in ("a:1", "b:1"):
            assert isinstance(await client.send(CREATE, integration_id=name), RateLimited)
            assert await timed(client, READ, "healthy:1") < 0.05

    on_virtual_time(scene)


def test_a_used_up_window_is_waited_for() -> None:
    """`ratelimit-remaining: 0` pauses the client until `ratelimit-reset`, before anything is refused."""

    async def scene() -> None:
        kombo = Kombo()
        kombo.extra_headers = {"ratelimit-limit": "300", "ratelimit-remaining": "0", "ratelimit-reset": "7"}
        client = kombo.client()
        await timed(client, READ, "a:1")
        kombo.extra_headers = {"ratelimit-limit": "300", "ratelimit-remaining": "299", "ratelimit-reset": "60"}
        assert 7 <= await timed(client, READ, "b:1") < 7.1
        assert await timed(client, READ, "b:1") < 0.05

    on_virtual_time(scene)


def test_a_system_that_takes_five_at_once_is_not_hammered() -> None:
    """A connected system that refuses the sixth action by a code of its own is soon left in peace."""

    async def scene() -> None:
        kombo = Kombo()
        system = kombo.systems["greenhouse:a"] = System(limit=5, seconds=0.4, refusal="remote", headers=False)
        client = kombo.client()
        async with anyio.create_task_group() as tasks:
            for _ in range(2000):
                tasks.start_soon(client.send, CREATE)
        assert system.refused < 40
        assert system.use() > 0.95

    on_virtual_time(scene)
