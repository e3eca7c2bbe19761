"""What a seed is made of: rows, runs, turns, and what others do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs

from tests.simulation.system import Habits

HOUR = 3600.0
DAY = 24 * HOUR
FIRST = "greenhouse:simulated"
SECOND = "lever:simulated"
FLAWS = ("surrogate", "no email", "bytes", "broken stream", "file name", "no such file")


@attrs.frozen(kw_only=True)
class RowSpec:
    """A row of the input."""

    key: str
    person: int
    job: str
    email: str
    first_name: str
    last_name: str = "Lovelace"
    phone: str = "+49 30 1"
    title: str = ""
    cv: str = ""
    as_candidate: bool = False
    flaw: str = ""
    """What makes it impossible to send: one of `FLAWS`."""
    integration: str = FIRST

    def __str__(self) -> str:
        return f"{self.key}=p{self.person}/{self.job}{'' if self.integration == FIRST else '@' + self.integration}"

    @property
    def thing(self) -> str:
        """The person, job and integration."""
        return f"p{self.person}/{self.job.removeprefix('remote:r')}@{self.integration.partition(':')[0]}"


@attrs.frozen(kw_only=True)
class RunSpec:
    """A run of the upload, in a process of its own."""

    name: str
    rows: tuple[RowSpec, ...]
    delay: float = 0.0
    """Seconds after the beginning of its turn."""
    wall_offset: float = 0.0
    wall_step: tuple[float, float] | None = None
    """After how many seconds the clock of its machine steps, and by how much."""
    plan: Mapping[int, float] = attrs.field(factory=dict[int, float])
    """At which moments it is killed (0) or paused (for so many seconds): those at which it talks to the outside."""
    steps: Mapping[int, float] = attrs.field(factory=dict[int, float])
    """After which steps of its event loop, likewise."""
    leaves_after: int | None = None
    """After how many outcomes it leaves the loop."""
    stops_after: float | None = None
    """After how many seconds it is cancelled, as by Ctrl-C."""
    concurrency: int = 100
    says_words: bool = True
    """Whether this run is told `resend_after` and `synced_since`, where the scenario has them."""


@attrs.frozen(kw_only=True)
class Person:
    """Somebody who settles rows in doubt by hand, in a process of its own."""

    plan: Mapping[int, float] = attrs.field(factory=dict[int, float])
    """As a run's."""


@attrs.frozen(kw_only=True)
class Turn:
    """Runs that go on at the same time, and how long after the turn before."""

    wait: float
    runs: tuple[RunSpec, ...]
    mishap: str = ""
    """What happens to the journal before this turn, or (`... while running`) in it."""
    person: Person | None = None
    """Who settles what is in doubt before it."""


@attrs.frozen(kw_only=True)
class Other:
    """An application for the person and job of a row that somebody else makes."""

    row: int
    when: Literal["before", "just before", "after"]
    seconds: float
    """Before the first run, or before or after our first request for it has arrived."""
    same_names: bool
    touched: float | None = None
    """When a sync touches it, in seconds after the first run began."""


@attrs.frozen(kw_only=True)
class Outage:
    """A time in which an integration does nothing."""

    integration: str
    kind: Literal["no connection", "first sync", "errors"]
    start: float
    seconds: float

    def strikes(self, integration: str, now: float) -> bool:
        """Whether it strikes this integration now."""
        return integration == self.integration and self.start <= now < self.start + self.seconds


@attrs.frozen(kw_only=True)
class Scenario:
    """All that is decided before a seed is played."""

    seed: int
    journal: Literal["sqlite", "redis"]
    keyed: bool
    habits: Habits
    clock_offset: float
    """Of Kombo's clock."""
    sends_date: bool
    longest_work: float
    sync_every: float
    sync_takes: float
    resend_after: float | None
    """In seconds; true."""
    synced_since: bool
    turns: tuple[Turn, ...]
    others: tuple[Other, ...]
    removals: Mapping[int, tuple[str, float]]
    """By row: `deleted` or `merged`, and how long after it was made (or has shown, where words depend on it)."""
    redis_step: tuple[float, float] | None = None
    """When the clock of the machine steps that Redis runs on, and by how much."""
    crowd: int = 0
    """How many other people apply for each job."""
    redis: Mapping[str, str] = attrs.field(factory=dict[str, str])
    drift: float = 0.0
    """By how many seconds a second Kombo's clock gains on those of the processes."""
    outages: tuple[Outage, ...] = ()
    fates: tuple[str, ...] = ()
    """The kinds of what becomes of the first requests for the first row; the rest is left to chance."""
    full: tuple[float, float] | None = None
    """From when on, and for how many seconds, nothing more can be written to the journal."""

    @property
    def has_words(self) -> bool:
        """Whether the caller says how what was done shows."""
        return self.resend_after is not None or self.synced_since

    @property
    def rows(self) -> tuple[RowSpec, ...]:
        """The rows of all runs."""
        return tuple(row for turn in self.turns for run in turn.runs for row in run.rows)

    @property
    def integrations(self) -> tuple[str, ...]:
        """Those that rows are for."""
        return (FIRST, *sorted({row.integration for row in self.rows} - {FIRST}))

    def identity(self, row: RowSpec) -> str:
        """How the model knows a row."""
        return f"{row.key if self.keyed else ''}|{row.thing}"

    def is_full(self, now: float) -> bool:
        """Whether nothing can be written to the journal now."""
        return self.full is not None and self.full[0] <= now < sum(self.full)
