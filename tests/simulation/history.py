"""Plays a scenario: turns of runs, with what befalls them, their journal and the connected system in between."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import sqlite3
import tempfile
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import attrs
import pytest

from kombo_async.bulk import JournalError, SqliteJournal
from kombo_async.bulk.redis import RedisJournal
from tests.simulation.clocks import simulated
from tests.simulation.disturbance import Disturbance
from tests.simulation.kombo import Kombo
from tests.simulation.redis_model import RedisServer
from tests.simulation.scenario import RowSpec, RunSpec, Scenario, Turn
from tests.simulation.scheduler import Loop, Process, World
from tests.simulation.system import REWRITES, Application, System
from tests.simulation.worker import Told, upload

LEASE = 30.0
LONGEST_RUN = 3 * 86_400.0


@attrs.define
class Ended:
    """How a run ended."""

    run: RunSpec
    process: Process
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


def play(scenario: Scenario) -> History:
    """Play *scenario* to its end."""

    async def moment(name: str) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        await loop.process.disturbance.work(name)

    with simulated(scenario.seed, moment) as clocks, _folder() as folder:
        world = World(scenario.seed, clocks)
        player = _Player(scenario, world, folder)
        try:
            director = Process(world, "director")
            director.disturbance = Disturbance(director, world.random("none"), {})
            task = director.start(player.direct())
            world.run(task.done)
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
        self.files = _Files(folder)
        self._syncing = world.random("syncs")
        self._last_sync_was_bad = False
        self._turn: Turn | None = None
        self._people = {row.email.strip().lower(): row.person for turn in scenario.turns for run in turn.runs for row in run.rows}
        self.kombo.on_create = self._on_create
        self._watch_removals()

    def _identity(self, job: str, email: str, company: str) -> str:
        return f"{company}|p{self._people[email.strip().lower()]}/{job}"

    async def direct(self) -> None:
        """Play turn by turn."""
        for other in self.scenario.others:
            if other.when == "before":
                self._other(other.row, other.same_names, age=other.seconds, touched=other.touched)
        self.world.after(self._syncing.uniform(0, self.scenario.sync_every), self._begin_sync)
        turns = self.scenario.turns
        for turn in turns:
            is_last = turn is turns[-1]
            await asyncio.sleep(turn.wait)
            self._before(turn)
            if is_last:
                self.kombo.calm = self.redis.calm = True
                self.history.last_began = self.world.now
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
        self.world.say("director", f"--- {run.name}: {', '.join(_row(row) for row in run.rows)}")
        process = Process(self.world, run.name, wall_offset=run.wall_offset)
        process.disturbance = Disturbance(process, self.world.random(f"latency {run.name}"), run.plan)
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
            self.history.ended.append(Ended(run, process, killed=True))
            self.files.move_on()
            return
        if not task.done():
            process.kill()
            self.files.move_on()
            self.history.ended.append(Ended(run, process, TimeoutError(f"{run.name} never ends")))
            return
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        self.world.say(run.name, f"ended{'' if error is None else f' with {_text(error)}'}")
        if error is not None and not isinstance(error, JournalError | asyncio.CancelledError):
            self.world.trace.extend(line.rstrip() for line in traceback.format_exception(error))
        self.history.ended.append(Ended(run, process, error))

    def _tell(self, told: Told) -> None:
        outcome = told.outcome
        ids = dict(outcome.ids)
        self.world.say(told.run, f"OUTCOME {_row(told.spec)}: {outcome.result} {ids or ''} {outcome.message}")
        self.history.told.append(told)

    def _step_clock(self, process: Process, run: RunSpec) -> None:
        assert run.wall_step is not None
        process.wall_offset += run.wall_step[1]
        self.world.say(run.name, f"its wall clock steps by {run.wall_step[1]:.0f} s")

    def _stop(self, process: Process, task: asyncio.Task[None]) -> None:
        if not process.killed and not task.done():
            self.world.say(process.name, "CANCELLED")
            process.loop.call_soon(task.cancel)

    # The connected system

    def _other(self, index: int, same_names: bool, *, age: float = 0.0, touched: float | None = None) -> None:
        row = self.scenario.turns[0].runs[0].rows[0] if index >= len(self._rows) else self._rows[index]
        first = row.first_name if same_names else "Somebody"
        person = {"email": row.email.strip(), "first_name": first, "last_name": row.last_name}
        made = self.system.apply(person, row.job.removeprefix("remote:r"), row=None)
        self.world.say("other", f"applies for {_row(row)}, {age:.0f} s ago: {getattr(made, 'id', None)}")
        if not isinstance(made, Application):
            return
        made.created -= age
        made.candidate.created = min(made.candidate.created, made.created)
        if age > 0 or self.scenario.habits.shows in ("at once", "successes"):
            self.kombo.copy.take(made)
        if touched is not None:
            self.world.after(touched, lambda: self._touch(made))

    def _touch(self, application: Application) -> None:
        application.candidate.phone = "+49 30 555"
        self.kombo.copy.take(application)

    @property
    def _rows(self) -> tuple[RowSpec, ...]:
        return self.scenario.turns[-1].runs[0].rows

    def _on_create(self, row: str, attempt: int) -> None:
        for other in self.scenario.others:
            if other.when == "after" and attempt == 1 and other.row < len(self._rows):
                spec = self._rows[other.row]
                if row.endswith(f"|p{spec.person}/{spec.job.removeprefix('remote:r')}"):
                    self.world.after(other.seconds, lambda other=other: self._other(other.row, other.same_names))  # type: ignore[misc]

    def _watch_removals(self) -> None:
        """Delete and merge what was made; where words are given, only what has shown, or the words would be false."""
        removed: set[str] = set()

        def look() -> None:
            for made in self.system.applications:
                if made.row is None or made.id in removed:
                    continue
                for index, (how, seconds) in self.scenario.removals.items():
                    if index < len(self._rows) and f"|p{self._rows[index].person}/" in made.row:
                        since = made.shown if self.scenario.has_words else made.created
                        if since is not None and self.world.now >= since + seconds:
                            removed.add(made.id)
                            self._remove(made, how)
            self.world.after(5.0 if self.world.now < 3600 else 600.0, look)

        if self.scenario.removals:
            self.world.after(1.0, look)

    def _remove(self, made: Application, how: str) -> None:
        self.world.say("other", f"{made.id} is {how}")
        candidate = made.candidate
        if how == "merged":
            into = self.system.apply({"email": "kept@example.com", "first_name": "Kept", "last_name": "One"}, made.job, row=None, partly=True)
            assert into is not None
            made.candidate = into  # type: ignore[assignment]
        else:
            made.deleted = self.world.now
        candidate.deleted = self.world.now
        if self.scenario.habits.shows in ("at once", "successes") and made.shown is not None:
            self.kombo.copy.take_candidate(candidate)
            self.kombo.copy.take(made)

    def _begin_sync(self) -> None:
        scenario, began = self.scenario, self.world.now
        self.world.after(scenario.sync_every, self._begin_sync)
        if scenario.habits.shows == "never":
            return
        if not self._last_sync_was_bad and self._syncing.random() < 0.2:
            self._last_sync_was_bad = True
            return
        self._last_sync_was_bad = False
        reading = self._syncing.uniform(0, scenario.sync_takes)
        shots: list[Callable[[], None]] = []
        self.world.after(reading, lambda: shots.extend(self.kombo.copy.read_all()))

        def end() -> None:
            for show in shots:
                show()
            self.kombo.copy.syncs.append((began, self.world.now))

        self.world.after(scenario.sync_takes, end)

    # The journal

    def _before(self, turn: Turn) -> None:
        self.files.put_back()
        if turn.mishap and not turn.mishap.endswith(" while running"):
            self._mishap(turn.mishap)

    def _mishap_while_running(self) -> None:
        if self._turn is not None:
            self._mishap(self._turn.mishap)

    def _mishap(self, what: str) -> None:
        what = what.removesuffix(" while running")
        if self.scenario.journal == "sqlite":
            befell = self.files.mishap(what)
        else:
            befell = self._redis_mishap(what)
        if befell:
            self.world.say("director", f"--- the journal is {what}")
            self.history.mishaps.append((self.world.now, what))

    def _redis_mishap(self, what: str) -> bool:
        if what == "restarted":
            from_rdb = self.scenario.redis["aof"] == "0"
            self.redis.restart(from_rdb=from_rdb)
            return True
        self.redis.evict()
        return True


class _Files:
    """The file of a SQLite journal. After a kill the next run gets a copy of it as the disk has it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0
        self._aside: Path | None = None
        self._here.mkdir()

    @property
    def _here(self) -> Path:
        return self._folder / str(self._number)

    @property
    def path(self) -> Path:
        """The journal."""
        return self._here / "journal"

    def move_on(self) -> None:
        """The process that had the file open was killed: its locks are gone, and its descriptors say nothing any more."""
        if self._aside is not None:
            self.put_back()
        old = self._here
        self._number += 1
        shutil.copytree(old, self._here)

    def put_back(self) -> None:
        """Put back what was put aside."""
        if self._aside is not None:
            aside, self._aside = self._aside, None
            self._number += 1
            shutil.copytree(aside, self._here)

    def mishap(self, what: str) -> bool:
        """Delete, replace or empty it, or lose its `-wal`."""
        if not self.path.exists():
            return False
        match what:
            case "deleted" | "replaced":
                aside = self._folder / f"aside{self._number}"
                os.rename(self._here, aside)
                self._here.mkdir()
                self._aside = aside
                if what == "replaced":
                    shutil.copy(aside / "journal", self.path)
            case "emptied":
                os.truncate(self.path, 0)
                for beside in self._here.iterdir():
                    if beside.name.endswith("-wal"):
                        os.truncate(beside, 0)
            case "without its wal":
                wal = self._here / "journal-wal"
                if not wal.exists() or wal.stat().st_size == 0:
                    return False
                wal.unlink()
            case _:
                return False
        return True


@contextmanager
def _folder() -> Generator[Path]:
    """A folder for files, whose open ones are closed at the end."""
    connections: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def remembering(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connections.append(connect(*args, **kwargs))
        return connections[-1]

    where = "/dev/shm" if os.path.isdir("/dev/shm") else None
    folder = Path(tempfile.mkdtemp(prefix="simulation", dir=where))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", remembering)
        try:
            yield folder
        finally:
            for each in connections:
                with suppress(sqlite3.Error):
                    each.close()
            for descriptor in os.listdir("/proc/self/fd"):
                with suppress(OSError):
                    if os.readlink(f"/proc/self/fd/{descriptor}").startswith(str(folder)):
                        os.close(int(descriptor))
            shutil.rmtree(folder)


def _throw_away(world: World) -> None:
    """Forget what was killed, without letting it clean up."""
    for process in world.processes:
        process.killed = True
    world.processes.clear()
    gc.collect()


def _row(row: RowSpec) -> str:
    return f"{row.key}=p{row.person}/{row.job}"


def _text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


__all__ = ["REWRITES", "Ended", "History", "play"]
