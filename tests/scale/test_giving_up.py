"""What it takes when many waiting calls are cancelled, or pass their deadline, at once: the same for each of them.

Counted in function calls, which do not depend on how busy the machine is; what those hide, the queues alone show.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Coroutine
from typing import Any, TypeAlias

import anyio
import httpx
import pytest

from kombo_async import AsyncKomboClient, Options, TimedOut
from kombo_async._chain.queues import FairQueue, Queue
from tests.scale.model import CREATE, READ

FEW, MANY = 300, 2_400
MARGIN = 1.05

Waiting: TypeAlias = Coroutine[Any, Any, Any]


async def hanging(_: httpx.Request) -> httpx.Response:
    """Never answer."""
    await asyncio.sleep(3600)
    raise AssertionError


def action(kombo: AsyncKomboClient, options: Options) -> Waiting:
    """An action, which waits for one of its integration's places."""
    return kombo.send(CREATE, **options)


def read(kombo: AsyncKomboClient, options: Options) -> Waiting:
    """A read, which waits for a connection."""
    return kombo.send(READ, **options)


class Counted:
    """Counts the function calls of this thread."""

    def __init__(self) -> None:
        self.calls = 0

    def __enter__(self) -> Counted:
        sys.setprofile(self._count)
        return self

    def __exit__(self, *exc_info: object) -> None:
        sys.setprofile(None)

    def _count(self, frame: object, event: str, arg: object) -> None:
        self.calls += event.endswith("call")


def each(kind: Any, number: int, *, deadline: float | None) -> float:
    """How many function calls one of *number* calls takes to begin, to wait in vain and to end."""

    async def scene() -> float:
        transport = httpx.MockTransport(hanging)
        async with AsyncKomboClient("key", integration_id="greenhouse:1", transport=transport) as kombo:
            options: Options = {} if deadline is None else {"deadline": deadline}
            with Counted() as counted:
                tasks = [asyncio.ensure_future(kind(kombo, options)) for _ in range(number)]
                if deadline is None:
                    for _ in range(20):  # all have come as far as they can by then
                        await asyncio.sleep(0)
                    for task in reversed(tasks):  # those who wait leave before the one in front ends
                        task.cancel()
                results = await asyncio.gather(*tasks, return_exceptions=True)
            ended = asyncio.CancelledError if deadline is None else TimedOut
            assert all(isinstance(result, ended) for result in results)
            return counted.calls / number

    return asyncio.run(scene())


@pytest.mark.parametrize("kind", [action, read])
def test_cancelling_costs_each_waiting_call_the_same(kind: Any) -> None:
    """However many are cancelled with it."""
    assert each(kind, MANY, deadline=None) <= each(kind, FEW, deadline=None) * MARGIN


@pytest.mark.parametrize("kind", [action, read])
def test_deadlines_cost_each_waiting_call_the_same(kind: Any) -> None:
    """However many pass with it."""
    assert each(kind, MANY, deadline=2.0) <= each(kind, FEW, deadline=2.0) * MARGIN


def leaving(kind: str, number: int) -> float:
    """Seconds that each of *number* takes to leave a queue, the last first."""

    async def scene() -> float:
        turns = [anyio.Event() for _ in range(number)]
        start = time.thread_time()
        if kind == "first come":
            queue = Queue()
            for turn in turns:
                queue.add(turn)
            for turn in reversed(turns):
                queue.remove(turn)
            assert not queue
        else:
            fair = FairQueue()
            for index, turn in enumerate(turns):
                fair.add(turn, index % 2 if kind == "two groups" else index)
            for index, turn in reversed([*enumerate(turns)]):
                fair.remove(turn, index % 2 if kind == "two groups" else index)
            assert not fair
        return (time.thread_time() - start) / number

    return asyncio.run(scene())


@pytest.mark.parametrize("kind", ["first come", "two groups", "many groups"])
def test_leaving_a_long_queue_is_as_cheap_as_leaving_a_short_one(kind: str) -> None:
    """With a search through the queue it would take some 60 times as long."""
    short = min(leaving(kind, 1_000) for _ in range(5))
    assert leaving(kind, 64_000) < 30 * short
