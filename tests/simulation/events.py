"""What happens around the runs: other people's applications, deletions and merges, and Kombo's syncs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tests.simulation.kombo import Kombo
from tests.simulation.scenario import RowSpec, Scenario
from tests.simulation.scheduler import World
from tests.simulation.system import Application


class Events:
    """All that happens without us."""

    def __init__(self, scenario: Scenario, world: World, kombo: Kombo) -> None:
        self.scenario = scenario
        self.world = world
        self.kombo = kombo
        self.system = kombo.system
        self._rows: tuple[RowSpec, ...] = scenario.turns[-1].runs[0].rows
        self._syncing = world.random("syncs")
        self._last_sync_was_bad = False

    def begin(self) -> None:
        """Have everything happen in its time."""
        for other in self.scenario.others:
            if other.when == "before":
                self._other(other.row, other.same_names, age=other.seconds, touched=other.touched)
        for number in range(self.scenario.crowd):
            for job in ("J1", "J2", "J3"):
                self.world.after(number * 3.0, partial(self._one_of_the_crowd, number, job))
        self.kombo.on_create = self._on_create
        self._watch_removals()
        self.world.after(self._syncing.uniform(0, self.scenario.sync_every), self._begin_sync)

    def _other(
        self, index: int, same_names: bool, *, age: float = 0.0, soon: bool = False, touched: float | None = None
    ) -> None:
        if index >= len(self._rows):
            return
        row = self._rows[index]
        first = row.first_name if same_names else "Somebody"
        person = {"email": row.email.strip(), "first_name": first, "last_name": row.last_name}
        there = self.system.find(person["email"])
        if soon and there is not None and there.first_name == row.first_name:
            return  # it would go to the candidate that we made, and nothing would tell it from ours
        made = self.system.apply(person, row.job.removeprefix("remote:r"), row=None)
        self.world.say("other", f"applies for {row}, {age:.0f} s ago: {getattr(made, 'id', None)}")
        if not isinstance(made, Application):
            return
        self.system.changes += 1
        made.created -= age
        made.candidate.created = min(made.candidate.created, made.created)
        if age > 0 or self.scenario.habits.shows in ("at once", "successes"):
            self.kombo.copy.take(made)
        if touched is not None:
            self.world.after(touched, lambda: self._touch(made))

    def _one_of_the_crowd(self, number: int, job: str) -> None:
        person = {"email": f"crowd{number}@example.org", "first_name": "Crowd", "last_name": f"Number {number}"}
        made = self.system.apply(person, job, row=None)
        if isinstance(made, Application) and self.scenario.habits.shows in ("at once", "successes"):
            self.kombo.copy.take(made)

    def _touch(self, application: Application) -> None:
        self.system.changes += 1
        application.candidate.phone = "+49 30 555"
        self.kombo.copy.take(application)

    def _on_create(self, row: str, attempt: int) -> None:
        for other in self.scenario.others:
            if other.when == "after" and attempt == 1 and other.row < len(self._rows):
                spec = self._rows[other.row]
                if row.endswith(f"|p{spec.person}/{spec.job.removeprefix('remote:r')}"):
                    self.world.after(
                        other.seconds, partial(self._other, other.row, other.same_names, soon=other.seconds < 3600)
                    )

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
            made.candidate = self.system.kept
        else:
            made.deleted = self.world.now
        candidate.deleted = self.world.now
        self.system.changes += 1
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
