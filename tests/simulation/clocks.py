"""What the code under test takes from the machine: clocks, threads, randomness. Under the simulation it is ours."""

from __future__ import annotations

import gc
import itertools
import logging
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any, TypeVar

import anyio
import pytest
import time_machine
from anyio import to_thread
from anyio._backends import _asyncio

T = TypeVar("T")
EPOCH = datetime(2026, 11, 2, 9, 0, tzinfo=UTC).timestamp()
"""The time at which each seed begins."""


class Clocks:
    """The wall clock and the monotonic clock that the process has that is being run."""

    def __init__(self, traveller: time_machine.Traveller) -> None:
        self._traveller = traveller
        self._wall: float | None = None
        self.monotonic = 0.0

    def set(self, wall: float, monotonic: float) -> None:
        """Turn both."""
        if wall != self._wall:  # it takes its time
            self._traveller.move_to(wall)
            self._wall = wall
        self.monotonic = monotonic


@contextmanager
def simulated(seed: int, moment: Callable[[str], Awaitable[None]]) -> Generator[Clocks]:
    """Everything from the machine comes from *seed*; *moment* is awaited around work that goes to a thread."""
    chance = random.Random(f"{seed} machine")
    numbers = itertools.count()

    class OrderedScope(_asyncio.CancelScope):
        __slots__ = ("number",)

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.number = next(numbers)
            super().__init__(*args, **kwargs)

        def __hash__(self) -> int:
            return self.number

    async def run_sync(func: Callable[..., T], *args: Any, limiter: Any = None, **_: Any) -> T:
        """Run *func* here, between two moments at which the process may be killed or paused."""
        with anyio.CancelScope(shield=True):
            async with limiter or nullcontext():
                result = await in_turn(func, *args)
        return result

    async def in_turn(func: Callable[..., T], *args: Any) -> T:
        await moment(f"before {func.__name__}")
        try:
            return func(*args)
        finally:
            await moment(f"after {func.__name__}")

    state, collects = random.getstate(), gc.isenabled()
    gc.disable()  # the moment of a collection is nobody's choice, and it closes generators
    gc.freeze()  # what was there before need not be looked through after each seed
    random.seed(f"{seed} random")
    logger = logging.getLogger("kombo_async")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    with (
        pytest.MonkeyPatch.context() as patch,
        time_machine.travel(EPOCH, tick=False) as traveller,
    ):
        clocks = Clocks(traveller)
        patch.setattr(to_thread, "run_sync", run_sync)
        patch.setattr(_asyncio, "CancelScope", OrderedScope)
        patch.setattr(os, "urandom", chance.randbytes)
        patch.setattr(time, "monotonic", lambda: clocks.monotonic)
        patch.setattr(time, "clock_gettime", lambda _: clocks.monotonic)
        patch.setattr(time, "perf_counter", lambda: clocks.monotonic)
        patch.setattr(sys, "unraisablehook", lambda _: None)  # what was killed is thrown away in the middle
        try:
            yield clocks
        finally:
            random.setstate(state)
            gc.unfreeze()
            logger.setLevel(level)
            if collects:
                gc.enable()
