"""Plays a scenario: turns of runs, with what befalls them, their journal and the connected system in between."""

from __future__ import annotations

import asyncio
import gc
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs

from kombo_async.bulk import JournalError, SqliteJournal
from kombo_async.bulk.redis import RedisJournal
from tests.simulation.clocks import simulated
from tests.simulation.disturbance import Disturbance
from tests.simulation.events import Events
from tests.simulation.files import JournalFile, folder_for_files
from tests.simulation.kombo import Kombo
from tests.simulation.redis_model import RedisServer
from tests.simulation.scenario import RunSpec, Scenario, Turn
from tests.simulation.scheduler import Loop, Process, Stuck, World
from tests.simulation.system import System
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


@attrs.define
class History:
    """What came of a scenario."""

    scenario: Scenario
    world: World
    system: System
    kombo: Kombo
    told: list[Told] = attrs.field(factory=list)
    ended: list[Ended] = attrs.field(factory=list)
    mishaps: list[tuple[float, str]] = attrs.field(factory=list)
    """What really befell the journal, and when."""
    last_began: float = 0.0
    shown_at_last: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    """Kombo's copy of the applications as the last run began."""
    synced_at_last: list[tuple[float, float]] = attrs.field(factory=list)
    """The full syncs until then."""


def play(scenario: Scenario) -> History:
    """Play *scenario* to its end."""

    async def moment(name: str) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        await loop.process.disturbance.work(name)

    with simulated(scenario.seed, moment) as clocks, folder_for_files() as folder:
        world = World(scenario.seed, clocks)
        player = _Player(scenario, world, folder)
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
    def __init__(self, scenario: Scenario, world: World, folder: Path) -> None:
        self.scenario = scenario
        self.world = world
        self.system = System(world, scenario.habits)
        self.kombo = Kombo(
            world,
            self.system,
            identity=self._identity,
            clock_offset=scenario.clock_offset,
            longest_work=scenario.longest_work,
            sends_date=scenario.sends_date,
        )
        self.history = History(scenario, world, self.system, self.kombo)
        self.redis = RedisServer(world, scenario.redis)
        self.redis.save()
        self.files = JournalFile(folder)
        self._turn: Turn | None = None
        self._people = {
            row.email.strip().lower(): row.person for turn in scenario.turns for run in turn.runs for row in run.rows
        }

    def _identity(self, job: str, email: str, company: str) -> str:
        return f"{company}|p{self._people[email.strip().lower()]}/{job}"

    async def direct(self) -> None:
        """Play turn by turn."""
        Events(self.scenario, self.world, self.kombo).begin()
        if self.scenario.journal == "redis" and self.scenario.redis_step is not None:
            at, by = self.scenario.redis_step
            self.world.after(at, lambda: self.redis.step_clock(by))
        turns = self.scenario.turns
        for turn in turns:
            is_last = turn is turns[-1]
            await asyncio.sleep(turn.wait)
            self._before(turn)
            if is_last:
                self.kombo.calm = self.redis.calm = True
                self.history.last_began = self.world.now
                self.history.synced_at_last = list(self.kombo.copy.syncs)
                self.history.shown_at_last = dict(self.kombo.copy.applications)
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
        over = asyncio.get_running_loop().create_future()
        loop = asyncio.get_running_loop()
        process.when_over = lambda: loop.call_soon(lambda: None if over.done() else over.set_result(None))
        if self.scenario.journal == "redis":
            journal: Any = RedisJournal(self.redis.client(process), job="upload", lease=LEASE)  # type: ignore[arg-type]
        else:
            journal = SqliteJournal(self.files.path)
        task = process.start(upload(process, self.kombo, journal, self.scenario, run, self._tell))
        if run.wall_step is not None:
            self.world.after(run.wall_step[0], lambda: self._step_clock(process, run))
        if run.stops_after is not None:
            self.world.after(run.stops_after, lambda: self._stop(process, task))
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
        self.history.ended.append(Ended(run, list(map(str, process.loop.errors)), error))

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
