"""What happens around the runs: other people's applications, deletions and merges, and Kombo's syncs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tests.simulation.kombo import Kombo
from tests.simulation.scheduler import World
from tests.simulation.specs import FIRST, Other, RowSpec, Scenario
from tests.simulation.system import Application, Integration


class Events:
    """All that happens without us, in one integration."""

    def __init__(self, scenario: Scenario, world: World, kombo: Kombo, there: Integration) -> None:
        self.scenario = scenario
        self.world = world
        self.kombo = kombo
        self.there = there
        self.system = there.system
        self._rows: tuple[RowSpec, ...] = scenario.turns[-1].runs[0].rows
        self._syncing = world.random("syncs" if there.id == FIRST else f"syncs of {there.id}")
        self._last_sync_was_bad = False

    def begin(self) -> None:
        """Have everything happen in its time."""
        for other in self.scenario.others:
            if other.when == "before":
                self._other(other, age=other.seconds)
        for number in range(self.scenario.crowd):
            for job in ("J1", "J2", "J3"):
                self.world.after(number * 3.0, partial(self._one_of_the_crowd, number, job))
        self.kombo.on_create.append(self._on_create)
        self._watch_removals()
        self.world.after(self._syncing.uniform(0, self.scenario.sync_every), self._begin_sync)

    def _other(self, other: Other, *, age: float = 0.0) -> None:
        if other.row >= len(self._rows) or self._rows[other.row].integration != self.there.id:
            return
        row = self._rows[other.row]
        first = row.first_name if other.same_names else "Somebody"
        person = {"email": row.email.strip(), "first_name": first, "last_name": row.last_name}
        there = self.system.find(person["email"])
        if not other.same_names and age == 0 and there is not None and there.first_name == row.first_name:
            return  # it would go to the candidate that we made, with our names
        made = self.system.apply(person, row.job.removeprefix("remote:r"), row=None)
        self.world.say("other", f"applies for {row}, {age:.1f} s ago: {getattr(made, 'id', None)}")
        if not isinstance(made, Application):
            return
        self.system.changes += 1
        made.created -= age
        made.candidate.created = min(made.candidate.created, made.created)
        if age > 0 or self.scenario.habits.shows in ("at once", "successes"):
            self.there.copy.take(made)
        if other.touched is not None:
            self.world.after(other.touched, lambda: self._touch(made))

    def _one_of_the_crowd(self, number: int, job: str) -> None:
        person = {"email": f"crowd{number}@example.org", "first_name": "Crowd", "last_name": f"Number {number}"}
        made = self.system.apply(person, job, row=None)
        if isinstance(made, Application) and self.scenario.habits.shows in ("at once", "successes"):
            self.there.copy.take(made)

    def _touch(self, application: Application) -> None:
        self.system.changes += 1
        application.candidate.phone = "+49 30 555"
        self.there.copy.take(application)

    def _on_create(self, row: str, attempt: int) -> None:
        for other in self.scenario.others:
            if other.when == "before" or attempt != 1 or other.row >= len(self._rows):
                continue
            if row.endswith(f"|{self._rows[other.row].thing}"):
                if other.when == "just before":
                    self._other(other, age=other.seconds)
                else:
                    self.world.after(other.seconds, partial(self._other, other))

    def _watch_removals(self) -> None:
        """Delete and merge what was made; where words are given, only what has shown, or the words would be false."""
        removed: set[str] = set()

        def look() -> None:
            for made in self.system.applications:
                if made.row is None or made.id in removed:
                    continue
                for index, (how, seconds) in self.scenario.removals.items():
                    row = self._rows[index] if index < len(self._rows) else None
                    if row is not None and f"|p{row.person}/" in made.row and row.integration == self.there.id:
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
            self.there.copy.take_candidate(candidate)
            self.there.copy.take(made)

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
        self.world.after(reading, lambda: shots.extend(self.there.copy.read_all()))

        def end() -> None:
            for show in shots:
                show()
            self.there.copy.syncs.append((began, self.world.now))

        self.world.after(scenario.sync_takes, end)
