"""A found record is a row's only if it cannot be anybody else's; anything less is reported as in doubt."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kombo_async import ats
from kombo_async.bulk import Row
from tests.bulk.conftest import CREATE, Bench, by_name
from tests.bulk.lists import Change, applications, client, people
from tests.bulk.test_doubts import leave_in_doubt

pytestmark = pytest.mark.anyio
NOW = timedelta(0)
LOST: dict[str, Any] = {"status": 500, "code": "PLATFORM.TASK_TIMED_OUT", "after_performing": True}


@pytest.fixture
def bench(timed_bench: Bench) -> Bench:
    """Actions take time."""
    return timed_bench


def time(sandbox: Any, seconds: float) -> str:
    """A time this many seconds from now, on the server's clock."""
    moment: datetime = sandbox.clock.now() + timedelta(seconds=seconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500, "code": "PLATFORM.TASK_TIMED_OUT"},
        {"status": 500, "code": "PLATFORM.UNKNOWN_ERROR"},
        {"status": 504, "html": True},
        {"connection": "reset"},
    ],
)
async def test_what_shows_later_is_not_sent_again(bench: Bench, tmp_path: Path, fault: dict[str, Any]) -> None:
    """A row that shows only after the next sync is in doubt until then, then found, and never created twice."""
    bench.sandbox.faults.add(CREATE, **fault, after_performing=True, times=1)
    shows = False

    def copy(records: list[Any]) -> list[Any]:
        return records if shows else []

    async with client(bench.sandbox, copy) as kombo:
        rows = [bench.application("ada")]
        first = await by_name(kombo.bulk(rows, journal=tmp_path / "j"))
        second = await by_name(kombo.bulk(rows, journal=tmp_path / "j"))
        shows = True
        third = await by_name(kombo.bulk(rows, journal=tmp_path / "j"))
    assert (first["ada"].result, second["ada"].result, third["ada"].result) == ("in_doubt", "in_doubt", "done")
    assert third["ada"].ids["id"] == bench.sandbox.performed(CREATE)[0].result["id"]
    assert bench.made == ["ada"]


def another(**changes: Any) -> Callable[[Bench], Change]:
    """Somebody else's application, for the same person and job, in place of ours."""

    def of(bench: Bench) -> Change:
        def change(records: list[Any]) -> list[Any]:
            for record in applications(records):
                for name, value in changes.items():
                    record[name] = value(bench.sandbox) if callable(value) else value
            return records

        return change

    return of


def named(first_name: str) -> Callable[[Bench], Change]:
    """The same record with another first name."""

    def of(bench: Bench) -> Change:
        def change(records: list[Any]) -> list[Any]:
            for person in people(records):
                person["first_name"] = first_name
            return records

        return change

    return of


async def test_what_another_run_may_have_created_is_no_proof(bench: Bench, tmp_path: Path) -> None:
    """While another run is sending a row for the same person and job, what is found may be that row's."""
    await leave_in_doubt(bench, tmp_path / "j", "ada", NOW)
    bench.sandbox.faults.add(CREATE, **LOST, times=1)
    async with client(bench.sandbox, lambda records: records) as kombo:
        rows = [Row(bench.application("ada"), key="with a key of its own")]
        outcomes = await by_name(kombo.bulk(rows, journal=tmp_path / "j"))
    assert outcomes["ada"].result == "in_doubt"
    assert "another row for the same person and job is being sent" in outcomes["ada"].message
    assert [match.ids["id"] for match in outcomes["ada"].found] == [bench.sandbox.performed(CREATE)[0].result["id"]]


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (another(remote_created_at=lambda sandbox: time(sandbox, -240)), "created before this row was first"),
        (
            another(remote_created_at=lambda sandbox: time(sandbox, -63_000_000)),
            "created before this row was first sent",
        ),
        (another(remote_created_at=None), "it is unknown whether it was created before"),
        (another(remote_created_at="last week"), "it is unknown whether it was created before"),
        (another(remote_created_at=lambda sandbox: time(sandbox, 5 * 3600)), "long after this row was sent"),
        (another(remote_deleted_at=lambda sandbox: time(sandbox, 5)), "since been deleted"),
        (named("Augusta"), "its name differs"),
    ],
)
async def test_less_than_proof_is_in_doubt(bench: Bench, found: Callable[[Bench], Change], why: str) -> None:
    """A record for the same person and job that may be somebody else's is reported, neither taken nor repeated."""
    bench.sandbox.faults.add(CREATE, **LOST, times=1)
    async with client(bench.sandbox, found(bench)) as kombo:
        outcomes = await by_name(kombo.bulk([bench.application("ada")], resend_after=NOW))
    outcome = outcomes["ada"]
    assert outcome.result == "in_doubt"
    assert why in outcome.message
    assert [match.ids["id"] for match in outcome.found] == [bench.sandbox.performed(CREATE)[0].result["id"]]
    assert bench.made == ["ada"]


async def test_one_record_proves_one_row(bench: Bench, tmp_path: Path) -> None:
    """With two rows in doubt for one person and job, and one application, one row stays in doubt."""
    bench.sandbox.faults.add(CREATE, status=500, code="PLATFORM.UNKNOWN_ERROR", times=1)
    bench.sandbox.faults.add(CREATE, **LOST, times=1)
    rows = [Row(bench.application("ada"), key=key) for key in ("one", "two")]
    async with bench.client() as kombo:
        run = kombo.bulk(rows, journal=tmp_path / "j", resend_after=NOW, concurrency=1)
        outcomes = [each async for each in run]
    assert sorted(each.result for each in outcomes) == ["done", "in_doubt"]
    doubt = next(each for each in outcomes if each.result == "in_doubt")
    assert "belongs to another row" in doubt.message
    assert bench.made == ["ada"]


async def test_two_records_like_it_prove_nothing(bench: Bench) -> None:
    """If two applications look the same, the row stays in doubt."""
    bench.sandbox.faults.add(CREATE, **LOST, times=1)

    def twins(records: list[Any]) -> list[Any]:
        for record in list(records):
            if "applications" in record:
                record["applications"] += [{**each, "id": "twin"} for each in record["applications"]]
            else:
                records.append({**record, "id": "twin"})
        return records

    async with client(bench.sandbox, twins) as kombo:
        outcomes = await by_name(kombo.bulk([bench.application("ada")], resend_after=NOW))
    assert outcomes["ada"].result == "in_doubt"
    assert len(outcomes["ada"].found) == 2


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("josé@example.com", "jose\u0301@example.com"),
        ("jose\u0301@example.com", "josé@example.com"),
        ("Ada@Example.com", "ada@example.com"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@xn--bcher-kva.example", "ada@bücher.example"),
        ("ada\u200b@example.com", "ada@example.com"),
        ("\uff41\uff44\uff41@example.com", "ada@example.com"),
        ("ada@straße.example", "ada@xn--strae-oqa.example"),
    ],
)
async def test_a_rewritten_address_is_the_same_person(bench: Bench, sent: str, kept: str) -> None:
    """An application is found even if the connected system spells the address differently."""
    bench.sandbox.faults.add(CREATE, **LOST, times=1)

    def rewrite(records: list[Any]) -> list[Any]:
        for person in people(records):
            person["email_addresses"] = [{"email_address": kept, "type": None}]
        return records

    row = bench.application("ada")
    row = row.evolve(candidate=row.candidate.evolve(email_address=sent))
    async with client(bench.sandbox, rewrite) as kombo:
        outcomes = await by_name(kombo.bulk([row], resend_after=NOW))
    assert outcomes["ada"].result == "done"
    assert bench.made == ["ada"]


@pytest.mark.parametrize("kept", ["ada@example.com", "someone@else.example", None])
async def test_what_only_resembles_is_in_doubt(bench: Bench, kept: str | None) -> None:
    """A dropped tag, or another address with the same name (a merged record), leaves the row in doubt."""
    bench.sandbox.faults.add(CREATE, **LOST, times=1)

    def rewrite(records: list[Any]) -> list[Any]:
        for person in people(records):
            person["email_addresses"] = [{"email_address": kept, "type": None}] if kept else []
        return records

    row = bench.application("ada")
    row = row.evolve(candidate=row.candidate.evolve(email_address="ada+jobs@example.com"))
    async with client(bench.sandbox, rewrite) as kombo:
        outcomes = await by_name(kombo.bulk([row], resend_after=NOW))
    assert outcomes["ada"].result == "in_doubt"
    assert outcomes["ada"].found
    assert bench.made == ["ada"]


async def test_a_deleted_record_without_a_name_may_be_anybodys(bench: Bench) -> None:
    """A record emptied 14 days after its deletion may be anybody's, so the row stays in doubt."""
    bench.sandbox.faults.add(CREATE, **LOST, times=1)

    def emptied(records: list[Any]) -> list[Any]:
        for record in records:
            record["remote_deleted_at"] = time(bench.sandbox, 1)
            record["remote_created_at"] = None
            if "candidate" in record:
                record["candidate"] = None
            else:
                record |= {"first_name": None, "last_name": None, "email_addresses": None, "applications": []}
        return records

    async with client(bench.sandbox, emptied) as kombo:
        outcomes = await by_name(kombo.bulk([bench.application("ada")], resend_after=NOW))
    assert outcomes["ada"].result == "in_doubt"
    assert bench.made == ["ada"]


async def test_looks_read_all_pages(bench: Bench, tmp_path: Path) -> None:
    """A search reads all pages; a page that fails settles nothing."""
    bench.sandbox.set_latency(actions=0)
    bench.sandbox.faults.add(CREATE, **LOST, times=1)
    pages = 0

    def by_job_only(records: list[Any]) -> list[Any]:
        nonlocal pages
        if records and "candidate" in records[0]:
            pages += 1
            return records
        return []

    async with client(bench.sandbox, by_job_only) as kombo:
        await kombo.send(bench.application("first"))  # takes the fault, and is made
        for number in range(600):
            await kombo.send(bench.application(f"other{number}"))
        await leave_in_doubt(bench, tmp_path / "j", "first", timedelta(minutes=10))
        bench.sandbox.faults.add("GetAtsApplications", status=500, code="PLATFORM.UNKNOWN_ERROR", every=3, times=1)
        first = await by_name(kombo.bulk([bench.application("first")], journal=tmp_path / "j", resend_after=NOW))
        second = await by_name(kombo.bulk([bench.application("first")], journal=tmp_path / "j", resend_after=NOW))
    assert (first["first"].result, second["first"].result) == ("in_doubt", "done")
    assert "looking for it failed" in first["first"].message
    assert pages >= 3
    assert bench.made.count("first") == 1


@pytest.mark.parametrize("as_candidate", [False, True])
async def test_the_jobs_own_id_finds_it_too(bench: Bench, as_candidate: bool) -> None:
    """A `job_id="remote:..."` is searched for by the job's own ID."""
    jobs = bench.sandbox.world(bench_integration(bench)).table("ats_jobs")
    job = next(row for row in jobs if row.id == bench.job_id)
    remote = f"remote:{job.data['remote_id']}"
    row: Any = bench.application("ada").evolve(job_id=remote)
    if as_candidate:
        row = ats.CreateCandidate(candidate=row.candidate, application=ats.CandidateApplicationInput(job_id=remote))
    bench.sandbox.faults.add(row.operation.id, **LOST, times=1)
    async with bench.client() as kombo:
        outcomes = await by_name(kombo.bulk([row], resend_after=NOW))
    assert outcomes["ada"].result == "done"
    assert outcomes["ada"].entry.proof == "look"
    assert len(bench.sandbox.performed(row.operation.id)) == 1


def bench_integration(bench: Bench) -> str:
    """The integration of the bench."""
    return next(iter(bench.sandbox.integrations))


async def test_a_candidate_without_an_application_may_be_half_of_it(bench: Bench) -> None:
    """A new candidate without the application may be half done: a person must look."""
    bench.sandbox.faults.add(CREATE, **LOST, times=1)

    def half(records: list[Any]) -> list[Any]:
        return [{**each, "applications": []} for each in records if "applications" in each]

    async with client(bench.sandbox, half) as kombo:
        outcomes = await by_name(kombo.bulk([bench.application("ada")], resend_after=NOW))
    assert outcomes["ada"].result == "in_doubt"
    assert "partly done" in outcomes["ada"].message
    assert bench.made == ["ada"]


async def test_others_of_the_same_name_are_others(bench: Bench) -> None:
    """People with the same name but different addresses, created by other rows, leave no row in doubt."""
    rows = []
    for number in range(5):
        row = bench.application("ada")
        rows.append(row.evolve(candidate=row.candidate.evolve(email_address=f"{number}@example.com")))
    bench.sandbox.faults.add(CREATE, status=500, code="PLATFORM.UNKNOWN_ERROR", times=1)
    async with bench.client() as kombo:
        run = kombo.bulk(rows, resend_after=NOW, concurrency=1)
        results = [each.result async for each in run]
    assert results == ["done"] * 5
    assert len(bench.made) == 5


@pytest.mark.parametrize(("passed", "result"), [(timedelta(minutes=30), "in_doubt"), (timedelta(hours=2), "done")])
async def test_time_is_the_servers(
    bench: Bench, tmp_path: Path, passed: timedelta, result: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`resend_after` counts on the server's clock, whatever the clocks of the machines say."""
    bench.sandbox.clock.advance(-90_000)  # a day and an hour behind this machine
    async with bench.client() as kombo:
        await leave_in_doubt(bench, tmp_path / "j", "ada", NOW)
        bench.sandbox.clock.advance(passed.total_seconds())
        run = kombo.bulk([bench.application("ada")], journal=tmp_path / "j", resend_after=timedelta(hours=1))
        outcomes = await by_name(run)
    assert outcomes["ada"].result == result


@pytest.mark.parametrize(("answer", "result"), [(True, "done"), (False, "in_doubt"), (None, "in_doubt")])
@pytest.mark.parametrize("awaitable", [False, True])
async def test_a_sync_since_is_proof(
    bench: Bench, tmp_path: Path, answer: bool | None, result: str, awaitable: bool
) -> None:
    """`synced_since` is asked about a sync that began after the request can no longer have been in progress."""
    asked: list[tuple[str | None, datetime]] = []

    def synced(integration_id: str | None, after: datetime) -> bool | None:
        asked.append((integration_id, after))
        return answer

    async def synced_later(integration_id: str | None, after: datetime) -> bool | None:
        return synced(integration_id, after)

    async with bench.client() as kombo:
        sent = bench.sandbox.clock.now()
        await leave_in_doubt(bench, tmp_path / "j", "ada", NOW)
        run = kombo.bulk(
            [bench.application("ada")], journal=tmp_path / "j", synced_since=synced_later if awaitable else synced
        )
        outcomes = await by_name(run)
    assert outcomes["ada"].result == result
    integration, after = asked[0]
    assert integration == bench_integration(bench)
    assert after - sent >= timedelta(minutes=15)
