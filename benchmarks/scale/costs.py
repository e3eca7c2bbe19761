"""Scenes about what things cost: real sockets, a real Redis, real files, on this machine as busy as it is."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from benchmarks import mirror
from benchmarks.scale.scenes import Result, Scene
from kombo_async import AsyncKomboClient, RetryPolicy, SharedLimits, Success, hris
from kombo_async.bulk import Entry, RowKey
from tests.support.calls import CREATE
from tests.support.fault_server import FaultServer
from tests.support.redis_server import redis_server

ROWS = 2_000
TASKS = 40
JOURNAL_ROWS = 10_000
INTEGRATION = "greenhouse:a"


def _in_processes(processes: int, address: str) -> list[dict[str, float]]:
    """What so many processes print that send rows at the same time, each its own part of the input."""
    command = [sys.executable, "-m", "benchmarks.scale.redis_rows", address, str(ROWS), "1"]
    running = [
        subprocess.Popen([*command, str(number)], stdout=subprocess.PIPE, text=True) for number in range(processes)
    ]
    return [json.loads(process.communicate(timeout=240)[0].splitlines()[-1]) for process in running]


def _speed(found: list[dict[str, float]]) -> float:
    """Rows a second, of all processes together."""
    return ROWS * len(found) / (max(each["end"] for each in found) - min(each["start"] for each in found))


def redis_rows(processes: int, times: float | None) -> Result:
    """Rows a second by so many processes, with calls that are answered at once; *times* is the target over one."""
    with redis_server() as address:
        alone = _speed(_in_processes(1, address)) if processes > 1 else None
    with redis_server() as address:
        found = _in_processes(processes, address)
    speed = _speed(found)
    cpu = sum(each["cpu"] for each in found) / ROWS / processes * 1e6
    against = "" if alone is None else f", {speed / alone:.1f} x one right before"
    text = f"{speed:,.0f} rows/s{against} ({cpu:.0f} µs of CPU a row, {found[0]['connections']:.0f} connections each)"
    return Result(text, alone is None or times is None or speed >= times * alone)


def same_input() -> Result:
    """Four processes that read the same rows, against one: the CPU time of each, and how often the journal is written.

    Each looks at all rows, so that they cannot be faster than one on fewer cores than they are.
    """
    from redis import Redis

    def run(processes: int) -> tuple[float, float, float]:
        with redis_server() as address:
            command = [sys.executable, "-m", "benchmarks.scale.redis_rows", address, str(ROWS), "1", "same"]
            running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
            found = [json.loads(process.communicate(timeout=240)[0].splitlines()[-1]) for process in running]
            with Redis.from_url(address) as client:
                stats: Any = client.info("commandstats")
        if [each["done"] for each in found] != [ROWS] * processes:
            raise OSError("some rows are not done")
        cpu = max(each["cpu"] for each in found) / ROWS * 1e6
        return cpu, stats["cmdstat_hset"]["calls"] / ROWS, _speed(found) / processes

    (alone, once, before), (cpu, writes, speed) = run(1), run(4)
    text = (
        f"{cpu:.0f} µs of CPU a row in each, {alone:.0f} in one that is alone; {writes:.1f} writes a row, {once:.1f} by"
        f" one; {speed / before:.1f} x as fast on {len(os.sched_getaffinity(0))} cores"
    )
    return Result(text, speed >= before and writes <= 1.02 * once)


def redis_journal() -> Result:
    """What the journal itself takes for a row: it is claimed, noted as being sent, and noted as done."""

    async def scene(address: str) -> tuple[float, float]:
        from kombo_async.bulk.redis import RedisJournal

        journal = RedisJournal(address, job="upload")
        await journal.open("https://api.kombo.dev")
        numbers = iter(range(JOURNAL_ROWS))

        async def work() -> None:
            for number in numbers:
                key = RowKey(str(number), "application", INTEGRATION)
                await journal.claim(key)
                await journal.record(key, Entry(state="sending", digest="0" * 32))
                done = Entry(state="done", digest="0" * 32, ids={"id": f"made {number}"}, proof="answer")
                await journal.record(key, done)

        start, busy = time.perf_counter(), time.process_time()
        await asyncio.gather(*(work() for _ in range(100)))
        took = time.perf_counter() - start, time.process_time() - busy
        await journal.aclose()
        return took

    with redis_server() as address:
        wall, cpu = asyncio.run(scene(address))
    text = f"{JOURNAL_ROWS / wall:,.0f} rows/s ({cpu / JOURNAL_ROWS * 1e6:.0f} µs of CPU a row)"
    return Result(text, JOURNAL_ROWS / wall >= 3_000)


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
        used, whole = server.use(until_last_begun=True), server.use()
        refused = server.refused / server.asked.total()
    text = (
        f"{used:.0%} used until the last action began ({whole:.0%} until it ended), {refused:.1%} refused, "
        f"{number * actions - done} failed; "
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
        "50 clients share 30 places by `SharedLimits`",
        "not there",
        "≥ 95 % used, < 1 % refused, none starves",
        "real Redis",
        shared,
    ),
    Scene(
        f"journal in Redis by itself: {JOURNAL_ROWS:,} rows by one process, 100 at once",
        "3 round trips a row",
        "≥ 3,000 rows/s",
        "real Redis",
        redis_journal,
    ),
    Scene(
        f"an upload with it: {ROWS:,} rows by one process, Kombo answers at once",
        "3 round trips a row",
        "—",
        "real Redis",
        lambda: redis_rows(1, None),
    ),
    Scene(
        f"the same by 2 processes, {ROWS:,} rows each",
        "slower than one",
        "—",
        "real Redis",
        lambda: redis_rows(2, None),
    ),
    Scene(
        f"the same by 4 processes, {ROWS:,} rows each",
        "slower than one",
        "≥ 2.5 x on four cores",
        "real Redis",
        lambda: redis_rows(4, 2.5),
    ),
    Scene(
        f"4 processes that read the same {ROWS:,} rows",
        "slower than one: each claims each row",
        "not slower than one on four cores, no more writes",
        "real Redis",
        same_input,
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
