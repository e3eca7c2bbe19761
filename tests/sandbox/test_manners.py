"""Kombo's own manners: keys, integrations and their states, limits, pages, filters, deletions."""

from __future__ import annotations

from typing import Any

import anyio
import httpx
import pytest

from kombo_async import RetryPolicy
from kombo_async.errors import BadRequest, Conflict, Failure, Forbidden, NotFound, SyncPending
from kombo_async.options import Options
from kombo_async.sandbox import GREENHOUSE, Latency, Sandbox, SandboxTransport, default_id

pytestmark = pytest.mark.anyio

ONCE: Options = {"retry": RetryPolicy.none()}


async def raw(sandbox: Sandbox, method: str, path: str, **options: Any) -> httpx.Response:
    """A call without our client."""
    headers = {"Authorization": f"Bearer {sandbox.api_key}", "X-Integration-Id": GREENHOUSE}
    async with httpx.AsyncClient(transport=SandboxTransport(sandbox), base_url="http://sandbox.localhost") as http:
        return await http.request(method, f"/v1{path}", headers={**headers, **options.pop("headers", {})}, **options)


@pytest.mark.parametrize("header", ["", "Bearer wrong", "Basic sandbox-key"])
async def test_a_wrong_key_is_refused(sandbox: Sandbox, header: str) -> None:
    """A wrong key gets a 401 before anything else is checked."""
    answer = await raw(sandbox, "GET", "/ats/jobs", headers={"Authorization": header})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "PLATFORM.AUTHENTICATION_INVALID")


@pytest.mark.parametrize(
    ("integration", "status", "code"),
    [("", 400, "PLATFORM.INPUT_INVALID"), ("lever:none", 404, "PLATFORM.INTEGRATION_NOT_FOUND")],
)
async def test_an_integration_must_be_named(sandbox: Sandbox, integration: str, status: int, code: str) -> None:
    """A call must name an existing integration."""
    answer = await raw(sandbox, "GET", "/ats/jobs", headers={"X-Integration-Id": integration})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("settings", "cls", "code"),
    [
        ({"active": False}, Forbidden, "INTEGRATION.INACTIVE"),
        ({"qa_passed": False}, Conflict, "INTEGRATION.QA_FAILED"),
        ({"setup_complete": False}, Conflict, "INTEGRATION.SETUP_INCOMPLETE"),
        ({"authenticated": False}, BadRequest, "INTEGRATION.AUTHENTICATION_INVALID"),
        ({"permissions": {"ats_jobs": "MISSING"}}, Forbidden, "INTEGRATION.PERMISSION_MISSING"),
        ({"permissions": {"GetAtsJobs": "DISABLED"}}, BadRequest, "INTEGRATION.MODEL_DISABLED"),
        ({"permissions": {"GetAtsJobs": "NOT_AVAILABLE"}}, BadRequest, "INTEGRATION.MODEL_NOT_AVAILABLE"),
        ({"category": "HRIS"}, BadRequest, "INTEGRATION.MODEL_NOT_AVAILABLE"),
    ],
)
async def test_integrations_that_are_not_well_refuse(
    sandbox: Sandbox, settings: dict[str, Any], cls: type[Failure], code: str
) -> None:
    """An inactive, unfinished, unchecked or unauthenticated integration refuses calls, each with its own code."""
    sandbox.add_integration("lever:demo", **settings)
    answer = await sandbox.client("lever:demo").ats.get_jobs(options=ONCE)
    assert type(answer) is cls
    assert answer.code == code


@pytest.mark.parametrize(("status", "code"), [(409, "INTEGRATION.SETUP_SYNC_PENDING"), (503, None)])
async def test_the_first_sync_takes_a_number_of_calls(sandbox: Sandbox, status: Any, code: str | None) -> None:
    """A first sync can end after a number of calls, in today's form and the older one."""
    sandbox.add_integration("lever:demo", calls=2, sync_status=status)
    kombo = sandbox.client("lever:demo")
    for _ in range(2):
        answer = await kombo.ats.get_jobs(options=ONCE)
        assert isinstance(answer, SyncPending)
        assert (answer.status_code, answer.code) == (status, code)
    assert (await kombo.ats.get_jobs(options=ONCE)).unwrap().results


async def test_the_first_sync_takes_its_time(sandbox: Sandbox) -> None:
    """A first sync can end by the sandbox's clock, which tests move."""
    sandbox.clock.stop()
    sandbox.add_integration("lever:demo", sync_pending=60.0)
    kombo = sandbox.client("lever:demo")
    assert isinstance(await kombo.ats.get_jobs(options=ONCE), SyncPending)
    sandbox.clock.advance(59)
    assert isinstance(await kombo.ats.get_jobs(options=ONCE), SyncPending)
    sandbox.clock.advance(1)
    (await kombo.ats.get_jobs(options=ONCE)).unwrap()


async def test_thirty_actions_at_once_and_no_more() -> None:
    """The thirty-first action at once is refused immediately; reads do not count."""
    sandbox = Sandbox(latency=Latency.fixed(1.0))
    candidate = sandbox.world(GREENHOUSE).table("ats_candidates")[0].id
    answers: list[httpx.Response] = []

    async def act() -> None:
        answers.append(await raw(sandbox, "GET", f"/ats/candidates/{candidate}/attachments"))

    async with anyio.create_task_group() as tasks:
        for _ in range(31):
            tasks.start_soon(act)
        await anyio.sleep(0.05)
        assert (await raw(sandbox, "GET", "/ats/jobs")).status_code == 200
    (refused,) = [answer for answer in answers if answer.status_code != 200]
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "PLATFORM.CONCURRENCY_LIMIT_EXCEEDED")
    assert refused.headers["concurrency-remaining"] == "0"
    assert sandbox.concurrency.most[GREENHOUSE] == 30
    remaining = [int(answer.headers["concurrency-remaining"]) for answer in answers if answer is not refused]
    assert min(remaining) == 0


RATE_LIMIT = ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "retry-after")


def told(answer: httpx.Response) -> tuple[str | None, ...]:
    """What a response says about the rate limit."""
    return tuple(answer.headers.get(name) for name in RATE_LIMIT)


async def test_the_rate_limit_says_when_to_come_back(sandbox: Sandbox) -> None:
    """Each response says what is left of the rate limit; a 429 says when calls are accepted again."""
    sandbox.clock.stop()
    sandbox.rate_limit.limit = (2, 10.0)
    assert told(await raw(sandbox, "GET", "/check-api-key")) == ("2", "1", "10", None)
    sandbox.clock.advance(3.5)
    assert told(await raw(sandbox, "GET", "/nothing/here")) == ("2", "0", "7", None)  # a 404 counts, too
    refused = await raw(sandbox, "GET", "/check-api-key")
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "PLATFORM.RATE_LIMIT_EXCEEDED")
    assert told(refused) == ("2", "0", "7", "7")
    sandbox.clock.advance(7)
    assert told(await raw(sandbox, "GET", "/check-api-key")) == ("2", "0", "3", None)  # the 404 still counts
    sandbox.clock.advance(60)
    assert told(await raw(sandbox, "GET", "/check-api-key")) == ("2", "1", "10", None)
    sandbox.clock.advance(-3600)
    assert told(await raw(sandbox, "GET", "/check-api-key")) == ("2", "1", "10", None)  # not refused for an hour
    sandbox.reset()
    assert told(await raw(sandbox, "GET", "/check-api-key")) == ("2", "1", "10", None)


async def test_the_rate_limit_is_for_all_integrations_and_for_actions(sandbox: Sandbox) -> None:
    """All calls with the key count together; actions have both kinds of headers, and a wrong key has none."""
    sandbox.rate_limit.limit = (5, 60.0)
    sandbox.add_integration("lever:demo")
    candidate = sandbox.world(GREENHOUSE).table("ats_candidates")[0].id
    await raw(sandbox, "GET", "/ats/jobs")
    other = await raw(sandbox, "GET", "/ats/jobs", headers={"X-Integration-Id": "lever:demo"})
    assert other.headers["ratelimit-remaining"] == "3"
    wrong = await raw(sandbox, "GET", "/ats/jobs", headers={"Authorization": "Bearer wrong"})
    assert told(wrong) == (None,) * 4
    action = await raw(sandbox, "GET", f"/ats/candidates/{candidate}/attachments")
    assert (action.headers["ratelimit-remaining"], action.headers["concurrency-remaining"]) == ("2", "29")


async def test_faults_and_the_rate_limit(sandbox: Sandbox) -> None:
    """A fault's JSON error has the headers, unless it brings its own; a load balancer's page has none."""
    sandbox.rate_limit.limit = (5, 60.0)
    sandbox.faults.add(status=500, times=1)
    assert (await raw(sandbox, "GET", "/ats/jobs")).headers["ratelimit-remaining"] == "5"  # it never counted
    sandbox.faults.add(status=500, after_performing=True, times=1)
    assert (await raw(sandbox, "GET", "/ats/jobs")).headers["ratelimit-remaining"] == "4"
    sandbox.faults.add(status=429, headers={"RateLimit-Remaining": "0", "RateLimit-Reset": "9"}, times=1)
    assert told(await raw(sandbox, "GET", "/ats/jobs")) == ("5", "0", "9", None)
    sandbox.faults.add(status=502, html=True, times=1)
    assert told(await raw(sandbox, "GET", "/ats/jobs")) == (None,) * 4
    sandbox.faults.add(delay=0.001, times=1)
    assert (await raw(sandbox, "GET", "/ats/jobs")).headers["ratelimit-remaining"] == "3"


async def test_without_a_rate_limit_there_are_no_headers(sandbox: Sandbox) -> None:
    """Kombo promises none, so nobody should count on them."""
    assert told(await raw(sandbox, "GET", "/ats/jobs")) == (None,) * 4


async def test_pages_hold_still_while_records_come_and_go(sandbox: Sandbox) -> None:
    """While records come and go, pages repeat nothing and leave nothing out."""
    kombo = sandbox.client(GREENHOUSE)
    world = sandbox.world(GREENHOUSE)
    before = [row.id for row in world.table("ats_candidates")]
    first = (await kombo.ats.get_candidates(page_size=2)).unwrap()
    world.delete("ats_candidates", world.table("ats_candidates")[0])
    seen = [candidate.id for candidate in first.results]
    cursor = first.next
    while cursor is not None:
        page = (await kombo.ats.get_candidates(page_size=2, cursor=cursor)).unwrap()
        seen += [candidate.id for candidate in page.results]
        cursor = page.next
    assert seen == before


@pytest.mark.parametrize(
    "query", ["page_size=0", "page_size=251", "page_size=x", "cursor=zzz", "emails=a", "ids=a&ids=b"]
)
async def test_wrong_queries_are_named(query: str) -> None:
    """The message about an invalid query begins with the parameter."""
    sandbox = Sandbox(strict=True)
    answer = await raw(sandbox, "GET", f"/ats/candidates?{query}")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "PLATFORM.INPUT_INVALID")
    assert error["message"].startswith(query.partition("=")[0])


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"candidate": {"first_name": "F", "last_name": "D", "email_address": "f"}}, "application: missing"),
        ({"candidate": {"first_name": "F", "last_name": "D"}}, "candidate.email_address: missing"),
        ({"candidate": {"first_name": "F", "last_name": "D", "email": "f@x.de"}}, "candidate.email: there is no such"),
        ({"application": {"job_id": 1}}, "application.job_id: must be string"),
        ({"surprise": 1}, "surprise: unknown field"),
    ],
)
async def test_wrong_bodies_are_named(body: Any, path: str) -> None:
    """The message about an invalid body has the path of each fault."""
    sandbox = Sandbox(strict=True)
    answer = await raw(sandbox, "POST", "/ats/candidates", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "PLATFORM.INPUT_INVALID")
    assert path in answer.json()["error"]["message"]


async def test_a_changed_record_is_found_by_what_nests_it(sandbox: Sandbox) -> None:
    """`updated_after` finds a candidate whose application moved, and a job's stage that was renamed."""
    sandbox.clock.stop()
    sandbox.clock.advance(60)
    since = sandbox.clock.now()
    kombo = sandbox.client(GREENHOUSE)
    world = sandbox.world(GREENHOUSE)
    assert (await kombo.ats.get_candidates(updated_after=since)).unwrap().results == []
    application = world.table("ats_applications")[0]
    world.change("ats_applications", application, outcome="HIRED")
    (found,) = (await kombo.ats.get_candidates(updated_after=since)).unwrap().results
    assert found.id == application.data["candidate_id"]
    assert found.changed_at < since
    assert [each.outcome for each in found.applications if each.id == application.id] == ["HIRED"]


async def test_deletions_show_when_they_are_asked_for(sandbox: Sandbox) -> None:
    """Deleted records are listed on request, with `remote_deleted_at` set."""
    kombo = sandbox.client(GREENHOUSE)
    id = sandbox.world(GREENHOUSE).table("ats_candidates")[0].id
    sandbox.delete_record(GREENHOUSE, "ats_candidates", id)
    assert (await kombo.ats.get_candidates(ids=[id])).unwrap().results == []
    (deleted,) = (await kombo.ats.get_candidates(ids=[id], include_deleted=True)).unwrap().results
    assert deleted.remote_deleted_at is not None


async def test_absences_are_made_and_deleted(sandbox: Sandbox) -> None:
    """The length of absences is calculated; deleted ones can still be read."""
    id = default_id("workday")
    kombo = sandbox.client(id)
    employee = sandbox.world(id).table("hris_employees")[0].id
    kind = (await kombo.hris.get_absence_types()).unwrap().results[0]
    made = (
        await kombo.hris.create_absence(
            employee_id=employee,
            absence_type_id=kind.id,
            start_date="2026-08-03",
            end_date="2026-08-05",
            end_half_day=True,
            employee_note=None,
        )
    ).unwrap()
    assert (made.amount, made.unit, made.status) == (2.5, "DAYS", "REQUESTED")
    (await kombo.hris.delete_absence(made.id)).unwrap()
    assert made.id not in [each.id for each in (await kombo.hris.get_absences()).unwrap().results]
    assert isinstance(await kombo.hris.delete_absence(made.id), NotFound)
    kept = (await kombo.hris.get_absences(ids=[made.id], include_deleted=True)).unwrap().results
    assert [each.status for each in kept] == ["DELETED"]


async def test_paths_and_methods_that_there_are_not(sandbox: Sandbox) -> None:
    """Unknown paths and methods get 404 and 405, in Kombo's JSON."""
    assert (await raw(sandbox, "GET", "/ats/nothing")).status_code == 404
    answer = await raw(sandbox, "PATCH", "/ats/candidates")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
    assert answer.json()["status"] == "error"


async def test_the_same_seed_gives_the_same_company() -> None:
    """The same seed gives the same records in every table, whichever is read first."""
    one, other = Sandbox(seed=7), Sandbox(seed=7)
    two = Sandbox(seed=8)
    other.world(GREENHOUSE).table("ats_offers")

    def names(sandbox: Sandbox) -> list[str]:
        return [row.data["emails"][0] for row in sandbox.world(GREENHOUSE).table("ats_candidates")]

    assert names(one) == names(other) != names(two)
