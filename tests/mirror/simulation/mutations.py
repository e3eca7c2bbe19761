"""A test of the test: each rule of the mirror switched off, which a history or a check of stores must notice.

Histories do not notice what the next check makes up for, and hardly ever what takes a rare coincidence.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest
from trio.testing import MockClock

from kombo_async._chain.server_clock import ServerClock
from kombo_async.mirror import SqliteStore, _check_syncs, _check_turns, _sync
from kombo_async.mirror._blind import Watched
from kombo_async.mirror._look import Look
from kombo_async.mirror._sqlite_tables import SqliteTables
from kombo_async.mirror._sqlite_turns import SqliteTurns
from kombo_async.mirror._sync import TableSync
from kombo_async.mirror.testing import MakeStore
from tests.mirror import test_following, test_promises, test_syncs
from tests.mirror.simulation import director
from tests.mirror.simulation.history import play_seed
from tests.mirror.simulation.scenario import scenario
from tests.mirror.stores import Place

Change = Callable[[pytest.MonkeyPatch], None]
Check = Callable[[Path], None]
"""Raises an `AssertionError` if a rule does not hold; it gets an empty folder."""


@attrs.frozen(kw_only=True)
class Mutation:
    """A rule switched off."""

    name: str
    noticed_by: int | Check
    """A seed that notices it (`--mutate` finds another), or a check."""
    change: Change


def _no_overlap(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(director, "OVERLAP", timedelta())


def _to_where_it_ended(patch: pytest.MonkeyPatch) -> None:
    known: Any = TableSync._send

    async def send(self: Any, request: Any) -> Any:
        response = await known(self, request)
        self._began = self._server_clock.latest(self._server_clock.clock.time()) or self._began
        return response

    patch.setattr(TableSync, "_send", send)


def _blind(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Watched, "seen_in", lambda self, table: [])


def _read_again_once(patch: pytest.MonkeyPatch) -> None:
    known: Any = SqliteStore.settle

    async def settle(self: Any, turn: Any, table: Any, stale: Any, *, done: bool) -> None:
        await known(self, turn, table, stale, done=True)

    patch.setattr(SqliteStore, "settle", settle)


def _settled_whatever_came(patch: pytest.MonkeyPatch) -> None:
    def settle(self: Any, turn: Any, table: Any, stale: Sequence[Any], done: bool) -> None:
        sql = "DELETE FROM kombo_stale WHERE integration_id = ? AND name = ? AND path = ? AND id = ?"
        if done:
            self._db.executemany(sql, [(turn.integration_id, table.name, each.path, each.id) for each in stale])

    patch.setattr(SqliteTables, "settle", settle)


def _nothing_tells(patch: pytest.MonkeyPatch) -> None:
    async def nothing(self: Any, table: Any) -> None: ...

    patch.setattr(Look, "_want_full_where_nothing_tells", nothing)


def _no_fence(patch: pytest.MonkeyPatch) -> None:
    def check(self: Any, turn: Any) -> int:
        rows = self._all("SELECT told FROM kombo_integrations WHERE id = ?", turn.integration_id)
        return int(rows[0][0])

    patch.setattr(SqliteTurns, "_check", check)


def _no_rewind(patch: pytest.MonkeyPatch) -> None:
    async def nothing(self: Any, integration_id: str, since: datetime) -> None: ...

    patch.setattr(SqliteStore, "rewind", nothing)


def _rewound_in_between(patch: pytest.MonkeyPatch) -> None:
    known: Any = SqliteTables.finish

    def finish(self: Any, turn: Any, table: Any, before: Any, after: Any, full: bool) -> None:
        now = self.watermarks(turn.integration_id)[table.name]
        known(self, turn, table, attrs.evolve(before, rewind=now.rewind), after, full)

    patch.setattr(SqliteTables, "finish", finish)


def _nothing_vanishes(patch: pytest.MonkeyPatch) -> None:
    async def nothing(self: Any) -> None: ...

    patch.setattr(TableSync, "_remove_unseen", nothing)


def _unseen_is_gone(patch: pytest.MonkeyPatch) -> None:
    async def look_up(self: Any, ids: Sequence[str]) -> None:
        await self._write([], ids)

    patch.setattr(TableSync, "_look_up", look_up)


def _never_too_long_ago(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_sync, "DELETIONS_KNOWN_FOR", timedelta(days=999))


def _own_clock(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ServerClock, "earliest", lambda self, moment: None)


def _clocks_never_step(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SqliteTurns, "keep_time", lambda self: None)


def _told_in_vain(patch: pytest.MonkeyPatch) -> None:
    known: Any = SqliteTables.release

    def release(self: Any, turn: Any, ending: Any) -> None:
        row = self._all("SELECT told FROM kombo_integrations WHERE id = ?", turn.integration_id)
        known(self, attrs.evolve(turn, told=row[0][0] if row else 0), ending)

    patch.setattr(SqliteTables, "release", release)


def _started_without_a_look(patch: pytest.MonkeyPatch) -> None:
    async def nothing(self: Any, seconds: float) -> None: ...

    patch.setattr(SqliteStore, "tell_all", nothing)


def _lost_in_the_log(patch: pytest.MonkeyPatch) -> None:
    known: Any = SqliteTables._log

    def log(self: Any, integration_id: str, table: Any, differences: Sequence[Any]) -> None:
        known(self, integration_id, table, [each for each in differences if each.kind != "deleted"])

    patch.setattr(SqliteTables, "_log", log)


def _of_store(check: Callable[[MakeStore], Awaitable[None]]) -> Check:
    return lambda folder: anyio.run(check, lambda: SqliteStore(folder / "mirror.db"))


def _change_behind_the_reader(folder: Path) -> None:
    anyio.run(test_syncs.test_a_change_behind_the_reader, folder)


def _clock_set_back(folder: Path) -> None:
    anyio.run(test_following.test_a_clock_that_is_set_back, Place("sqlite", folder, None))


def _start(folder: Path) -> None:
    clock = MockClock(autojump_threshold=0)
    test = test_promises.test_a_start_looks_at_what_may_have_been_missed
    try:
        anyio.run(test, folder, backend="trio", backend_options={"clock": clock})
    except ExceptionGroup as group:
        if group.subgroup(AssertionError):
            raise AssertionError("a start does not look at what was missed") from group
        raise


MUTATIONS = (
    Mutation(name="no overlap", noticed_by=11, change=_no_overlap),
    Mutation(
        name="the watermark goes to where a sync ended", noticed_by=_change_behind_the_reader, change=_to_where_it_ended
    ),
    Mutation(name="blind spots are not watched", noticed_by=82, change=_blind),
    Mutation(name="stale records are read once", noticed_by=82, change=_read_again_once),
    Mutation(
        name="what was noted again is settled",
        noticed_by=_of_store(_check_syncs.notes_what_is_stale),
        change=_settled_whatever_came,
    ),
    Mutation(name="a list that is missing matters to nobody", noticed_by=199, change=_nothing_tells),
    Mutation(name="no fence", noticed_by=_of_store(_check_turns.fences), change=_no_fence),
    Mutation(name="the end of a sync rewinds nothing", noticed_by=8, change=_no_rewind),
    Mutation(
        name="what was rewound in between is forgotten",
        noticed_by=_of_store(_check_syncs.keeps_rewinds),
        change=_rewound_in_between,
    ),
    Mutation(name="nothing vanishes", noticed_by=40, change=_nothing_vanishes),
    Mutation(name="what a full sync did not meet is gone", noticed_by=11, change=_unseen_is_gone),
    Mutation(name="no sync is too long ago", noticed_by=66, change=_never_too_long_ago),
    Mutation(name="the machine's own clock", noticed_by=128, change=_own_clock),
    Mutation(name="clocks never step", noticed_by=_clock_set_back, change=_clocks_never_step),
    Mutation(
        name="what is told during a turn is forgotten",
        noticed_by=_of_store(_check_turns.remembers_what_it_was_told),
        change=_told_in_vain,
    ),
    Mutation(name="a start looks at nothing", noticed_by=_start, change=_started_without_a_look),
    Mutation(name="the log leaves deletions out", noticed_by=40, change=_lost_in_the_log),
)


@contextmanager
def mutated(mutation: Mutation) -> Generator[None]:
    """The mirror without that rule."""
    with pytest.MonkeyPatch.context() as patch:
        mutation.change(patch)
        yield


def search(mutation: Mutation, first: int, seeds: int) -> int | None:
    """A seed that notices the mutation, and holds without it; short histories first."""
    for seed in sorted(range(first, first + seeds), key=_cost):
        with mutated(mutation):
            noticed = bool(play_seed(seed).violations)
        if noticed and not play_seed(seed).violations:
            return seed
    return None


def _cost(seed: int) -> float:
    plan = scenario(seed)
    return plan.busy * (1 + plan.processes) + (3600 if plan.asleep_for else 0)
