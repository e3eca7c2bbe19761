"""The model of Redis does what a real one does: the same calls of journals, one by one, against both."""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from kombo_async.bulk import Entry, JournalError, RowKey
from kombo_async.bulk.redis import RedisJournal
from tests.simulation.clocks import simulated
from tests.simulation.disturbance import Disturbance
from tests.simulation.redis_model import RedisServer
from tests.simulation.scheduler import Process, World

pytestmark = pytest.mark.skipif(shutil.which("redis-server") is None, reason="needs redis-server")
SETTINGS = {"policy": "noeviction", "config": "allowed", "aof": "1"}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis of our own, reached by a Unix socket."""
    folder: Path = tmp_path_factory.mktemp("redis")
    socket = folder / "s"
    arguments = [
        "redis-server",
        "--port",
        "0",
        "--unixsocket",
        str(socket),
        "--dir",
        str(folder),
        "--appendonly",
        "yes",
    ]
    with subprocess.Popen([*arguments, "--appendfsync", "always"], stdout=subprocess.DEVNULL) as server:
        try:
            for _ in range(200):
                if socket.exists():
                    break
                time.sleep(0.05)
            yield f"unix://{socket}"
        finally:
            server.terminate()


async def calls(seed: int, redis: Any, job: str) -> list[str]:
    """What journals of several runs answer to the same calls."""
    chance = random.Random(seed)
    journals: list[RedisJournal | None] = [None, None, None]
    said: list[str] = []
    now = datetime(2026, 11, 2, tzinfo=UTC)
    for number in range(60):
        index, key = chance.randrange(3), RowKey(f"k{chance.randrange(4)}", "op", "i")
        journal = journals[index]
        what = chance.choice(("claim", "claim", "claim", "sending", "settle", "settle", "release", "close"))
        state: Any = chance.choice(("done", "refused", "in_doubt", "unsent"))
        entry = Entry(state="sending" if what == "sending" else state, digest=f"d{number}", first_sent=now)
        answer: Any = None
        try:
            if journal is None:
                journals[index] = opened = RedisJournal(redis, job=job, lease=600)
                what = "open"
                await opened.open("https://kombo.test")
            elif what == "claim":
                answer = await journal.claim(key)
            elif what in ("sending", "settle"):
                await journal.record(key, entry)
            elif what == "release":
                await journal.release(key)
            else:
                journals[index] = None
                await journal.aclose()
        except JournalError as error:
            answer = type(error).__name__
        said.append(f"{index} {what} {key.key}: {answer}")
    for journal in journals:
        if journal is not None:
            await journal.aclose()
    return said


def on_the_model(seed: int) -> list[str]:
    """The same calls on virtual time."""

    async def nothing(name: str) -> None: ...

    with simulated(seed, nothing) as clocks:
        world = World(seed, clocks)
        process = Process(world, "p")
        process.disturbance = Disturbance(process, random.Random(0), {})
        server = RedisServer(world, SETTINGS)
        server.calm = True
        task = process.start(calls(seed, server.client(process), "job"))
        world.run(task.done)
        return task.result()


@pytest.mark.parametrize("seed", range(12))
def test_the_model_answers_as_redis_does(address: str, seed: int) -> None:
    """Claims, records, releases and ends of three runs have the same results on both."""

    async def really() -> list[str]:
        async with Redis.from_url(address) as redis:
            return await calls(seed, redis, f"job{seed}")

    assert on_the_model(seed) == asyncio.run(really())


def test_leases_lapse_on_both(address: str) -> None:
    """A run that is not heard of loses its rows, on the model as on a real server."""

    async def lapse(redis: Any, job: str, lease: float, stall: Callable[[float], None]) -> list[str]:
        first, second = RedisJournal(redis, job=job, lease=lease), RedisJournal(redis, job=job, lease=lease)
        key, said = RowKey("k", "op", "i"), list[str]()
        await first.open("https://kombo.test")
        await first.claim(key)
        stall(lease * 1.5)
        await asyncio.sleep(0)
        await second.open("https://kombo.test")
        said.append(str(await second.claim(key)))
        try:
            await first.record(key, Entry(state="sending", digest="d"))
            said.append("recorded")
        except JournalError as error:
            said.append(type(error).__name__)
        await second.aclose()
        await first.aclose()
        return said

    async def really() -> list[str]:
        async with Redis.from_url(address) as redis:
            return await lapse(redis, "lapse", 0.4, time.sleep)

    async def nothing(name: str) -> None: ...

    with simulated(0, nothing) as clocks:
        world = World(0, clocks)
        process = Process(world, "p")
        process.disturbance = Disturbance(process, random.Random(0), {})
        server = RedisServer(world, SETTINGS)
        server.calm = True
        task = process.start(lapse(server.client(process), "lapse", 0.4, process.pause))
        world.run(task.done)
        modelled = task.result()
    assert modelled == asyncio.run(really())
