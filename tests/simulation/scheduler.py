"""Virtual time, and processes that can be killed and paused between any two steps.

Each process has an event loop of its own; the world runs one step of one of them at a time. A killed process is never
run again: nothing of it cleans up, as after `kill -9`. A paused one (SIGSTOP) is not run for a while, and its clocks go
on. The same seed gives the same steps.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import itertools
import random
import sys
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar, cast

from tests.simulation.clocks import EPOCH, Clocks

T = TypeVar("T")
MOST_STEPS = 400_000
LONGEST = 60 * 86_400.0


class Stuck(Exception):
    """The simulation did not come to an end."""

    trace: list[str]


class World:
    """All there is in one seed: the time, the processes, what is due, and the trace."""

    def __init__(self, seed: int, clocks: Clocks) -> None:
        self.seed = seed
        self.clocks = clocks
        self.now = 0.0
        self.trace: list[str] = []
        self.processes: list[Process] = []
        self.steps = 0
        self._order = self.random("order")
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()

    def random(self, purpose: str) -> random.Random:
        """A source of chance of its own for each *purpose*, the same in each run of the seed."""
        return random.Random(f"{self.seed} {purpose}")

    def say(self, who: str, what: str) -> None:
        """Add a line to the trace."""
        self.trace.append(f"{self.now:12.3f} {who:<9} {what}")

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        """Call *do* in so many seconds."""
        heapq.heappush(self._due, (self.now + seconds, next(self._count), do))

    def run(self, done: Callable[[], bool]) -> None:
        """Let time pass until *done*."""
        while not done():
            self.steps += 1
            if self.steps > MOST_STEPS or self.now > LONGEST:
                raise Stuck(f"not at its end after {self.steps} steps and {self.now:.0f} s")
            ready = [each for each in self.processes if each.is_ready]
            if ready:
                (ready[0] if len(ready) == 1 else self._order.choice(ready)).step()
            else:
                self._advance()

    def _advance(self) -> None:
        times = [each.next_time for each in self.processes]
        if self._due:
            times.append(self._due[0][0])
        at = min(times, default=float("inf"))
        if at == float("inf"):
            raise Stuck("nothing will ever happen any more")
        self.now = max(self.now, at)
        while self._due and self._due[0][0] <= self.now:
            heapq.heappop(self._due)[2]()


class Process:
    """A process on a machine: its event loop, its clocks, and whether it lives."""

    def __init__(self, world: World, name: str, *, wall_offset: float = 0.0) -> None:
        self.world = world
        self.name = name
        self.wall_offset = wall_offset
        """By how much the clock of its machine is wrong, in seconds."""
        self.loop = Loop(self)
        self.killed = False
        self.ended = False
        self.paused_until = 0.0
        self.asyncgens: list[Any] = []
        self.disturbance: Any = None
        """What befalls it: a `Disturbance`."""
        self.plan: Mapping[int, float] = {}
        """After which of its steps it is killed (0), or paused for so many seconds."""
        self.steps = 0
        self.when_over: Callable[[], object] = lambda: None
        world.processes.append(self)

    def start(self, main: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run *main* in it; the process ends with it."""
        task: asyncio.Task[T] = self.loop.create_task(main)
        task.add_done_callback(lambda _: self._end())
        return task

    def _end(self) -> None:
        self.ended = True
        self.when_over()

    def kill(self) -> None:
        """As `kill -9` does."""
        if not self.killed and not self.ended:
            self.killed = True
            self.world.say(self.name, "KILLED")
            self.when_over()

    def pause(self, seconds: float) -> None:
        """As SIGSTOP does, and SIGCONT so many seconds later."""
        self.paused_until = max(self.paused_until, self.world.now + seconds)
        self.world.say(self.name, f"PAUSED for {seconds:.1f} s")

    @property
    def runs(self) -> bool:
        """Whether it is alive and not paused."""
        return not self.killed and self.world.now >= self.paused_until

    @property
    def is_ready(self) -> bool:
        """Whether it has a step to make now."""
        return self.runs and self.loop.has_work(self.world.now)

    @property
    def next_time(self) -> float:
        """When it may have a step to make."""
        return float("inf") if self.killed else max(self.loop.next_time(), self.paused_until)

    def step(self) -> None:
        """Run one callback of its loop, under its clocks."""
        clocks = self.world.clocks
        clocks.set(EPOCH + self.world.now + self.wall_offset, self.world.now)
        previous_loop, previous_hooks = asyncio._get_running_loop(), sys.get_asyncgen_hooks()
        asyncio._set_running_loop(cast(Any, self.loop))
        sys.set_asyncgen_hooks(self.asyncgens.append, self._finalize)
        try:
            self.loop.step(self.world.now)
        finally:
            sys.set_asyncgen_hooks(*previous_hooks)
            asyncio._set_running_loop(previous_loop)
            clocks.set(EPOCH + self.world.now, self.world.now)
        self.steps += 1
        befalls = self.plan.get(self.steps)
        if befalls == 0:
            self.kill()
        elif befalls is not None:
            self.pause(befalls)

    def _finalize(self, generator: Any) -> None:
        if not self.killed:
            self.loop.call_soon(lambda: self.loop.create_task(generator.aclose()))


class Handle:
    """A callback that is to be run, as asyncio's own."""

    __slots__ = ("_args", "_callback", "_cancelled", "_context", "_when")

    def __init__(
        self, callback: Callable[..., Any], args: tuple[Any, ...], context: contextvars.Context | None, when: float
    ) -> None:
        self._callback = callback
        self._args = args
        self._context = context or contextvars.copy_context()
        self._cancelled = False
        self._when = when

    def cancel(self) -> None:
        """Do not run it."""
        self._cancelled = True

    def cancelled(self) -> bool:
        """Whether it is not to be run."""
        return self._cancelled

    def when(self) -> float:
        """When it is due."""
        return self._when

    def run(self) -> None:
        """Run it."""
        self._context.run(self._callback, *self._args)


class OrderedTask(asyncio.Task[Any]):
    """A task whose hash is its number: so sets of tasks have the same order in each run."""

    def __init__(self, *args: Any, number: int, **kwargs: Any) -> None:
        self.number = number
        super().__init__(*args, **kwargs)

    def __hash__(self) -> int:
        return self.number


class Loop:
    """An event loop that runs one callback when it is told to: all of asyncio's that tasks and anyio need."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.errors: list[dict[str, Any]] = []
        self._ready: deque[Handle] = deque()
        self._timers: list[tuple[float, int, Handle]] = []
        self._count = itertools.count(1)
        self._tasks = itertools.count(1)

    def time(self) -> float:
        """The virtual time."""
        return self.process.world.now

    def call_soon(self, callback: Any, *args: Any, context: contextvars.Context | None = None) -> Any:
        """Run *callback* with the next step."""
        handle = Handle(callback, args, context, self.time())
        self._ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon

    def call_later(self, delay: float, callback: Any, *args: Any, context: contextvars.Context | None = None) -> Any:
        """Run *callback* in *delay* seconds."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: contextvars.Context | None = None) -> Any:
        """Run *callback* at *when*."""
        handle = Handle(callback, args, context, when)
        heapq.heappush(self._timers, (when, next(self._count), handle))
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        """A future of this loop."""
        return asyncio.Future(loop=cast(Any, self))

    def create_task(self, coro: Any, **kwargs: Any) -> Any:
        """Make a task."""
        return OrderedTask(coro, loop=self, number=next(self._tasks), **kwargs)

    def get_task_factory(self) -> Any:
        """There is none."""
        return None

    def get_debug(self) -> bool:
        """Never."""
        return False

    def is_running(self) -> bool:
        """Always, for whoever asks from inside."""
        return True

    def is_closed(self) -> bool:
        """Never."""
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep an error that nobody awaits."""
        if not self.process.killed:
            self.errors.append(context)

    def has_work(self, now: float) -> bool:
        """Whether a callback is to be run now."""
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        return bool(self._ready) or (bool(self._timers) and self._timers[0][0] <= now)

    def next_time(self) -> float:
        """When the next callback is due."""
        if self._ready:
            return self.time()
        self.has_work(self.time())
        return self._timers[0][0] if self._timers else float("inf")

    def step(self, now: float) -> None:
        """Run one callback."""
        while self._timers and self._timers[0][0] <= now:
            self._ready.append(heapq.heappop(self._timers)[2])
        handle = self._ready.popleft()
        if not handle.cancelled():
            handle.run()
