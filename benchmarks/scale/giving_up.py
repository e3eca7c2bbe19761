"""Scenes about many waiting calls that are cancelled, or whose deadlines pass, in the same moment.

Measured in CPU time of one thread, on virtual time: how busy the machine is makes little difference. The garbage
collector is off, except where it says otherwise: it walks over all that wait, again and again.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Literal, TypeAlias

import anyio
import attrs
import httpx

from benchmarks.scale.scenes import Result, Scene
from kombo_async import AsyncKomboClient
from tests.scale.model import CREATE
from tests.support.virtual_loop import run

WAITING = 100_000
FEW = 20_000
DEPTH = 8
"""How many coroutines of ours a call that waits for its place is in."""

Kind: TypeAlias = Literal["calls", "nested", "bare", "timed"]


@attrs.frozen
class Cost:
    """What it took, in seconds of CPU."""

    total: float
    longest_gap: float
    """For how long nothing else could run."""
    longest_step: float
    """The longest of the steps of all calls: more than that, nobody can be kept waiting by one call."""


@attrs.define
class Timed(Coroutine[Any, Any, Any]):
    """A coroutine whose steps are timed."""

    inner: Coroutine[Any, Any, Any]
    longest: list[float]

    def send(self, value: Any, /) -> Any:
        """Take a step."""
        return self._timed(self.inner.send, value)

    def throw(self, *error: Any) -> Any:
        """Take a step with an error, such as a cancellation."""
        return self._timed(self.inner.throw, *error)

    def close(self) -> None:
        """End it."""
        self.inner.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self.inner.__await__()

    def _timed(self, step: Callable[..., Any], *arguments: Any) -> Any:
        start = time.thread_time()
        try:
            return step(*arguments)
        finally:
            self.longest[0] = max(self.longest[0], time.thread_time() - start)


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


async def timed(seconds: float) -> None:
    """Wait with nothing but a deadline."""
    with anyio.move_on_after(seconds):
        await asyncio.Event().wait()


async def given_up(number: int, kind: Kind, deadline: float | None) -> Cost:
    """Let so many wait, and then cancel all of them, or let their deadlines pass."""
    transport = httpx.MockTransport(hanging)
    async with AsyncKomboClient("key", integration_id="greenhouse:a", transport=transport) as kombo:
        waiting: dict[Kind, Callable[[], Coroutine[Any, Any, Any]]] = {
            "calls": lambda: kombo.send(CREATE, deadline=deadline),
            "nested": lambda: nested(DEPTH),
            "bare": lambda: asyncio.Event().wait(),
            "timed": lambda: timed(deadline or 0),
        }
        longest, gap, last = [0.0], 0.0, 0.0

        async def tick() -> None:
            nonlocal gap, last
            while True:
                await asyncio.sleep(0.001)
                gap, last = max(gap, time.thread_time() - last), time.thread_time()

        tasks = [asyncio.ensure_future(Timed(waiting[kind](), longest)) for _ in range(number)]
        for _ in range(20):
            await asyncio.sleep(0)
        ticking = asyncio.ensure_future(tick())
        await asyncio.sleep(0.01)
        longest[0], gap = 0.0, 0.0
        start = last = time.thread_time()
        if deadline is None:
            for task in tasks:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.002)
        ticking.cancel()
        return Cost(time.thread_time() - start, gap, longest[0])


def cost(number: int, kind: Kind, *, deadline: float | None = None, collector: bool = False) -> Cost:
    """What it costs in a process where nothing else waits."""
    gc.collect()
    if not collector:
        gc.disable()
    try:
        return run(given_up(number, kind, deadline))
    finally:
        gc.enable()


def cancelled() -> Result:
    """What it takes to cancel many waiting calls, a fifth of them, and as many tasks that do nothing else."""
    ours, few = cost(WAITING, "calls"), cost(FEW, "calls")
    nested, bare = cost(WAITING, "nested"), cost(WAITING, "bare")
    collected = cost(FEW, "calls", collector=True)
    text = (
        f"{ours.longest_gap:.2f} s of CPU in one go ({_each(ours, WAITING)} each; {_each(few, FEW)} each of {FEW:,}, "
        f"{_each(collected, FEW)} with the garbage collector on); the longest step of a call: "
        f"{ours.longest_step * 1000:.1f} ms. Without us: {bare.longest_gap:.2f} s for as many tasks in "
        f"`asyncio.Event().wait()`, {nested.longest_gap:.2f} s in {DEPTH} nested coroutines"
    )
    return Result(text, ours.longest_gap < 0.05)


def expired() -> Result:
    """What it takes when the deadlines of many waiting calls pass in the same moment."""
    ours, few = cost(WAITING, "calls", deadline=5.0), cost(FEW, "calls", deadline=5.0)
    bare = cost(WAITING, "timed", deadline=5.0)
    text = (
        f"{ours.longest_gap:.2f} s of CPU in one go ({_each(ours, WAITING)} each; {_each(few, FEW)} each of "
        f"{FEW:,}); the longest step of a call: {ours.longest_step * 1000:.1f} ms. Without us: "
        f"{bare.longest_gap:.2f} s for as many tasks in `anyio.move_on_after`"
    )
    return Result(text, ours.longest_gap < 0.05)


def _each(cost: Cost, number: int) -> str:
    return f"{cost.total / number * 1e6:.0f} µs"


SCENES = (
    Scene(
        f"{WAITING:,} waiting calls cancelled",
        "50,000: 18 s, quadratic",
        "linear; no stall over 50 ms",
        "this process",
        cancelled,
    ),
    Scene(
        f"{WAITING:,} waiting calls whose deadlines pass at once",
        "quadratic",
        "linear; no stall over 50 ms",
        "this process",
        expired,
    ),
)
