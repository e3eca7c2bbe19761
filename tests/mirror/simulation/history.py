"""Play a scenario, and report what does not hold at its end."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import attrs
import pytest

from kombo_async.mirror import _look, _mirror, _scheduler
from tests.mirror.simulation.checks import violations
from tests.mirror.simulation.director import TABLES, Director
from tests.mirror.simulation.places import place_at
from tests.mirror.simulation.scenario import EVERY, Scenario, scenario
from tests.simulation.clocks import simulated
from tests.simulation.scheduler import Loop, Stuck, World


@attrs.frozen(kw_only=True)
class Played:
    """The result of a seed."""

    scenario: Scenario
    violations: list[str]
    trace: list[str]

    def described(self, *, trace: bool) -> str:
        """What failed and how to see it again, with the *trace* of it all."""
        lines = [f"seed {self.scenario.seed}: {self.violations[0] if self.violations else 'all is well'}"]
        lines += [f"  and {each}" for each in self.violations[1:]]
        lines.append(f"  {self.scenario}")
        if trace:
            lines += self.trace
        lines.append(f"replay it: python -m tests.mirror.simulation --replay {self.scenario.seed}")
        return "\n".join(lines)


def play_seed(seed: int, address: str | None = None) -> Played:
    """Play *seed*, in SQLite or in the PostgreSQL database at *address*."""
    return play(scenario(seed), address)


def play(plan: Scenario, address: str | None = None) -> Played:
    """Play *plan*."""

    async def moment(name: str) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        await loop.process.disturbance.work(name)

    with (
        tempfile.TemporaryDirectory() as folder,
        place_at(Path(folder), address) as place,
        simulated(plan.seed, moment) as clocks,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(_scheduler, "POLL", 31.0)
        for module in (_scheduler, _mirror):
            patch.setattr(module, "LEASE", 90.0)
        patch.setattr(_look, "MOST_READ_AGAIN", 4)
        patch.setattr(_look, "UNWATCHED_FULL_EVERY", EVERY)
        patch.setattr(_look, "STALE_FULL_EVERY", EVERY)
        world = World(plan.seed, clocks)
        director = Director(plan, world, place)
        try:
            task = director.process.start(director.direct())
            world.run(task.done)
            task.result()
            found = [*director.crashes, *violations(place, TABLES, director.systems)]
        except Stuck as error:
            found = [f"STUCK: {error}"]
        finally:
            director.throw_away()
    return Played(scenario=plan, violations=found, trace=world.trace)
