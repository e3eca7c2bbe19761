"""Manners of Kombo's that callers rely on, each as a kind: IDs, headers, what is refused and what is not."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx
import pytest

from kombo_async._generated.operations import REQUESTS
from kombo_async.sandbox import GREENHOUSE, Sandbox, default_id, serve
from tests.sandbox.calls import ANSWERS
from tests.sandbox.raw_calls import admin, call, error, ids

pytestmark = pytest.mark.anyio

HRIS = default_id("workday")
LMS = default_id("docebo")
ORDERS = default_id("icims")


async def test_remote_ids_stand_for_ids_everywhere(sandbox: Sandbox) -> None:
    """`remote:` IDs work in paths, bodies and filters."""
    world = sandbox.world(GREENHOUSE)
    job = next(row for row in world.table("ats_jobs") if row.data["status"] == "OPEN")
    body = {"candidate": {"first_name": "F", "last_name": "D", "email_address": "f@example.com"}}
    made = await call(sandbox, "POST", f"/ats/jobs/remote:{job.data['remote_id']}/applications", json=body)
    application = made.json()["data"]
    assert (made.status_code, application["job_id"]) == (200, job.id)
    again = {**body, "application": {"job_id": f"remote:{job.data['remote_id']}"}}
    again["candidate"] = {**body["candidate"], "email_address": "g@example.com"}
    assert (await call(sandbox, "POST", "/ats/candidates", json=again)).status_code == 200
    remote = f"remote:{application['candidate']['remote_id']}"
    tagged = await call(sandbox, "POST", f"/ats/candidates/{quote(remote)}/tags", json={"tag": {"name": "Star"}})
    assert tagged.status_code == 200
    path = f"/ats/applications?job_ids=remote%3A{job.data['remote_id']}&ids={application['id']}"
    assert ids(await call(sandbox, "GET", path)) == [application["id"]]
    employees = sandbox.world(HRIS)
    employee, kind = employees.table("hris_employees")[0], employees.table("hris_absence_types")[0]
    absence = {
        "employee_id": f"remote:{employee.data['remote_id']}",
        "absence_type_id": f"remote:{kind.data['remote_id']}",
        "start_date": "2026-08-03",
        "end_date": "2026-08-03",
        "employee_note": None,
    }
    created = await call(sandbox, "POST", "/hris/absences", integration=HRIS, json=absence)
    assert created.json()["data"]["employee_id"] == employee.id
    changed = await call(
        sandbox,
        "PATCH",
        f"/hris/employees/remote:{employee.data['remote_id']}",
        integration=HRIS,
        json={"work_email": "n@example.com"},
    )
    assert changed.status_code == 200, changed.text
    learner = sandbox.world(LMS).table("lms_users")[0]
    course = sandbox.world(LMS).table("lms_courses")[0]
    path = f"/lms/course-progressions?user_ids=remote:{learner.data['remote_id']}"
    plain = f"/lms/course-progressions?user_ids={learner.id}"
    assert ids(await call(sandbox, "GET", path, integration=LMS)) == ids(
        await call(sandbox, "GET", plain, integration=LMS)
    )
    gone = await call(
        sandbox, "POST", f"/lms/courses/remote:{course.data['remote_id']}/deactivate", integration=LMS, json={}
    )
    assert gone.status_code == 200
    assert error(await call(sandbox, "POST", "/ats/jobs/remote:none/applications", json=body))[0] == 404


def test_every_parameter_that_is_an_id_knows_its_model() -> None:
    """Every ID parameter has a model, which `remote:` IDs need; exceptions are listed here."""
    from kombo_async.sandbox._handlers import references

    others = {
        "integration_id", "integration_field_id", "custom_field_id", "task_id", "eau_id", "scope_config_id",
        "job_remote_id", "career_site_id", "career_site_ids", "job_feed_id", "job_posting_ids", "posting_id",
        "course_revision_id", "remote_ids", "job_remote_ids", "end_user_origin_id", "tax_id", "id",
    }  # fmt: skip
    for id in REQUESTS:
        cls = REQUESTS[id]
        names = {*references._EVERYWHERE, *references._BY_NAMESPACE.get(cls.__module__.split(".")[1], {})}
        parameters = {*cls.operation.path_parts[1::2], *cls.operation.query, *(cls.operation.body or ())} - {"ids"}
        unknown = {name for name in parameters if name.endswith(("_id", "_ids", "id", "ids"))} - names - others
        assert not {name for name in unknown if "_id" in name}, id


async def test_every_answer_to_an_action_tells_the_limit(sandbox: Sandbox) -> None:
    """Every response to an action has the limit's headers, refusals, too; reads do not."""
    candidate = sandbox.world(GREENHOUSE).table("ats_candidates")[0].id
    tags = f"/ats/candidates/{candidate}/tags"
    sandbox.concurrency.limits[GREENHOUSE] = 5
    done = await call(sandbox, "POST", tags, json={"tag": {"name": "a"}})
    invalid = await call(sandbox, "POST", tags, json={})
    unknown = await call(sandbox, "POST", "/ats/candidates/none/tags", json={"tag": {"name": "a"}})
    sandbox.concurrency.occupy(GREENHOUSE, 5)
    full = await call(sandbox, "POST", tags, json={"tag": {"name": "a"}})
    sandbox.concurrency.occupy(GREENHOUSE, -5)
    sandbox.integration(GREENHOUSE).active = False
    inactive = await call(sandbox, "POST", tags, json={"tag": {"name": "a"}})
    sandbox.integration(GREENHOUSE).active = True
    sandbox.faults.add(status=500, code="PLATFORM.UNKNOWN_ERROR", times=1)
    fault = await call(sandbox, "POST", tags, json={"tag": {"name": "a"}})
    responses = (done, invalid, unknown, full, inactive, fault)
    assert [each.status_code for each in responses] == [200, 400, 404, 429, 403, 500]
    assert {each.headers["concurrency-limit"] for each in responses} == {"5"}
    assert [each.headers["concurrency-remaining"] for each in responses] == ["4", "5", "5", "0", "5", "5"]
    assert "concurrency-limit" not in (await call(sandbox, "GET", "/ats/tags")).headers


async def test_a_tag_that_is_not_there_is_removed_well(sandbox: Sandbox) -> None:
    """Removing a tag that the candidate does not have succeeds."""
    candidate = sandbox.world(GREENHOUSE).table("ats_candidates")[0]
    for name in ("Urgent", "No such tag"):
        response = await call(sandbox, "DELETE", f"/ats/candidates/{candidate.id}/tags", json={"tag": {"name": name}})
        assert response.status_code == 200


ABSENCE = {"start_date": "2026-08-03", "end_date": "2026-08-03", "employee_note": None}


@pytest.mark.parametrize(
    ("more", "field"),
    [({"amount": 1}, "unit"), ({"start_time": "08:00"}, "start_time"), ({"end_time": "08:00"}, "start_time")],
)
async def test_absences_must_be_whole(sandbox: Sandbox, more: dict[str, Any], field: str) -> None:
    """Absences with an amount need a unit, and with a start time an end time."""
    world = sandbox.world(HRIS)
    given = {
        "employee_id": world.table("hris_employees")[0].id,
        "absence_type_id": world.table("hris_absence_types")[2].id,
    }
    refused = await call(sandbox, "POST", "/hris/absences", integration=HRIS, json={**given, **ABSENCE, **more})
    assert error(refused)[:2] == (400, "PLATFORM.INPUT_INVALID")
    assert error(refused)[2].startswith(field)


async def test_results_of_orders(sandbox: Sandbox) -> None:
    """A COMPLETED order needs a time, and stays completed."""
    order = next(row for row in sandbox.world(ORDERS).table("assessment_orders") if row.data["status"] == "OPEN")
    path = f"/assessment/orders/{order.id}/result"
    body = {"status": "COMPLETED", "result_url": "https://x.example/1"}

    async def put(**more: Any) -> httpx.Response:
        return await call(sandbox, "PUT", path, integration=ORDERS, json={**body, **more})

    assert error(await put())[2].startswith("completed_at")
    assert (await put(completed_at="2026-05-19T08:00:00Z", score=3)).status_code == 200
    assert (await put(completed_at="2026-05-19T08:00:00Z", score=4)).status_code == 200
    for status in ("OPEN", "CANCELLED"):
        assert error(await put(status=status))[:2] == (400, "PLATFORM.INPUT_INVALID")


async def test_files_in_base64_say_their_type(sandbox: Sandbox) -> None:
    """Files in base64 need a content type, as attachments and in create calls."""
    file = {"name": "cv.pdf", "data": "SGVsbG8=", "type": "CV"}
    candidate = sandbox.world(GREENHOUSE).table("ats_candidates")[0].id
    alone = await call(sandbox, "POST", f"/ats/candidates/{candidate}/attachments", json={"attachment": file})
    assert error(alone)[2].startswith("attachment.content_type")
    job = sandbox.world(GREENHOUSE).table("ats_jobs")[0].id
    person = {"first_name": "F", "last_name": "D", "email_address": "f@example.com"}
    body = {"candidate": person, "attachments": [file]}
    refused = await call(sandbox, "POST", f"/ats/jobs/{job}/applications", json=body)
    assert error(refused)[2].startswith("attachments[0].content_type")


async def test_an_answer_to_no_question_is_a_warning(sandbox: Sandbox) -> None:
    """An answer to an unknown question is dropped with a warning."""
    job = sandbox.world(GREENHOUSE).table("ats_jobs")[0].id
    body = {
        "candidate": {"first_name": "F", "last_name": "D", "email_address": "f@example.com"},
        "screening_question_answers": [{"question_id": "none", "answer": "x"}],
    }
    response = await call(sandbox, "POST", f"/ats/jobs/{job}/applications", json=body)
    assert response.status_code == 200
    (warning,) = response.json()["warnings"]
    assert "'none'" in warning["message"]
    assert response.json()["data"]["screening_question_answers"] == []


async def test_a_file_is_fetched_from_this_machine_and_from_no_other(sandbox: Sandbox) -> None:
    """A `data_url` on loopback is read, one that fails is refused, one elsewhere is a warning."""
    candidate = sandbox.world(GREENHOUSE).table("ats_candidates")[0].id
    path = f"/ats/candidates/{candidate}/attachments"

    async def attach(url: str) -> httpx.Response:
        file = {"name": "cv.txt", "data_url": url, "type": "OTHER"}
        return await call(sandbox, "POST", path, json={"attachment": file})

    elsewhere = await attach("https://files.example/cv.txt")
    assert "from this machine only" in elsewhere.json()["warnings"][0]["message"]
    assert error(await attach("http://127.0.0.1:1/cv.txt"))[2].startswith("attachment.data_url")


@pytest.mark.parametrize("anyio_backend", [("asyncio", {"use_uvloop": False})])
async def test_a_file_is_fetched_over_a_socket(sandbox: Sandbox, anyio_backend: Any) -> None:
    """A file is fetched over a socket, byte for byte."""
    candidate = sandbox.world(GREENHOUSE).table("ats_candidates")[0].id
    path = f"/ats/candidates/{candidate}/attachments"
    async with serve(sandbox) as url:
        style = f"{url.removesuffix('/v1')}/_sandbox/static/style.css"
        file = {"name": "style.css", "data_url": style, "type": "OTHER"}
        response = await call(sandbox, "POST", path, json={"attachment": file})
        assert response.json()["warnings"] == []
        async with httpx.AsyncClient(trust_env=False) as http:
            original = (await http.get(style)).content
    rows = sandbox.world(GREENHOUSE).table("ats_attachments").where("candidate_id", candidate)
    kept = sandbox.file(rows[-1].id)
    assert kept is not None
    assert (kept.data, kept.content_type) == (original, "text/css")


async def test_links(sandbox: Sandbox) -> None:
    """EMBEDDED links last an hour, MAGIC_LINK ones a year; a setup link needs an unfinished setup."""
    sandbox.clock.stop()
    kombo = sandbox.client()

    async def link(kind: Any) -> str:
        made = await kombo.connect.create_connection_link(
            end_user_email="a@b.de", end_user_organization_name="B", integration_category="ATS", link_type=kind
        )
        return made.unwrap().link

    links = [await link("EMBEDDED"), await link("MAGIC_LINK")]
    async with admin(sandbox) as http:
        for seconds, statuses in (
            (3599, [200, 200]),
            (1, [410, 200]),
            (364 * 86_400, [410, 200]),
            (86_400, [410, 410]),
        ):
            sandbox.clock.advance(seconds)
            assert [(await http.get(each)).status_code for each in links] == statuses
    with pytest.raises(Exception, match="expired"):
        sandbox.connect(links[0])
    refused = await call(sandbox, "POST", f"/integrations/{GREENHOUSE}/setup-link", json={"link_type": "EMBEDDED"})
    assert error(refused)[:2] == (400, "PLATFORM.INPUT_INVALID")
    unfinished = default_id("bamboohr")
    given = await call(sandbox, "POST", f"/integrations/{unfinished}/setup-link", json={"link_type": "EMBEDDED"})
    assert given.status_code == 200


async def test_an_archived_posting_answers_a_code_of_ai_apply(sandbox: Sandbox) -> None:
    """An archived posting is refused with a code of AI Apply's."""
    posting = next(row for row in sandbox.world().table("ai_job_postings") if row.data["archived_at"] is not None)
    refused = await call(sandbox, "POST", f"/ai-apply/postings/{posting.id}/inquire", json={})
    assert error(refused)[:2] == (400, "PLATFORM.INPUT_INVALID")


@pytest.mark.parametrize(
    ("question", "good", "bad"),
    [
        ("first_name", "Ada", 5),
        ("start", "later", "sometime"),
        ("when", "2027-01-31", "soon"),
        ("when", "2027-01-31", True),
        ("cv", {"name": "cv.pdf", "content_type": "application/pdf", "data": "aGk="}, "cv.pdf"),
        ("cv", {"name": "a", "content_type": "a/b", "data": ""}, {"name": "a", "content_type": "a/b", "data": "!"}),
    ],
)
async def test_answers_of_ai_apply_fit_their_questions(sandbox: Sandbox, question: str, good: Any, bad: Any) -> None:
    """A text, an option, a date, a file: as the form asks."""
    posting = next(row for row in sandbox.world().table("ai_job_postings") if row.data["archived_at"] is None)
    inquired = await call(sandbox, "POST", f"/ai-apply/postings/{posting.id}/inquire", json={})
    token = inquired.json()["data"]["submission_token"]
    others = [each for each in ANSWERS if each["question_id"] != question]

    async def apply(answer: Any) -> httpx.Response:
        answers = [*others, {"question_id": question, "answer": answer}]
        body = {"submission_token": token, "candidate_email": "a@b.de", "screening_question_answers": answers}
        return await call(sandbox, "POST", "/ai-apply/apply", json=body)

    assert (await apply(good)).status_code == 200
    refused = await apply(bad)
    assert error(refused)[:2] == (400, "PLATFORM.INPUT_INVALID")
    assert error(refused)[2].startswith(f"screening_question_answers[{len(others)}].answer")


async def test_passed_through_and_mapped_fields_show(sandbox: Sandbox) -> None:
    """Passed-through and mapped fields are in each record as soon as they are switched on."""
    kombo = sandbox.client(HRIS)
    fields = {each.key: each for each in (await kombo.general.get_integration_fields(HRIS)).unwrap().results}
    assert (await kombo.hris.get_employees()).unwrap().results[0].integration_fields == []
    (await kombo.general.update_integration_field(HRIS, fields["shirt_size"].id, enable_passthrough=True)).unwrap()
    employees = (await kombo.hris.get_employees()).unwrap().results
    values = [[(each.key, each.value) for each in employee.integration_fields] for employee in employees]
    assert all(len(one) == 1 and one[0][0] == "shirt_size" and one[0][1] in ("S", "M", "L", "XL") for one in values)
    custom = {each.key: each for each in (await kombo.general.get_custom_fields(HRIS)).unwrap().results}
    (
        await kombo.general.update_custom_field_mapping(
            HRIS, custom["nickname"].id, integration_field_id=fields["shirt_size"].id
        )
    ).unwrap()
    employees = (await kombo.hris.get_employees()).unwrap().results
    for employee, (one,) in zip(employees, values, strict=True):
        assert employee.custom_fields is not None
        assert employee.custom_fields["nickname"] == one[1]
