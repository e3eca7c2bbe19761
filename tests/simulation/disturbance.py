"""Killing and pausing a process at the moments that matter: around whatever it says to the world outside."""

from __future__ import annotations

import random
from collections.abc import Mapping

import anyio
import anyio.lowlevel

from tests.simulation.scheduler import Process


class Disturbance:
    """What happens to a process, by the number of the moment: killed, or paused for so many seconds."""

    def __init__(self, process: Process, chance: random.Random, plan: Mapping[int, float]) -> None:
        self.process = process
        self.met = 0
        """How many moments there were."""
        self._chance = chance
        self._plan = plan

    async def point(self, name: str) -> None:
        """A moment at which the process may be killed (a plan of 0 s) or paused."""
        self.met += 1
        seconds = self._plan.get(self.met)
        if seconds is None:
            return
        self.process.world.say(self.process.name, f"(at {name})")
        if seconds == 0:
            self.process.kill()
            await self.process.loop.create_future()
        self.process.pause(seconds)
        with anyio.CancelScope(shield=True):
            await anyio.lowlevel.checkpoint()

    async def work(self, name: str) -> None:
        """A moment of the disk or of Redis, which takes a little."""
        await anyio.sleep(self._chance.choice((0.0, 0.001, 0.02)))
        await self.point(name)
