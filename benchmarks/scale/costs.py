"""Scenes about what things cost: real sockets, a real Redis, real files, on this machine as busy as it is."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Literal

import anyio
import httpx

from benchmarks import mirror
from benchmarks.scale.scenes import Result, Scene
from kombo_async import AsyncKomboClient, RetryPolicy, SharedLimits, Success, hris
from tests.support.calls import CREATE
from tests.support.fault_server import FaultServer
from tests.support.redis_server import redis_server

ROWS = 2_000
TASKS = 40
WAITING = 20_000
DEPTH = 8
"""How many coroutines of ours a call that waits for its place is in."""
INTEGRATION = "greenhouse:a"


async def hanging(_: httpx.Request) -> httpx.Response:
    """Never answer."""
    await asyncio.sleep(3600)
    raise AssertionError


async def nested(depth: int) -> None:
    """Wait in as many coroutines, one in the other, as a call of ours passes through."""
    if depth > 1:
        await nested(depth - 1)
    else:
        with anyio.CancelScope():
            await anyio.Event().wait()


async def stall(number: int, kind: Literal["calls", "nested", "bare"]) -> float:
    """For how long the loop does nothing else when so many waiting calls, or coroutines, are cancelled."""
    async with AsyncKomboClient("key", integration_id=INTEGRATION, transport=httpx.MockTransport(hanging)) as kombo:
        waiting: dict[str, Callable[[], Coroutine[Any, Any, Any]]] = {
            "calls": lambda: kombo.send(CREATE),
            "nested": lambda: nested(DEPTH),
            "bare": lambda: asyncio.Event().wait(),
        }
        tasks = [asyncio.ensure_future(waiting[kind]()) for _ in range(number)]
        for _ in range(20):
            await asyncio.sleep(0)
        start = time.thread_time()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return time.thread_time() - start


def cancelled() -> Result:
    """What it takes to cancel many waiting calls, a quarter of them, as many coroutines as deep, and bare tasks."""
    ours = asyncio.run(stall(WAITING, "calls"))
    few = asyncio.run(stall(WAITING // 4, "calls"))
    floor = asyncio.run(stall(WAITING, "nested"))
    bare = asyncio.run(stall(WAITING, "bare"))
    text = (
        f"{ours:.2f} s of CPU in one go ({ours / WAITING * 1e6:.0f} µs each; {few / WAITING * 4e6:.0f} µs each of "
        f"{WAITING // 4:,}); {DEPTH} nested coroutines that do nothing: {floor:.2f} s; bare tasks: {bare:.2f} s"
    )
    return Result(text, ours < 0.05)


def redis_rows(processes: int, tasks: int = 1) -> Result:
    """Rows a second through a journal in Redis, by so many processes; Kombo's part costs next to nothing."""
    with redis_server() as address:
        command = [sys.executable, "-m", "benchmarks.scale.redis_rows", address, str(ROWS), str(tasks)]
        running = [
            subprocess.Popen([*command, str(number)], stdout=subprocess.PIPE, text=True) for number in range(processes)
        ]
        found = [json.loads(process.communicate(timeout=120)[0].splitlines()[-1]) for process in running]
    wall = ROWS * processes / (max(each["end"] for each in found) - min(each["start"] for each in found))
    cpu = ROWS * processes / sum(each["cpu"] for each in found)
    connections = max(each["connections"] for each in found)
    text = f"{wall:,.0f} rows/s ({cpu:,.0f} a second of a process's own CPU), {connections} connections to Redis each"
    return Result(text, wall >= 3_000 if processes == 1 else wall >= 7_500)


def many_tasks() -> Result:
    """Many runs of 50 rows in one process."""
    with redis_server() as address:
        command = [sys.executable, "-m", "benchmarks.scale.redis_rows", address, "50", str(TASKS), "0"]
        output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    found = json.loads(output.splitlines()[-1])
    seconds, connections = found["end"] - found["start"], found["connections"]
    text = f"{found['done']:,} of {50 * TASKS:,} done in {seconds:.1f} s, {connections} connections"
    return Result(text, found["done"] == 50 * TASKS and found["connections"] <= 21)


def shared(number: int = 50, actions: int = 12) -> Result:
    """Clients that share 30 places by a real Redis, over real sockets."""

    async def scene(url: str, address: str) -> tuple[list[float], int]:
        from redis.asyncio import Redis

        longest = [0.0] * number
        done = 0

        async def machine(index: int) -> None:
            nonlocal done
            redis = Redis.from_url(address)
            async with (
                SharedLimits(redis) as limits,
                AsyncKomboClient(
                    "key", integration_id=INTEGRATION, base_url=url, limits=limits, retry=RetryPolicy(attempts=10)
                ) as kombo,
            ):

                async def send() -> None:
                    nonlocal done
                    start = time.monotonic()
                    response = await kombo.send(CREATE)
                    done += isinstance(response, Success)
                    longest[index] = max(longest[index], time.monotonic() - start)

                await asyncio.gather(*(send() for _ in range(actions)))
            await redis.aclose()

        await asyncio.gather(*(machine(index) for index in range(number)))
        return longest, done

    with redis_server() as address, FaultServer(latency=1.0, actions_at_once=30) as server:
        longest, done = asyncio.run(scene(server.url, address))
        used = server.held / (server.last_action - server.first_action) / 30
        refused = server.refused / server.asked.total()
    text = (
        f"{used:.0%} used, {refused:.1%} refused, {number * actions - done} failed; "
        f"who waited longest was done after {max(longest):.0f} s, the luckiest after {min(longest):.0f} s"
    )
    return Result(text, used >= 0.95 and refused < 0.01 and done == number * actions)


def mirrored() -> Result:
    """Employees a second into a SQLite mirror, over real sockets."""
    with tempfile.TemporaryDirectory() as folder:
        figures = mirror.measure("sqlite", 20_000, str(Path(folder) / "mirror.db"))
    count, seconds = figures["first"]
    busy = figures["cpu"][1]
    return Result(f"{count / seconds:,.0f} records/s ({count / busy:,.0f} a second of CPU)", count / seconds >= 6_000)


def one_wrong_field() -> Result:
    """Reading a page of 250 of which one record has a wrong field, by a clean page."""
    records = [mirror.employee(number, "Frank") for number in range(250)]

    def body() -> bytes:
        return json.dumps({"status": "success", "data": {"results": records, "next": None}}).encode()

    clean = body()
    records[100]["start_date"] = 7
    wrong = body()

    async def seconds(content: bytes) -> float:
        async def answer(_: httpx.Request) -> httpx.Response:
            return httpx.Response(200, content=content, headers={"Content-Type": "application/json"})

        async with AsyncKomboClient("key", integration_id=INTEGRATION, transport=httpx.MockTransport(answer)) as kombo:
            times: list[float] = []
            for _ in range(40):
                start = time.thread_time()
                assert isinstance(await kombo.send(hris.GetEmployees()), Success)
                times.append(time.thread_time() - start)
            return min(times)

    ratio = asyncio.run(seconds(wrong)) / asyncio.run(seconds(clean))
    return Result(f"{ratio:.2f} x a clean page", ratio <= 2)


SCENES = (
    Scene(
        f"{WAITING:,} waiting calls cancelled",
        "50,000: 18 s, quadratic",
        "linear; no stall over 50 ms",
        "this process",
        cancelled,
    ),
    Scene(
        "50 clients share 30 places by `SharedLimits`",
        "not there",
        "≥ 95 % used, < 1 % refused, none starves",
        "real Redis",
        shared,
    ),
    Scene(
        f"journal in Redis: {ROWS:,} rows by one process",
        "3 round trips a row",
        "≥ 3,000 rows/s",
        "real Redis",
        lambda: redis_rows(1),
    ),
    Scene(
        f"journal in Redis: {ROWS:,} rows by each of 4 processes",
        "slower than one",
        "≥ 2.5 x on four cores",
        "real Redis",
        lambda: redis_rows(4),
    ),
    Scene(
        f"journal in Redis: {TASKS} tasks of 50 rows in one process",
        "`JournalError`; 20 connections each",
        "all done, ≤ 20 connections",
        "real Redis",
        many_tasks,
    ),
    Scene("employees into a SQLite mirror", "2,000 records/s", "≥ 6,000 records/s", "real sockets", mirrored),
    Scene(
        "a page of 250 employees with one wrong field",
        "not there",
        "≤ 2 x a clean page",
        "this process",
        one_wrong_field,
    ),
)
