"""What it takes when many waiting calls are cancelled, or pass their deadline, at once: the same for each of them.

Counted in function calls, on virtual time: how busy the machine is makes no difference. Searches inside of the
interpreter are no function calls; those show in how often a call that waits is compared with others.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from random import Random
from typing import Any, TypeAlias

import httpx
import pytest

from kombo_async import AsyncKomboClient, Options, TimedOut
from kombo_async._chain.queues import FairQueue, Queue
from tests.scale.model import CREATE, READ
from tests.support.virtual_loop import run

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

    return run(scene())


@pytest.mark.parametrize("kind", [action, read])
def test_cancelling_costs_each_waiting_call_the_same(kind: Any) -> None:
    """However many are cancelled with it."""
    assert each(kind, MANY, deadline=None) <= each(kind, FEW, deadline=None) * MARGIN


@pytest.mark.parametrize("kind", [action, read])
def test_deadlines_cost_each_waiting_call_the_same(kind: Any) -> None:
    """However many pass with it."""
    assert each(kind, MANY, deadline=2.0) <= each(kind, FEW, deadline=2.0) * MARGIN


class Turn:
    """A call that waits, and counts how often it is compared with another."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        Turn.compared += 1
        return self is other

    __hash__ = object.__hash__


@pytest.mark.parametrize("groups", [0, 1, 2, 1000])
def test_leaving_a_queue_takes_no_search(groups: int) -> None:
    """From wherever in it: neither in one queue nor in those of groups is anything compared but what leaves."""
    turns: list[Any] = [Turn() for _ in range(1000)]
    shuffled = Random(7).sample(range(1000), 1000)
    Turn.compared = 0
    if groups:
        fair = FairQueue()
        for index, turn in enumerate(turns):
            fair.add(turn, index % groups)
        for index in shuffled:
            fair.remove(turns[index], index % groups)
        assert not fair
    else:
        queue = Queue()
        for turn in turns:
            queue.add(turn)
        for index in shuffled:
            queue.remove(turns[index])
        assert not queue
    assert Turn.compared <= len(turns)
