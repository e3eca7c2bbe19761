"""Rows in doubt are settled by searching, and sent again only if they are definitely missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest

from kombo_async import ats
from kombo_async._chain.adaptive_limiter import FIRST_LIMIT
from kombo_async.bulk import (
    ApplicationReconciler,
    Claim,
    Entry,
    Found,
    Look,
    Match,
    NoJournal,
    Reconciler,
    RowKey,
    SqliteJournal,
    Verdict,
    digest,
    read_journal,
)
from kombo_async.bulk._identity import shows_of, subject_of
from kombo_async.bulk.resolve import open_doubts
from kombo_async.sandbox import BASE_URL
from tests.bulk.conftest import CREATE, INTEGRATION, Bench, by_name
from tests.support.calls import until

pytestmark = pytest.mark.anyio
NOW = timedelta(0)


async def leave_in_doubt(bench: Bench, path: Path, name: str, ago: timedelta) -> None:
    """The journal of a run that was killed while sending *name*, *ago* on the server's clock."""
    key, entry = as_sent(bench.application(name), bench.sandbox.clock.now() - ago)
    journal = SqliteJournal(path)
    await journal.open(BASE_URL)
    await journal.record(key, entry)
    await journal.aclose()


def as_sent(request: ats.CreateApplication, time: datetime) -> tuple[RowKey, Entry]:
    """The journal entry of a row that has been in sending since *time*."""
    identity = ApplicationReconciler().identity(request)
    assert identity is not None
    subject = subject_of(identity, INTEGRATION)
    entry = Entry(
        state="sending",
        digest=digest(request, INTEGRATION),
        subject=subject,
        shows=shows_of(identity),
        about=identity.about,
        first_sent=time,
        first_sent_by=time,
        last_sent=time,
    )
    return RowKey(subject, identity.kind, INTEGRATION), entry


async def test_lost_answers_are_found(timed_bench: Bench) -> None:
    """A row whose response was lost is found, and not sent again."""
    bench = timed_bench
    bench.sandbox.faults.add(CREATE, status=500, code="PLATFORM.UNKNOWN_ERROR", after_performing=True, times=2)
    async with bench.client() as kombo:
        outcomes = await by_name(kombo.bulk(bench.applications(5), concurrency=2))
    assert {each.result for each in outcomes.values()} == {"done"}
    assert sum(each.entry.proof == "look" for each in outcomes.values()) == 2
    assert sorted(bench.made) == sorted(outcomes)
    made = {call.result["id"] for call in bench.sandbox.performed(CREATE)}
    assert {each.ids["id"] for each in outcomes.values()} == made


@pytest.mark.parametrize("resend_after", [None, timedelta(hours=24)])
async def test_what_does_not_show_stays_in_doubt(bench: Bench, resend_after: timedelta | None) -> None:
    """Without `resend_after`, or before it has passed, a missing row is neither sent again nor guessed."""
    bench.sandbox.faults.add(CREATE, status=500, code="PLATFORM.UNKNOWN_ERROR", times=1)
    async with bench.client() as kombo:
        outcomes = await by_name(kombo.bulk(bench.applications(2), concurrency=1, resend_after=resend_after))
    assert outcomes["ada0"].result == "in_doubt"
    assert "it was not found, which proves nothing" in outcomes["ada0"].message
    assert bench.made == ["ada1"]


async def test_what_is_surely_not_there_is_sent_again(bench: Bench) -> None:
    """After `resend_after`, a missing row is sent again within the same run."""
    bench.sandbox.faults.add(CREATE, status=500, code="PLATFORM.UNKNOWN_ERROR", times=1)
    async with bench.client() as kombo:
        run = kombo.bulk(bench.applications(2), concurrency=1, resend_after=timedelta(seconds=0.2))
        outcomes = await by_name(run)
    assert {each.result for each in outcomes.values()} == {"done"}
    assert sorted(bench.made) == ["ada0", "ada1"]


@pytest.mark.parametrize("performed", [True, False])
async def test_rows_of_a_dead_run_are_settled(bench: Bench, tmp_path: Path, performed: bool) -> None:
    """What a killed run was sending is found if it was done, and sent again if not: once in either case."""
    async with bench.client() as kombo:
        if performed:
            await kombo.send(bench.application("ada0"))
        await leave_in_doubt(bench, tmp_path / "j", "ada0", timedelta(seconds=5))
        outcomes = await by_name(kombo.bulk(bench.applications(3), journal=tmp_path / "j", resend_after=NOW))
    assert {each.result for each in outcomes.values()} == {"done"}
    assert (outcomes["ada0"].entry.proof == "look") is performed
    assert sorted(bench.made) == ["ada0", "ada1", "ada2"]


async def test_spaces_around_a_job_do_not_hide_what_was_done(timed_bench: Bench, tmp_path: Path) -> None:
    """The job of a row is the same with spaces around it, and is looked for without them."""
    bench = timed_bench
    row = bench.application("ada0")
    async with bench.client() as kombo:
        sent = bench.sandbox.clock.now()
        made = (await kombo.send(row)).unwrap().id
        await leave_in_doubt(bench, tmp_path / "j", "ada0", bench.sandbox.clock.now() - sent)
        padded = row.evolve(job_id=f" {row.job_id} ")
        outcomes = await by_name(kombo.bulk([padded], journal=tmp_path / "j", resend_after=NOW))
    assert (outcomes["ada0"].result, outcomes["ada0"].ids["id"]) == ("changed", made)


async def test_an_older_application_is_not_taken_for_ours(bench: Bench, tmp_path: Path) -> None:
    """A person who applied for the job before the run leaves a doubt that only a person can settle."""
    async with bench.client() as kombo:
        bench.sandbox.clock.advance(-3 * 3600)
        await kombo.send(bench.application("ada0"))
        bench.sandbox.clock.advance(3 * 3600)
        await leave_in_doubt(bench, tmp_path / "j", "ada0", timedelta(seconds=5))
        outcomes = await by_name(kombo.bulk(bench.applications(1), journal=tmp_path / "j", resend_after=NOW))
    assert outcomes["ada0"].result == "in_doubt"
    assert "it was created before this row was first sent" in outcomes["ada0"].message
    assert bench.asked == 1


@pytest.mark.parametrize("ours", [True, False])
async def test_already_there_is_no_proof(timed_bench: Bench, tmp_path: Path, ours: bool) -> None:
    """`ATS.APPLICATION_ALREADY_EXISTS` refuses a row that was never sent; one that was sent is done only if found."""
    bench = timed_bench
    async with bench.client() as kombo:
        await leave_in_doubt(bench, tmp_path / "j", "ada0", timedelta(seconds=5))
        real, looks = bench.sandbox.faults, 0

        def appears(call: Any) -> None:
            nonlocal looks
            looks += call.operation == "GetAtsCandidates"

        bench.sandbox.request_log.watch(appears)
        real.add(CREATE, status=400, code="ATS.APPLICATION_ALREADY_EXISTS", after_performing=ours)
        run = kombo.bulk(bench.applications(2), journal=tmp_path / "j", resend_after=NOW)
        outcomes = await by_name(run)
    assert (outcomes["ada0"].result, outcomes["ada1"].result) == ("done" if ours else "in_doubt", "refused")
    assert looks > 1


async def test_a_reason_that_is_a_sentence_is_told_as_a_part_of_one(bench: Bench, tmp_path: Path) -> None:
    """Kombo's messages end with full stops; in the middle of ours there is none."""
    bench.sandbox.faults.add(CREATE, status=500, code="PLATFORM.UNKNOWN_ERROR", message="It failed. Sorry.")
    async with bench.client() as kombo:
        outcomes = await by_name(kombo.bulk(bench.applications(1), journal=tmp_path / "j"))
    assert outcomes["ada0"].message.startswith("It failed. Sorry; it was not found")
    async with open_doubts(tmp_path / "j") as doubts:
        left = await doubts.give_up(outcomes["ada0"].key)
    assert left.entry.message.startswith("given up by hand; It failed. Sorry; it was not found")


async def test_a_failing_look_settles_nothing(bench: Bench, tmp_path: Path) -> None:
    """If the search fails, the row stays in doubt, and nothing is sent."""
    bench.sandbox.faults.add("GetAtsCandidates", status=403, code="INTEGRATION.PERMISSION_MISSING")
    async with bench.client() as kombo:
        await leave_in_doubt(bench, tmp_path / "j", "ada0", timedelta(days=2))
        outcomes = await by_name(kombo.bulk(bench.applications(1), journal=tmp_path / "j"))
    assert outcomes["ada0"].result == "in_doubt"
    assert "looking for it failed" in outcomes["ada0"].message
    assert bench.asked == 0


async def test_a_row_in_doubt_that_came_back_with_another_name(bench: Bench, tmp_path: Path) -> None:
    """A row in doubt that comes back with another name stays in doubt, whatever is found."""
    journal = tmp_path / "j"
    async with bench.client() as kombo:
        bench.sandbox.faults.add(CREATE, status=500, code="PLATFORM.UNKNOWN_ERROR", after_performing=True, times=1)
        bench.sandbox.faults.add("GetAtsCandidates", status=403, times=1)
        await by_name(kombo.bulk(bench.applications(1), journal=journal))
        row = bench.application("ada0")
        changed = row.evolve(candidate=row.candidate.evolve(first_name="Grace"))
        outcomes = await by_name(kombo.bulk([changed], journal=journal, resend_after=NOW))
    assert outcomes["Grace"].result == "in_doubt"
    assert "changed" in outcomes["Grace"].message
    assert bench.made == ["ada0"]


async def test_operations_without_a_reconciler_stay_in_doubt(bench: Bench) -> None:
    """Operations without a reconciler stay in doubt, unless the caller passes one."""
    operation = "PostAtsCandidatesCandidateIdResultLinks"
    bench.sandbox.faults.add(operation, status=500, code="PLATFORM.UNKNOWN_ERROR")
    request = ats.AddCandidateResultLink(candidate_id="c", label="Score", url="https://example.com/1")

    class Links(Reconciler):
        async def look(self, look: Look) -> Verdict:
            return Found(Match(ids={"id": "it"}))

    async with bench.client() as kombo:
        assert [each.result async for each in kombo.bulk([request])] == ["in_doubt"]
        run = kombo.bulk([request], reconcilers={ats.AddCandidateResultLink: Links()})
        assert [each.ids async for each in run] == [{"id": "it"}]


async def test_rows_without_an_identity_are_no_rivals(bench: Bench, tmp_path: Path) -> None:
    """A row that nothing identifies is found, though another run was sending one of the same kind."""
    operation = "PostAtsCandidatesCandidateIdResultLinks"
    bench.sandbox.faults.add(operation, status=500, code="PLATFORM.UNKNOWN_ERROR")
    requests = [ats.AddCandidateResultLink(candidate_id="c", label=label, url="https://example.com") for label in "ab"]
    journal = SqliteJournal(tmp_path / "j")
    await journal.open(BASE_URL)
    entry = Entry(state="sending", digest=digest(requests[0], INTEGRATION))
    await journal.record(RowKey(entry.digest, operation, INTEGRATION), entry)
    await journal.aclose()

    class Links(Reconciler):
        async def look(self, look: Look) -> Verdict:
            return Found(Match(ids={"id": look.request.label}))  # type: ignore[attr-defined]

    async with bench.client() as kombo:
        run = kombo.bulk(requests[1:], journal=tmp_path / "j", reconcilers={ats.AddCandidateResultLink: Links()})
        assert [each.ids async for each in run] == [{"id": "b"}]


async def test_what_a_held_up_run_recorded_of_a_row_is_this_rows(timed_bench: Bench) -> None:
    """Another run that had the row before may have found its record: then it is still this row's, and no other's."""
    bench = timed_bench

    class Settled(NoJournal):
        key: RowKey | None = None

        async def claim(self, key: RowKey) -> Claim:
            self.key = key
            return await super().claim(key)

        async def owners(self, ids: Sequence[str]) -> Mapping[str, RowKey]:
            assert self.key is not None
            return dict.fromkeys(ids, self.key)

    bench.sandbox.faults.add(CREATE, status=500, code="PLATFORM.UNKNOWN_ERROR", after_performing=True, times=1)
    async with bench.client() as kombo:
        outcomes = await by_name(kombo.bulk(bench.applications(1), journal=Settled()))
    assert outcomes["ada0"].result == "done"


async def test_idempotent_operations_are_simply_repeated(bench: Bench) -> None:
    """A DELETE in doubt is sent again, since twice is the same as once."""
    operation = ats.RemoveCandidateTag.operation.id
    fault = bench.sandbox.faults.add(operation, status=500, code="PLATFORM.UNKNOWN_ERROR", times=3)
    async with bench.client() as kombo:
        candidate_id = (await kombo.send(bench.application("ada"))).unwrap().candidate_id or ""
        tag = ats.TagInput(name=(await kombo.ats.get_tags()).unwrap().results[0].name or "")
        (await kombo.ats.add_candidate_tag(candidate_id, tag=tag)).unwrap()
        outcomes = [each async for each in kombo.bulk([ats.RemoveCandidateTag(candidate_id=candidate_id, tag=tag)])]
    assert [each.result for each in outcomes] == ["done"]
    assert fault.struck == 3


async def test_cancelling_records_what_was_in_flight(bench: Bench, tmp_path: Path) -> None:
    """A cancelled run without grace leaves rows in flight in doubt, and the others unsent."""
    bench.sandbox.set_latency(actions=5)
    async with bench.client() as kombo, anyio.create_task_group() as tasks:

        async def cancel_once_all_have_left() -> None:
            await until(lambda: bench.sandbox.concurrency.in_flight(INTEGRATION) == FIRST_LIMIT)
            tasks.cancel_scope.cancel()

        tasks.start_soon(cancel_once_all_have_left)
        run = kombo.bulk(bench.applications(40), journal=tmp_path / "j", grace=0)
        async with run as outcomes:
            async for _ in outcomes:
                pass
    states = [entry.state for _, entry in read_journal(tmp_path / "j")]
    assert set(states) == {"in_doubt", "unsent"}
    assert states.count("in_doubt") == FIRST_LIMIT


def test_entries_survive_the_journal(tmp_path: Path) -> None:
    """Every field of an entry survives the file."""
    time = datetime.now(UTC).replace(microsecond=125_000)
    entry = Entry(
        state="refused",
        digest="d",
        first_sent=time,
        first_sent_by=time,
        last_sent=time,
        finished=time,
        ids={"id": "a", "job_id": "ü\"'"},
        proof="look",
        found=(Match(ids={"id": "a"}, created=time, why="it is"),),
        warnings=("no CV",),
        subject="s",
        shows="n",
        row="7",
        status_code=400,
        code="ATS.JOB_CLOSED",
        message="no “more”, 100 %",
        log_url="https://app.kombo.dev/x",
    )

    async def write() -> None:
        journal = SqliteJournal(tmp_path / "j")
        await journal.open("here")
        await journal.record(RowKey("k", "o", "i"), entry)
        await journal.record(RowKey("k2", "o", "i"), attrs.evolve(entry, first_sent=None, code=None))
        await journal.aclose()

    anyio.run(write)
    assert list(read_journal(tmp_path / "j")) == [
        (RowKey("k", "o", "i"), entry),
        (RowKey("k2", "o", "i"), attrs.evolve(entry, first_sent=None, code=None)),
    ]
