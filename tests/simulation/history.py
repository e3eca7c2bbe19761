"""Plays a scenario: turns of runs, with what befalls them, their journal and the connected system in between."""

from __future__ import annotations

import asyncio
import gc
import traceback
from contextlib import suppress
from math import inf
from typing import Any

import attrs

from kombo_async.bulk import JournalError, SqliteJournal
from kombo_async.bulk.redis import RedisJournal
from tests.simulation.by_hand import ByHand
from tests.simulation.clocks import simulated
from tests.simulation.disturbance import Disturbance
from tests.simulation.events import Events
from tests.simulation.files import Folder, JournalFile, folder_for_files
from tests.simulation.kombo import Kombo
from tests.simulation.redis_model import RedisServer
from tests.simulation.scheduler import Loop, Process, Stuck, World
from tests.simulation.specs import FIRST, Person, RunSpec, Scenario, Turn
from tests.simulation.system import Application, Candidate, Copy, Integration, System
from tests.simulation.worker import Told, upload

LEASE = 30.0
LONGEST_RUN = 3 * 86_400.0


@attrs.define
class Ended:
    """How a run ended."""

    run: RunSpec
    errors: list[str]
    """Of tasks that nobody waited for."""
    error: BaseException | None = None
    killed: bool = False
    at: float = inf
    """When, if it ended by itself: what comes for it later, it cannot know."""


@attrs.define
class History:
    """What came of a scenario."""

    scenario: Scenario
    world: World
    kombo: Kombo
    told: list[Told] = attrs.field(factory=list)
    ended: list[Ended] = attrs.field(factory=list)
    mishaps: list[tuple[float, str]] = attrs.field(factory=list)
    """What really befell the journal, and when."""
    last_began: float = 0.0
    shown_at_last: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    """Kombo's copy of the applications as the last run began."""
    synced_at_last: dict[str, list[tuple[float, float]]] = attrs.field(factory=dict)
    """The full syncs of each integration until then."""
    by_hand: dict[str, tuple[float, str]] = attrs.field(factory=dict)
    """What was settled by hand for good, by identity: when, and how."""

    @property
    def applications(self) -> list[Application]:
        """All that there are, of all integrations."""
        return [made for each in self.kombo.integrations.values() for made in each.system.applications]

    @property
    def partial(self) -> list[tuple[str, Candidate]]:
        """All candidates of ours that were made without their application."""
        return [made for each in self.kombo.integrations.values() for made in each.system.partial]


def play(scenario: Scenario) -> History:
    """Play *scenario* to its end."""

    async def moment(name: str) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        await loop.process.disturbance.work(name)

    with simulated(scenario.seed, moment) as clocks, folder_for_files() as folder:
        world = World(scenario.seed, clocks)
        player = _Player(scenario, world, folder)
        folder.is_full = player.is_full
        try:
            director = Process(world, "director")
            director.disturbance = Disturbance(director, world.random("none"), {})
            task = director.start(player.direct())
            try:
                world.run(task.done)
            except Stuck as error:
                error.trace = world.trace
                raise
            task.result()
            return player.history
        finally:
            _throw_away(world)


class _Player:
    def __init__(self, scenario: Scenario, world: World, folder: Folder) -> None:
        self.scenario = scenario
        self.world = world
        integrations: dict[str, Integration] = {}
        self.kombo = Kombo(
            world,
            integrations,
            identity=self._identity,
            clock_offset=scenario.clock_offset,
            drift=scenario.drift,
            outages=scenario.outages,
            planned={scenario.identity(scenario.turns[0].runs[0].rows[0]): scenario.fates},
            longest_work=scenario.longest_work,
            sends_date=scenario.sends_date,
        )
        for id in scenario.integrations:
            system = System(world, scenario.habits, suffix="" if id == FIRST else "b")
            integrations[id] = Integration(id, system, Copy(system, self.kombo.clock))
        self.history = History(scenario, world, self.kombo)
        self.redis = RedisServer(world, scenario.redis, self.is_full)
        self.redis.save()
        self.files = JournalFile(folder.path)
        self._turn: Turn | None = None
        self._people = {
            row.email.strip().lower(): row.person for turn in scenario.turns for run in turn.runs for row in run.rows
        }

    def is_full(self) -> bool:
        """Whether nothing can be written to the journal now."""
        return not self.kombo.calm and self.scenario.is_full(self.world.now)

    def _identity(self, job: str, email: str, company: str, integration: str) -> str:
        return f"{company}|p{self._people[email.strip().lower()]}/{job}@{integration.partition(':')[0]}"

    async def direct(self) -> None:
        """Play turn by turn."""
        for there in self.kombo.integrations.values():
            Events(self.scenario, self.world, self.kombo, there).begin()
        if self.scenario.journal == "redis" and self.scenario.redis_step is not None:
            at, by = self.scenario.redis_step
            self.world.after(at, lambda: self.redis.step_clock(by))
        turns = self.scenario.turns
        for turn in turns:
            is_last = turn is turns[-1]
            await asyncio.sleep(turn.wait)
            self._before(turn)
            if turn.person is not None:
                await self._settle_by_hand(turn.person, turns.index(turn))
            if is_last:
                self.kombo.calm = self.redis.calm = True
                self.history.last_began = self.world.now
                for id, there in self.kombo.integrations.items():
                    self.history.synced_at_last[id] = list(there.copy.syncs)
                    self.history.shown_at_last |= there.copy.applications
                self.world.say("director", "--- the last run, nothing fails any more")
            elif turn.mishap.endswith(" while running"):
                self.world.after(self.world.random("mishap").choice((0.3, 2.0, 25.0)), self._mishap_while_running)
            self._turn = turn
            await asyncio.gather(*(self._run(run) for run in turn.runs))
            self._turn = None
            if self.world.random(f"rdb {turn.wait}").random() < 0.5:
                self.redis.save()

    async def _run(self, run: RunSpec) -> None:
        await asyncio.sleep(run.delay)
        self.world.say("director", f"--- {run.name}: {', '.join(map(str, run.rows))}")
        process = Process(self.world, run.name, wall_offset=run.wall_offset)
        process.disturbance = Disturbance(process, self.world.random(f"latency {run.name}"), run.plan)
        process.plan = run.steps
        journal = self._journal(process)
        task = process.start(upload(process, self.kombo, journal, self.scenario, run, self._tell))
        if run.wall_step is not None:
            self.world.after(run.wall_step[0], lambda: self._step_clock(process, run))
        if run.stops_after is not None:
            self.world.after(run.stops_after, lambda: self._stop(process, task))
        await self._end_of(process, task, run)

    async def _settle_by_hand(self, person: Person, number: int) -> None:
        name = f"person{number}"
        self.world.say("director", f"--- {name} settles what is in doubt")
        process = Process(self.world, name)
        process.disturbance = Disturbance(process, self.world.random(f"latency {name}"), person.plan)
        by_hand = ByHand(self.history, self.world.random(name))
        task = process.start(by_hand.settle(self._journal(process), name))
        await self._end_of(process, task, RunSpec(name=name, rows=()))

    def _journal(self, process: Process) -> Any:
        if self.scenario.journal == "redis":
            return RedisJournal(self.redis.client(process), job="upload", lease=LEASE)  # type: ignore[arg-type]
        return SqliteJournal(self.files.path)

    async def _end_of(self, process: Process, task: asyncio.Task[None], run: RunSpec) -> None:
        loop = asyncio.get_running_loop()
        over = loop.create_future()
        process.when_over = lambda: loop.call_soon(lambda: None if over.done() else over.set_result(None))
        if process.killed or process.ended:
            over.set_result(None)
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_RUN):
                await over
        if process.killed:
            self.history.ended.append(Ended(run, list(map(str, process.loop.errors)), killed=True))
            self.files.move_on()
            return
        if not task.done():
            process.kill()
            self.files.move_on()
            self.history.ended.append(
                Ended(run, list(map(str, process.loop.errors)), TimeoutError(f"{run.name} never ends"))
            )
            return
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        self.world.say(run.name, f"ended{'' if error is None else f' with {_text(error)}'}")
        if error is not None and not isinstance(error, JournalError | asyncio.CancelledError):
            self.world.trace.extend(line.rstrip() for line in traceback.format_exception(error))
        self.history.ended.append(Ended(run, list(map(str, process.loop.errors)), error, at=self.world.now))

    def _tell(self, told: Told) -> None:
        outcome = told.outcome
        ids = dict(outcome.ids)
        self.world.say(told.run, f"OUTCOME {told.spec}: {outcome.result} {ids or ''} {outcome.message}")
        self.history.told.append(told)

    def _step_clock(self, process: Process, run: RunSpec) -> None:
        assert run.wall_step is not None
        process.wall_offset += run.wall_step[1]
        self.world.say(run.name, f"its wall clock steps by {run.wall_step[1]:.0f} s")

    def _stop(self, process: Process, task: asyncio.Task[None]) -> None:
        if not process.killed and not task.done():
            self.world.say(process.name, "CANCELLED")
            process.loop.call_soon(task.cancel)

    # The journal

    def _before(self, turn: Turn) -> None:
        self.files.put_back()
        if turn.mishap and not turn.mishap.endswith(" while running"):
            self._mishap(turn.mishap)

    def _mishap_while_running(self) -> None:
        """Once a run of the turn has opened the journal; never where none does."""
        if self._turn is None:
            return
        names = {run.name for run in self._turn.runs}
        if any(
            p.name in names and p.disturbance.met > 2 and not p.killed and not p.ended for p in self.world.processes
        ):
            self._mishap(self._turn.mishap)
        else:
            self.world.after(0.5, self._mishap_while_running)

    def _mishap(self, what: str) -> None:
        what = what.removesuffix(" while running")
        if self.files.mishap(what) if self.scenario.journal == "sqlite" else self._redis_mishap(what):
            self.world.say("director", f"--- the journal is {what}")
            self.history.mishaps.append((self.world.now, what))

    def _redis_mishap(self, what: str) -> bool:
        if what == "restarted":
            from_rdb = self.scenario.redis["aof"] == "0"
            self.redis.restart(from_rdb=from_rdb)
            return True
        self.redis.evict()
        return True


def _throw_away(world: World) -> None:
    """Forget what was killed, without letting it clean up."""
    for process in world.processes:
        process.killed = True
    world.processes.clear()
    gc.collect()


def _text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
