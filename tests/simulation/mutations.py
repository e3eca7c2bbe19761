"""A test of the test: each rule of bulk switched off, which the simulation must notice."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from kombo_async._chain.server_clock import ServerClock
from kombo_async.bulk import Entry, JournalError, RowKey, SqliteJournal, resolve, sqlite
from kombo_async.bulk import _applications as applications
from kombo_async.bulk import _doubts as doubts
from kombo_async.bulk import _reconcile as reconcile
from kombo_async.bulk import _redis_scripts as scripts
from kombo_async.bulk import _responses as responses
from kombo_async.bulk import _rows as rows
from kombo_async.bulk import _sending as sending
from kombo_async.bulk._file_guard import FileGuard
from kombo_async.bulk._gate import Gate
from kombo_async.bulk._identity import subject_of
from kombo_async.bulk._job_looks import JobLooks
from kombo_async.bulk._reconcile import Look
from kombo_async.bulk.redis import RedisJournal
from tests.simulation.seeds import play_seed

Change = Callable[[pytest.MonkeyPatch], None]


@attrs.frozen(kw_only=True)
class Mutation:
    """A rule switched off."""

    name: str
    rule: str
    seed: int
    """One that notices."""
    change: Change


def _identity_with_details(patch: pytest.MonkeyPatch) -> None:
    known = applications.ApplicationReconciler.identity

    def identity(self: Any, request: Any) -> Any:
        found = known(self, request)
        details = (str(request.candidate.phone_number), str(request.candidate.title))
        return found and attrs.evolve(found, parts=(*found.parts, *details))

    patch.setattr(applications.ApplicationReconciler, "identity", identity)


def _key_of_anybody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rows, "subject_of", lambda identity, integration_id: "")


def _done_without_id(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(responses, "_why_not_done", lambda request, response, ids: "")


def _all_is_new(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Look, "is_new", lambda self, created: True)


def _any_name(patch: pytest.MonkeyPatch) -> None:
    known = applications._why_unsure

    def why_unsure(look: Any, wanted: Any, record: Any, new: bool | None) -> str:
        return known(look, wanted, attrs.evolve(record, names=wanted.names), new)

    patch.setattr(applications, "_why_unsure", why_unsure)


def _proof_of_many(patch: pytest.MonkeyPatch) -> None:
    async def nobody(self: Any, ids: Any) -> dict[str, RowKey]:
        return {}

    for journal in (SqliteJournal, RedisJournal):
        known: Any = journal.record

        async def record(self: Any, key: Any, entry: Any, known: Any = known, **options: Any) -> bool:
            return await known(self, key, attrs.evolve(entry, proof="answer" if entry.proof else ""), **options) or True

        patch.setattr(journal, "owners", nobody)
        patch.setattr(journal, "record", record)


def _not_found_is_proof(patch: pytest.MonkeyPatch) -> None:
    async def is_surely_over(*_: Any) -> bool:
        return True

    patch.setattr(doubts.Doubts, "_is_surely_over", is_surely_over)


def _work_takes_no_time(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(doubts, "LONGEST_ACTION", timedelta())


def _one_spelling(patch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: Any) -> AsyncGenerator[Any]:
        for each in list[Any]():
            yield each

    async def no_list(*_: Any) -> list[Any]:
        return []

    patch.setattr(applications, "spellings", lambda address: [address])
    patch.setattr(applications, "_by_name", nothing)
    patch.setattr(JobLooks, "look", no_list)


def _own_clock(patch: pytest.MonkeyPatch) -> None:
    def now(self: ServerClock, moment: float) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=moment - self.clock.time())

    patch.setattr(ServerClock, "earliest", now)
    patch.setattr(ServerClock, "latest", now)


def _refused_whatever_was_before(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(responses, "_state_of", lambda *_: "refused")


def _no_last_check(patch: pytest.MonkeyPatch) -> None:
    def __call__(self: Any) -> None:
        self.begun = self.last = self.clock.time()

    patch.setattr(sending._LastCheck, "__call__", __call__)
    patch.setattr(sending, "LATEST", float("inf"))


def _held_is_met(patch: pytest.MonkeyPatch) -> None:
    known: Any = RedisJournal.claim

    async def claim(self: Any, key: RowKey) -> Any:
        found = await known(self, key)
        return attrs.evolve(found, status="met") if found.status == "held" else found

    patch.setattr(RedisJournal, "claim", claim)


def _held_is_ours(patch: pytest.MonkeyPatch) -> None:
    known: Any = RedisJournal.claim

    async def claim(self: Any, key: RowKey) -> Any:
        found = await known(self, key)
        return attrs.evolve(found, status="ours", entry=None) if found.status == "held" else found

    patch.setattr(RedisJournal, "claim", claim)


def _let_go_while_it_is_settled(patch: pytest.MonkeyPatch) -> None:
    known: Any = RedisJournal.record

    async def record(self: Any, key: Any, entry: Any, **_: Any) -> bool:
        written: bool = await known(self, key, entry)
        return written

    patch.setattr(RedisJournal, "record", record)


def _not_durable(patch: pytest.MonkeyPatch) -> None:
    for journal in (SqliteJournal, RedisJournal):
        known: Any = journal.record

        async def record(self: Any, key: Any, entry: Any, known: Any = known, **options: Any) -> bool:
            return True if entry.state == "sending" else await known(self, key, entry, **options)

        patch.setattr(journal, "record", record)


def _sent_first_at_first(patch: pytest.MonkeyPatch) -> None:
    known = doubts.Doubts.settle

    async def settle(self: Any, doubt: Any, *arguments: Any) -> Any:
        settled = await known(self, doubt, *arguments)
        return settled.at_times_of(self._timed(doubt)) if isinstance(settled, Entry) else settled

    patch.setattr(doubts.Doubts, "settle", settle)


def _all_that_seems_older_is_others(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reconcile, "LONGEST_SKEW", timedelta())


def _no_gate(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Gate, "enter", lambda self, row: True)


def _one_integration(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rows, "subject_of", lambda identity, integration_id: subject_of(identity, None))
    patch.setattr(rows, "RowKey", lambda key, kind, integration_id: RowKey(key, kind, ""))


def _given_up_is_unsent(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(resolve.Doubts, "give_up", resolve.Doubts.send_again)


def _full_disk_is_no_matter(patch: pytest.MonkeyPatch) -> None:
    for journal in (SqliteJournal, RedisJournal):
        known: Any = journal.record

        async def record(self: Any, key: Any, entry: Any, known: Any = known, **options: Any) -> bool:
            try:
                written: bool = await known(self, key, entry, **options)
            except JournalError as error:
                if "full" not in str(error) and "maxmemory" not in str(error):
                    raise
                return True
            return written

        patch.setattr(journal, "record", record)


def _rows_fault_ends_the_run(patch: pytest.MonkeyPatch) -> None:
    def unknown(row: Any, integration_id: Any, error: Exception) -> Any:
        raise error

    patch.setattr(rows, "_unknown", unknown)


def _any_file_will_do(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(FileGuard, "check", lambda self: None)


def _half_a_journal_will_do(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sqlite, "check_whole", lambda path: None)


def _any_redis_will_do(patch: pytest.MonkeyPatch) -> None:
    async def nothing(self: RedisJournal) -> None:
        pass

    patch.setattr(RedisJournal, "_check_server", nothing)
    rows_gone, some_gone, all_gone = (
        "if gone or not whole(row.rows, 'r' .. bucket)",
        "if redis.call('HLEN', key) ~= tonumber(known[i + 1])",
        "if there ~= 0 or rows ~= tonumber(redis.call('HGET', about, 'rows') or 0)",
    )
    assert rows_gone in scripts.ROWS
    assert some_gone in scripts.OPEN
    assert all_gone in scripts.OPEN
    patch.setattr(scripts, "ROWS", scripts.ROWS.replace(rows_gone, "if false"))
    patch.setattr(scripts, "OPEN", scripts.OPEN.replace(some_gone, "if false").replace(all_gone, "if false"))


MUTATIONS = (
    Mutation(name="identity with details", rule="1", seed=11, change=_identity_with_details),
    Mutation(name="a key of anybody", rule="1", seed=8, change=_key_of_anybody),
    Mutation(name="one integration", rule="1", seed=7, change=_one_integration),
    Mutation(name="done without an ID", rule="2", seed=33, change=_done_without_id),
    Mutation(name="whatever is found is new", rule="3", seed=2, change=_all_is_new),
    Mutation(name="any name will do", rule="3", seed=206, change=_any_name),
    Mutation(name="one record proves many rows", rule="3", seed=242, change=_proof_of_many),
    Mutation(name="sent first is sent first", rule="3", seed=4, change=_sent_first_at_first),
    Mutation(name="what seems older is others'", rule="3", seed=14, change=_all_that_seems_older_is_others),
    Mutation(name="not found is proof", rule="4", seed=2, change=_not_found_is_proof),
    Mutation(name="work takes no time", rule="4", seed=24, change=_work_takes_no_time),
    Mutation(name="one spelling, one list", rule="4", seed=77, change=_one_spelling),
    Mutation(name="the machine's own clock", rule="5", seed=19, change=_own_clock),
    Mutation(name="no look right before it leaves", rule="5", seed=290, change=_no_last_check),
    Mutation(name="refused is refused", rule="6", seed=7, change=_refused_whatever_was_before),
    Mutation(name="a row's fault ends the run", rule="6", seed=18, change=_rows_fault_ends_the_run),
    Mutation(name="no gate", rule="6", seed=529, change=_no_gate),
    Mutation(name="a full disk is no matter", rule="6", seed=148, change=_full_disk_is_no_matter),
    Mutation(name="given up is unsent", rule="7", seed=13, change=_given_up_is_unsent),
    Mutation(name="any file will do", rule="7", seed=178, change=_any_file_will_do),
    Mutation(name="half a journal will do", rule="7", seed=9, change=_half_a_journal_will_do),
    Mutation(name="any Redis will do", rule="7", seed=32, change=_any_redis_will_do),
    Mutation(name="held is a duplicate", rule="7", seed=1, change=_held_is_met),
    Mutation(name="held is ours", rule="7", seed=1, change=_held_is_ours),
    Mutation(name="let go while it is settled", rule="7", seed=69, change=_let_go_while_it_is_settled),
    Mutation(name="sent before it is written down", rule="7", seed=12, change=_not_durable),
)


@contextmanager
def mutated(mutation: Mutation) -> Generator[None]:
    """Bulk without that rule."""
    with pytest.MonkeyPatch.context() as patch:
        mutation.change(patch)
        yield


def notices(mutation: Mutation, seed: int) -> bool:
    """Whether *seed* fails with the mutation, and not without it."""
    with mutated(mutation):
        fails = bool(play_seed(seed).violations)
    return fails and not play_seed(seed).violations


def search(mutation: Mutation, first: int, seeds: int) -> int | None:
    """The first seed that notices the mutation."""
    return next((seed for seed in range(first, first + seeds) if notices(mutation, seed)), None)
