"""Many calls and records: what was evicted from memory can still be read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from kombo_async import AsyncKomboClient, ats
from kombo_async.errors import ServerError
from kombo_async.sandbox import GREENHOUSE, Sandbox
from kombo_async.sandbox._server import logged_request
from kombo_async.sandbox._state import table

pytestmark = pytest.mark.anyio

PEOPLE = 40
START = datetime(2026, 5, 19, tzinfo=UTC)
CREATE = "PostAtsCandidates"


async def _hire(kombo: AsyncKomboClient, job: str, first_name: str) -> ats.Candidate:
    person = ats.CandidateInput(first_name=first_name, last_name="Abe", email_address=f"{first_name}@example.com")
    application = ats.CandidateApplicationInput(job_id=job)
    return (await kombo.ats.create_candidate(candidate=person, application=application)).unwrap()


async def _all(kombo: AsyncKomboClient, **filters: Any) -> list[ats.Candidate]:
    return [each async for each in kombo.ats.get_candidates(page_size=7, **filters).items()]


async def _story() -> list[list[ats.Candidate]]:
    """What the lists show after each of some changes."""
    sandbox = Sandbox(candidates=5)
    sandbox.clock.stop()
    sandbox.clock.set(START)
    sandbox.environment.born = START
    kombo = sandbox.client(GREENHOUSE)
    job = (await kombo.ats.get_jobs(statuses=["OPEN"])).unwrap().results[0].id
    people = [await _hire(kombo, job, f"Ada{number}") for number in range(PEOPLE)]
    lists = [await _all(kombo), await _all(kombo, email="ada7@EXAMPLE.com"), await _all(kombo, first_name="ada30")]
    sandbox.clock.advance(60)
    since = sandbox.clock.now()
    sandbox.delete_record(GREENHOUSE, "ats_candidates", people[3].id)
    (await kombo.ats.add_candidate_tag(people[5].id, tag=ats.TagInput(name="Promising"))).unwrap()
    stage = (await kombo.ats.get_jobs(ids=[job])).unwrap().results[0].stages[1].id
    application = (people[9].applications or [])[0].id
    (await kombo.ats.move_application_to_stage(application, stage_id=stage)).unwrap()
    lists += [await _all(kombo, updated_after=since, include_deleted=deleted) for deleted in (False, True)]
    world = sandbox.world(GREENHOUSE)
    world.change("ats_jobs", world.get("ats_jobs", job, "job"), name="Renamed")
    return [*lists, await _all(kombo)]


async def test_records_that_left_the_memory_are_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists, filters, and changes of what others nest show the same as if everything had stayed in memory."""
    expected = await _story()
    monkeypatch.setattr(table, "AT_HAND", 1)
    assert await _story() == expected
    everyone, by_email, by_name, changed, with_deleted, renamed = expected
    assert (len(everyone), len(by_email), len(by_name)) == (PEOPLE + 5, 1, 1)
    assert [each.first_name for each in changed] == ["Ada5", "Ada9"]
    assert [each.first_name for each in with_deleted] == ["Ada3", "Ada5", "Ada9"]
    assert {job.name for each in renamed[5:] for a in each.applications or [] if (job := a.job)} == {"Renamed"}


async def test_the_bodies_of_the_oldest_calls_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bodies of the oldest calls are dropped first; the calls stay."""
    monkeypatch.setattr(logged_request, "KEPT_BYTES", 20_000)
    sandbox = Sandbox()
    kombo = sandbox.client(GREENHOUSE)
    job = (await kombo.ats.get_jobs(statuses=["OPEN"])).unwrap().results[0].id
    for number in range(PEOPLE):
        await _hire(kombo, job, f"Ada{number}")
    performed = sandbox.performed(CREATE)
    assert [call.status for call in performed] == [200] * PEOPLE
    kept = [call.request_body is not None for call in performed]
    assert kept == sorted(kept)
    assert 1 < kept.count(True) < PEOPLE
    first, last = performed[0], performed[-1]
    assert (first.body, first.answer, first.request, first.result) == (None, None, None, None)
    assert sum(len((c.request_body or b"") + (c.answer_body or b"")) for c in performed) <= 20_000
    assert isinstance(last.request, ats.CreateCandidate)
    assert last.request.candidate.first_name == last.result["first_name"] == f"Ada{PEOPLE - 1}"


async def test_the_ledger_tells_what_was_done_behind_a_fault() -> None:
    """What was performed and what was sent back are kept apart, until a reset."""
    sandbox = Sandbox()
    kombo = sandbox.client(GREENHOUSE)
    sandbox.faults.add(operation=CREATE, status=500, after_performing=True, times=1)
    job = (await kombo.ats.get_jobs(statuses=["OPEN"])).unwrap().results[0].id
    with pytest.raises(ServerError, match="500"):
        await _hire(kombo, job, "Ada")
    (call,) = sandbox.performed(CREATE)
    assert call.answer["status"] == "error"
    assert call.result["first_name"] == "Ada"
    sandbox.reset()
    assert call.body is None
