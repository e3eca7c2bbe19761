"""Makes happen what a scenario says: changes at Kombo, webhooks, and what befalls the processes that mirror."""

from __future__ import annotations

import asyncio
import gc
import itertools
import math
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any

import anyio

from kombo_async import AsyncKomboClient, ats
from kombo_async.mirror import Mirror, Store, StoreUnavailable, Table
from kombo_async.webhooks import parse
from tests.mirror.simulation.kombo import Kombo, Network, data_changed, sync_finished
from tests.mirror.simulation.places import Place
from tests.mirror.simulation.scenario import EVERY, INTEGRATIONS, LAG, OVERLAP, QUIET, Scenario
from tests.mirror.simulation.system import System, stamp
from tests.simulation.clocks import EPOCH
from tests.simulation.disturbance import Disturbance
from tests.simulation.scheduler import Process, World

TABLES = [
    Table("applications", ats.GetApplications()),
    Table("candidates", ats.GetCandidates()),
    Table("jobs", ats.GetJobs()),
    Table("tags", ats.GetTags()),
]


class Director:
    """Directs one history, from a process of its own, which is Kombo's as well."""

    def __init__(self, plan: Scenario, world: World, place: Place) -> None:
        self.plan = plan
        self.world = world
        self.place = place
        self.process = Process(world, "director")
        self.process.disturbance = Disturbance(self.process, world.random("none"), {})
        self.systems = {each: System(world.random(each), LAG, self._now) for each in INTEGRATIONS}
        self.kombo = Kombo(self.process, self.systems, world.random("kombo"))
        self.crashes: list[str] = []
        """Processes that ended by themselves."""
        self._chance = world.random("webhooks")
        self._mirrors: dict[Process, Mirror] = {}
        self._pauses: dict[Process, dict[int, float]] = {}
        self._hearing: set[asyncio.Task[None]] = set()
        self._wall_offset = 0.0
        self._untold: dict[str, set[str]] = {each: set() for each in INTEGRATIONS}
        """Models that changed in a sync that is under way."""

    def _now(self) -> float:
        return EPOCH + self.world.now

    def throw_away(self) -> None:
        """Forget what was killed, without letting it clean up."""
        for process in self.world.processes:
            process.killed = True
        self.world.processes.clear()
        self._mirrors.clear()
        gc.collect()

    async def direct(self) -> None:
        """Live through it."""
        for at, by in self.plan.clock_steps:
            self.world.after(at, partial(self._step_clocks, by))
        async with anyio.create_task_group() as tasks:
            for integration_id, system in self.systems.items():
                for _ in range(20):
                    system.change()
                if integration_id in self.plan.missing:
                    self.kombo.missing[integration_id].add(self.plan.missing[integration_id])
                system.changed = partial(tasks.start_soon, partial(self._tell, integration_id))
                tasks.start_soon(self._change, integration_id)
                if self.plan.syncs:
                    tasks.start_soon(self._sync, integration_id)
            for number in range(self.plan.processes):
                tasks.start_soon(self._keep_running, number)
            await anyio.sleep(self.plan.end)
            self._be_quiet()
            await anyio.sleep(QUIET)
            tasks.cancel_scope.cancel()

    def _be_quiet(self) -> None:
        self.world.say("director", "--- quiet")
        for integration_id in self.kombo.failing:
            self.kombo.failing[integration_id] = 0.0
        for process in self.world.processes:
            process.plan = {}
        for pauses in self._pauses.values():
            pauses.clear()

    # what happens at Kombo

    async def _change(self, integration_id: str) -> None:
        """Bursts of changes; rarer while no process runs."""
        chance, system = self.world.random(f"changes {integration_id}"), self.systems[integration_id]
        while True:
            await anyio.sleep(chance.choice([0.0, 0.5, 30.0, max(600.0, self.plan.wakes_in(self.world.now) / 5)]))
            if self.world.now > self.plan.end:
                return
            self.kombo.failing[integration_id] = chance.choice([0.0, 0.0, 0.1, 0.5])
            if self.plan.vanish and chance.random() < 0.2:
                system.lose()
            else:
                system.change()

    async def _sync(self, integration_id: str) -> None:
        """Syncs whose changes show, and are told, only when they end."""
        chance, system = self.world.random(f"syncs {integration_id}"), self.systems[integration_id]
        while True:
            await anyio.sleep(chance.uniform(60, 3600))
            took = chance.uniform(60, 3600)
            if self.world.now + took > self.plan.end:
                return
            began, system.hidden_until = stamp(self._now()), self._now() + took
            await anyio.sleep(took)
            async with anyio.create_task_group() as tasks:
                models, self._untold[integration_id] = self._untold[integration_id], set()
                tasks.start_soon(self._deliver, data_changed(integration_id, sorted(models)))
                tasks.start_soon(self._deliver, sync_finished(integration_id, began))

    async def _tell(self, integration_id: str, model: str) -> None:
        """A `data-changed`: lost, late, or twice."""
        if self.systems[integration_id].hidden_until > self._now():
            self._untold[integration_id].add(model)
            return
        for _ in range(self._chance.choice([0, 1, 1, 2])):
            await self._deliver(data_changed(integration_id, [model]))

    async def _deliver(self, body: bytes) -> None:
        """Send a webhook to any process, and again until one takes it."""
        await anyio.sleep(self._chance.choice([0.0, 5.0, 120.0]))
        for attempt in range(1000):
            mirrors = list(self._mirrors.items())
            for process, mirror in self._chance.sample(mirrors, len(mirrors)):
                if await self._is_taken(process, mirror, body):
                    return
            await anyio.sleep(max(min(60.0 * 2**attempt, 900.0), self.plan.wakes_in(self.world.now)))

    async def _is_taken(self, process: Process, mirror: Mirror, body: bytes) -> bool:
        here, taken = self.process.loop, anyio.Event()

        async def handle() -> None:
            await mirror.handle(parse(body))
            here.call_soon(taken.set)

        self.world.say(process.name, f"is told {body.decode()}")
        task = process.loop.create_task(handle())
        self._hearing.add(task)
        task.add_done_callback(self._heard)
        with anyio.move_on_after(20):
            await taken.wait()
        return taken.is_set()

    def _heard(self, task: asyncio.Task[None]) -> None:
        self._hearing.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.world.say("director", f"a webhook was not taken: {error!r}")

    # what befalls the processes

    async def _keep_running(self, number: int) -> None:
        """A process that is killed, stopped or paused now and then."""
        chance = self.world.random(f"process {number}")
        for generation in range(1000):
            await anyio.sleep(self.plan.wakes_in(self.world.now))
            await self._run(chance, f"mirror {number}.{generation}")
            await anyio.sleep(chance.uniform(1, 300))

    async def _run(self, chance: Random, name: str) -> None:
        busy = self.world.now < self.plan.end
        process = Process(self.world, name, wall_offset=self._wall_offset)
        process.disturbance = Disturbance(process, self.world.random(f"latency {name}"), {})
        over, loop = anyio.Event(), self.process.loop
        process.when_over = lambda: loop.call_soon(over.set)
        task, started = process.start(self._mirror(process)), self.world.now
        life = math.inf
        if busy:
            # At a certain step, killed, or paused for longer than late changes take, a lease, or a timeout.
            process.plan = {chance.randint(1, 8000): chance.choice([0, 20.0, 45.0, 135.0, chance.uniform(180, 1500)])}
            # Right before it writes a page, paused for so long that others have long gone on.
            pauses = {chance.randint(1, 40): chance.uniform(900, 1800)} if chance.random() < 0.3 else {}
            self._pauses[process] = pauses
            life = chance.uniform(60, 3600) + sum(pauses.values())
            life = min(life, self.plan.runs_until(self.world.now) - self.world.now)
        with anyio.move_on_after(life):
            await over.wait()
        self._note_crash(process, task, started)
        if chance.random() < 0.3 and process.runs:
            self.world.say(name, "is stopped")
            process.loop.call_soon(task.cancel)
            with anyio.move_on_after(10):
                await over.wait()
        process.kill()
        self._mirrors.pop(process, None)
        self._pauses.pop(process, None)
        self.world.processes.remove(process)

    def _note_crash(self, process: Process, task: asyncio.Task[None], started: float) -> None:
        """A process may end by itself only where it could not even start, since the store was away."""
        error = task.exception() if task.done() and not task.cancelled() else None
        if error is not None and not self.plan.is_away(started):
            self.crashes.append(f"{process.name} ended by itself: {error!r}")
        elif error is not None:
            self.world.say(process.name, f"ended with {error!r}")

    async def _mirror(self, process: Process) -> None:
        """The program."""
        settings: dict[str, Any] = {"every": EVERY, "overlap": OVERLAP, "full_every": self.plan.full_every}
        settings["keep_changes"] = timedelta(days=60)
        network = Network(process, self.kombo)
        async with (
            AsyncKomboClient("key", base_url="https://kombo.test/v1", transport=network) as client,
            Mirror(client, self._store(process), TABLES, integrations=INTEGRATIONS, **settings) as mirror,
        ):
            self._mirrors[process] = mirror
            await mirror.run()

    def _store(self, process: Process) -> Store:
        """A store, which fails while it is away."""
        writes, pauses = itertools.count(1), self._pauses.get(process, {})

        def before(work: str) -> None:
            if work == "write" and (seconds := pauses.get(next(writes))):
                process.pause(seconds)
            if self.plan.is_away(self.world.now):
                raise StoreUnavailable("the store is away")

        return self.place.store(before, lambda: self._now() + self._wall_offset)

    def _step_clocks(self, by: float) -> None:
        self.world.say("director", f"the machine's clock jumps by {by:.0f} s")
        self._wall_offset += by
        for process in self.world.processes:
            if process is not self.process:
                process.wall_offset += by
