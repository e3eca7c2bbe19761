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
        self.kombo.on_create = self._on_create
        self._watch_removals()
        self.world.after(self._syncing.uniform(0, self.scenario.sync_every), self._begin_sync)

    def _other(self, index: int, same_names: bool, *, age: float = 0.0, touched: float | None = None) -> None:
        if index >= len(self._rows):
            return
        row = self._rows[index]
        first = row.first_name if same_names else "Somebody"
        person = {"email": row.email.strip(), "first_name": first, "last_name": row.last_name}
        made = self.system.apply(person, row.job.removeprefix("remote:r"), row=None)
        self.world.say("other", f"applies for {row}, {age:.0f} s ago: {getattr(made, 'id', None)}")
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

    def _on_create(self, row: str, attempt: int) -> None:
        for other in self.scenario.others:
            if other.when == "after" and attempt == 1 and other.row < len(self._rows):
                spec = self._rows[other.row]
                if row.endswith(f"|p{spec.person}/{spec.job.removeprefix('remote:r')}"):
                    self.world.after(other.seconds, partial(self._other, other.row, other.same_names))

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
            into = self.system.apply(
                {"email": "kept@example.com", "first_name": "Kept", "last_name": "One"}, made.job, row=None, partly=True
            )
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
