"""What happens to the mirrors of one seed."""

from __future__ import annotations

import math
from datetime import timedelta
from random import Random

import attrs

INTEGRATIONS = ("lever:0", "lever:1")
EVERY = timedelta(minutes=15)
OVERLAP = timedelta(minutes=10)
LAG = 570.0
"""Seconds after which a change shows at the latest: first in its list, then in records that nest the changed one."""
QUIET = 4 * EVERY.total_seconds() + 2 * OVERLAP.total_seconds()
"""Seconds of quiet at the end, after which everything must be right."""
DAY = 86_400.0


@attrs.frozen(kw_only=True)
class Scenario:
    """Drawn from a seed."""

    seed: int
    busy: float
    """Seconds in which things happen while processes run."""
    processes: int
    missing: dict[str, str]
    """Models whose list an integration does not have."""
    vanish: bool
    """Records vanish without a trace: only full syncs, each half hour, can tell."""
    weekly: bool
    """Otherwise everything is read weekly, or else so rarely that nothing but the rules for long pauses helps."""
    syncs: bool
    """What changes during a sync shows when it ends, which can be an hour later, and is told by `sync-finished`."""
    asleep_at: float
    """When all processes stop, for `asleep_for` seconds."""
    asleep_for: float
    away: tuple[tuple[float, float], ...]
    """(when, for how many seconds) the store does nothing but fail."""
    clock_steps: tuple[tuple[float, float], ...]
    """(when, by how many seconds) the clock of the machine jumps."""

    @property
    def full_every(self) -> timedelta:
        """How often everything is read."""
        return timedelta(minutes=30) if self.vanish else timedelta(days=7 if self.weekly else 60)

    @property
    def end(self) -> float:
        """When things cease to happen."""
        return self.busy + self.asleep_for

    def wakes_in(self, now: float) -> float:
        """Seconds until processes run again; 0 while they may."""
        end = self.asleep_at + self.asleep_for
        return end - now if self.asleep_at <= now < end else 0.0

    def is_away(self, now: float) -> bool:
        """Whether the store fails."""
        return any(at <= now < at + seconds for at, seconds in self.away)

    def runs_until(self, now: float) -> float:
        """When a process has to stop that runs now."""
        return self.asleep_at if now < self.asleep_at and self.asleep_for else math.inf


def scenario(seed: int) -> Scenario:
    """The scenario of *seed*."""
    chance = Random(f"{seed} scenario")
    busy = chance.choice([1200.0, 1800.0, 3600.0, 7200.0])
    return Scenario(
        seed=seed,
        busy=busy,
        processes=chance.choice([1, 2, 2, 3]),
        missing={
            each: chance.choice(["ats_application_stages", "ats_users"])
            for each in INTEGRATIONS
            if chance.random() < 0.3
        },
        vanish=chance.random() < 0.3,
        weekly=chance.random() < 0.5,
        syncs=chance.random() < 0.3,
        asleep_at=chance.uniform(0, busy),
        asleep_for=chance.choice([0.0, 0.0, 0.0, 3600.0, 12.5 * DAY, 20 * DAY]),
        away=tuple((chance.uniform(0, busy), chance.uniform(1, 1200)) for _ in range(chance.choice([0, 0, 1, 2]))),
        clock_steps=tuple(
            (chance.uniform(0, busy), chance.choice([-25 * 3600.0, -3600.0, -90.0, 3600.0, 25 * 3600.0]))
            for _ in range(chance.choice([0, 0, 0, 1, 2]))
        ),
    )
