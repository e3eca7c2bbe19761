"""What ends by itself: the fields of deleted records, tokens, URLs, the one import that a job feed takes at a time."""

from __future__ import annotations

import re
from typing import Any

import anyio
import httpx
import pytest

from kombo_async._generated.operations import REQUESTS
from kombo_async.sandbox import GREENHOUSE, Sandbox, default_id
from kombo_async.sandbox._handlers.registry import LISTINGS
from tests.sandbox.calls import ANSWERS
from tests.sandbox.raw_calls import admin, call, error, ids

pytestmark = pytest.mark.anyio


async def test_two_weeks_after_its_deletion_a_record_is_empty(sandbox: Sandbox) -> None:
    """Only its ID, its times, and what the schema always has are left; no filter finds it by what it had."""
    world = sandbox.world(GREENHOUSE)
    candidate = world.table("ats_candidates")[0]
    email, name = candidate.data["emails"][0], candidate.data["first_name"]
    sandbox.delete_record(GREENHOUSE, "ats_candidates", candidate.id)
    queries = (
        f"ids={candidate.id}",
        f"email={email}",
        f"first_name={name}&ids={candidate.id}",
        "updated_after=2020-01-01",
    )

    async def read(query: str) -> dict[str, Any] | None:
        response = await call(sandbox, "GET", f"/ats/candidates?include_deleted=true&{query}")
        found = [each for each in response.json()["data"]["results"] if each["id"] == candidate.id]
        return found[0] if found else None

    sandbox.clock.advance(14 * 86_400 - 60)
    for query in queries:
        assert (await read(query) or {})["first_name"] == name
    sandbox.clock.advance(120)
    by_id, by_email, by_name, since = [await read(query) for query in queries]
    assert by_email is by_name is None
    assert by_id is not None
    assert by_id == since
    left = {key: value for key, value in by_id.items() if value not in (None, [])}
    assert left.keys() == {"id", "remote_id", "changed_at", "remote_deleted_at"}
    assert ids(await call(sandbox, "GET", f"/ats/candidates?ids={candidate.id}")) == []


async def test_an_empty_record_is_one_of_its_list(sandbox: Sandbox) -> None:
    """Our client reads it without drift, in every list."""
    for model in [id for id in REQUESTS if "include_deleted" in REQUESTS[id].operation.query]:
        id = default_id({"Ats": "greenhouse", "Hris": "workday", "Lms": "docebo"}[re.findall("[A-Z][a-z]+", model)[1]])
        kombo = sandbox.client(id)
        (await kombo.send(REQUESTS[model]())).unwrap()  # its module loads
        table = LISTINGS[model].table
        record = next(row for row in sandbox.world(id).table(table) if not row.deleted).id
        sandbox.delete_record(id, table, record)
        sandbox.clock.advance(15 * 86_400)
        request: Any = REQUESTS[model]
        answer: Any = await kombo.send(request(include_deleted=True, ids=[record]))
        assert answer.drift == [], model
        assert [each.id for each in answer.unwrap().results] == [record], model


async def test_a_submission_token_lives_two_days(sandbox: Sandbox) -> None:
    """After that, the form must be asked for again."""
    posting = next(row for row in sandbox.world().table("ai_job_postings") if row.data["archived_at"] is None)
    inquired = await call(sandbox, "POST", f"/ai-apply/postings/{posting.id}/inquire", json={})
    filled = {
        "submission_token": inquired.json()["data"]["submission_token"],
        "candidate_email": "ada@example.com",
        "screening_question_answers": ANSWERS,
    }
    sandbox.clock.advance(2 * 86_400 - 60)
    assert (await call(sandbox, "POST", "/ai-apply/apply", json=filled)).status_code == 200
    sandbox.clock.advance(60)
    late = await call(sandbox, "POST", "/ai-apply/apply", json=filled)
    assert (error(late)[:2], "expired" in error(late)[2]) == ((400, "PLATFORM.INPUT_INVALID"), True)


async def test_the_url_of_an_attachment_works_for_a_week(sandbox: Sandbox) -> None:
    """A changed one never does."""
    candidate = sandbox.world(GREENHOUSE).table("ats_candidates")[0].id
    listed = await call(sandbox, "GET", f"/ats/candidates/{candidate}/attachments")
    url = listed.json()["data"]["results"][0]["data_url"]
    start, _, token = url.rpartition("/")
    later = f"{start}/{int(token.partition('-')[0]) + 86_400}-{token.partition('-')[2]}"
    async with admin(sandbox) as http:
        sandbox.clock.advance(7 * 86_400 - 60)
        assert (await http.get(url)).status_code == 200
        sandbox.clock.advance(62)
        assert [(await http.get(each)).status_code for each in (url, later, f"{start}/x")] == [403, 404, 404]


async def test_a_job_feed_takes_one_import_at_a_time() -> None:
    """Another feed takes its own; a body that is too large is refused."""
    sandbox = Sandbox(virtual_time=True, read_latency=60)
    feeds = [sandbox.world().add("ai_job_feeds", {"label": label}).id for label in ("one", "two")]
    answers: list[tuple[str, httpx.Response]] = []

    async def bring(feed: str, content: bytes = b"") -> None:
        headers = {"Content-Type": "application/x-ndjson"}
        path = f"/ai-apply/job-feeds/{feed}/bulk-import"
        answers.append((feed, await call(sandbox, "POST", path, content=content, headers=headers)))

    async with anyio.create_task_group() as tasks:
        for feed in (*feeds, feeds[0]):
            tasks.start_soon(bring, feed)
    refused = [(feed, error(answer)[:2]) for feed, answer in answers if answer.status_code != 200]
    assert refused == [(feeds[0], (409, "AI_APPLY.JOB_FEED_IMPORT_ALREADY_RUNNING"))]
    await bring(feeds[0])
    assert answers[-1][1].status_code == 200
    await bring(feeds[0], b" " * (35 * 1024 * 1024 + 1))
    assert error(answers[-1][1])[:2] == (413, "PLATFORM.INPUT_INVALID")
