"""A server that says odd things about its limits: nothing stops for long, and nothing is flooded."""

from __future__ import annotations

import random
from collections import Counter
from functools import partial
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kombo_async import RetryPolicy, Success, ats
from kombo_async._chain.adaptive_limiter import LOWEST_LIMIT, AdaptiveLimiter, Turn
from kombo_async._clock import Clock
from kombo_async.bulk import Row
from tests.scale.model import CREATE, READ, Kombo, System, on_virtual_time

A = "greenhouse:a"
NONSENSE = ["-1", "NaN", "inf", "1e9", "٣", "²", "3, 5", "3;w=60", "", "+5", "0x1f", "1.5", "9" * 20, "9" * 5000]


@pytest.mark.parametrize("value", NONSENSE, ids=lambda value: ascii(value)[:12])
def test_limits_that_make_no_sense(value: str) -> None:
    """Actions, reads and uploads go on as if the headers were not there."""

    async def scene() -> Counter[str]:
        kombo = Kombo()
        system = kombo.systems[A] = System(limit=10, seconds=0.4)
        names = ("Concurrency-Limit", "Concurrency-Remaining", "ratelimit-limit", "ratelimit-remaining", "Retry-After")
        kombo.extra_headers = dict.fromkeys((*names, "ratelimit-reset"), value)
        client = kombo.client()
        async with anyio.create_task_group() as tasks:
            for _ in range(60):
                tasks.start_soon(client.send, CREATE)
        assert isinstance(await client.send(READ), Success)
        assert anyio.current_time() < 30
        assert system.refused < 20
        people = [
            ats.CandidateInput(first_name="A", last_name="B", email_address=f"{number}@example.com")
            for number in range(20)
        ]
        rows = [Row(ats.CreateApplication(job_id="job", candidate=person)) for person in people]
        async with client.bulk(rows) as outcomes:
            return Counter([outcome.result async for outcome in outcomes])

    assert on_virtual_time(scene) == {"done": 20}


def test_a_limit_that_changes_every_second() -> None:
    """Everything is done, and few actions are refused, whatever the limit is by now."""

    async def scene() -> float:
        kombo = Kombo()
        system = kombo.systems[A] = System(seconds=0.4)
        client = kombo.client(retry=RetryPolicy(attempts=30))
        async with anyio.create_task_group() as tasks:

            async def change() -> None:
                while True:
                    await anyio.sleep(1)
                    system.limit = random.choice((1, 2, 5, 10, 30, 60))

            async with anyio.create_task_group() as calls:
                tasks.start_soon(change)
                for _ in range(1_000):
                    calls.start_soon(client.send, CREATE)
            tasks.cancel_scope.cancel()
        assert system.performed == 1_000
        return system.refused / (system.refused + system.performed)

    assert on_virtual_time(scene) < 0.15


def test_one_that_never_answers_beside_many() -> None:
    """An integration that never answers keeps the places that a client begins with, and no more."""

    async def scene() -> float:
        kombo = Kombo()
        kombo.systems["hanging:1"] = System(seconds=10_000)
        client = kombo.client()
        async with anyio.create_task_group() as tasks:
            for _ in range(200):
                tasks.start_soon(partial(client.send, CREATE, integration_id="hanging:1", timeout=9_000))
            await anyio.sleep(1)
            start = anyio.current_time()
            async with anyio.create_task_group() as others:
                for number in range(500):
                    kombo.systems[f"healthy:{number}"] = System(seconds=0.1)
                    others.start_soon(partial(client.send, CREATE, integration_id=f"healthy:{number}"))
            took = anyio.current_time() - start
            tasks.cancel_scope.cancel()
        return took

    assert on_virtual_time(scene) < 2  # 500 actions of 0.1 s, some 75 at once: 0.7 s


header = st.one_of(
    st.none(), st.integers(-2, 200).map(str), st.sampled_from([each for each in NONSENSE if each.isascii()])
)


@settings(deadline=None)
@given(
    st.lists(st.tuples(header, header, st.booleans(), st.integers(1, 40), st.sampled_from([1, 2, 9, 60])), max_size=20)
)
def test_no_history_breaks_a_limiter(history: list[tuple[str | None, str | None, bool, int, int]]) -> None:
    """Whatever is answered, several times in a row, a limit is between the lowest share and what Kombo said last."""

    async def scene() -> None:
        limiter = AdaptiveLimiter(Clock())
        told = 30
        for limit, remaining, refused, level, times in history:
            headers = {"Concurrency-Limit": limit, "Concurrency-Remaining": remaining}
            given = {name: value for name, value in headers.items() if value is not None}
            response: Any = Success(data=None, status_code=200, raw_response=httpx.Response(200, headers=given))
            if limit is not None and limit.isdigit() and len(limit) <= 6 and int(limit):
                told = int(limit)
            for _ in range(times):
                limiter.learn(response, Turn(level, limiter.epoch, 0.0), refused=refused)
                assert LOWEST_LIMIT <= limiter.limit <= told

    on_virtual_time(scene)
