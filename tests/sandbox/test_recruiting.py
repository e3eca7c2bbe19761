"""Recruiting really works: what is created can be read, moved and rejected; what must be refused is refused."""

from __future__ import annotations

from typing import Any

import pytest

from kombo_async import AsyncKomboClient, Success, ats
from kombo_async.errors import BadRequest, Failure, NotFound
from kombo_async.sandbox import GREENHOUSE, Sandbox

pytestmark = pytest.mark.anyio

CV = bytes(range(256)) * 40


@pytest.fixture
def kombo(sandbox: Sandbox) -> AsyncKomboClient:
    """A client of the sandbox, in the same process."""
    return sandbox.client(GREENHOUSE)


def person(email: str = "frank@example.com") -> ats.CandidateInput:
    return ats.CandidateInput(first_name="Frank", last_name="Doe", email_address=email)


def job_id(sandbox: Sandbox, status: str = "OPEN") -> str:
    rows = sandbox.world(GREENHOUSE).table("ats_jobs")
    return next(row.id for row in rows if row.data["status"] == status)


async def create(kombo: AsyncKomboClient, sandbox: Sandbox, **fields: Any) -> Any:
    application = ats.CandidateApplicationInput(job_id=job_id(sandbox))
    return await kombo.ats.create_candidate(candidate=person(), application=application, **fields)


async def test_a_new_candidate_shows_in_the_lists(sandbox: Sandbox, kombo: AsyncKomboClient) -> None:
    """A new candidate is in the lists, with the application, by e-mail address and by job."""
    created: ats.Candidate = (await create(kombo, sandbox)).unwrap()
    (found,) = (await kombo.ats.get_candidates(email="FRANK@example.com")).unwrap().results
    assert found == created
    assert [application.job.id for application in found.applications if application.job] == [job_id(sandbox)]
    applications = (await kombo.ats.get_applications(job_ids=[job_id(sandbox)])).unwrap().results
    assert created.id in [application.candidate_id for application in applications]


async def test_attachments_come_back_byte_for_byte(sandbox: Sandbox, kombo: AsyncKomboClient) -> None:
    """Attachments come back byte for byte, under a URL that needs no key."""
    attachment = ats.AttachmentInput.from_bytes(CV, "cv.pdf", type="CV")
    created = (await create(kombo, sandbox, attachments=[attachment])).unwrap()
    letter = ats.AttachmentInput.from_bytes(b"Dear", "letter.txt", type="COVER_LETTER")
    (await kombo.ats.add_candidate_attachment(created.id, attachment=letter)).unwrap()
    files = (await kombo.ats.get_candidate_attachments(created.id)).unwrap().results
    assert [(file.file_name, file.type, file.content_type) for file in files] == [
        ("cv.pdf", "CV", "application/pdf"),
        ("letter.txt", "COVER_LETTER", "text/plain"),
    ]
    kept = [sandbox.file(file.id) for file in files]
    assert [file.data for file in kept if file] == [CV, b"Dear"]


@pytest.mark.parametrize(("status", "code"), [("CLOSED", "ATS.JOB_CLOSED"), ("DRAFT", "ATS.JOB_CLOSED")])
async def test_jobs_that_are_not_open_take_nobody(
    sandbox: Sandbox, kombo: AsyncKomboClient, status: str, code: str
) -> None:
    """A closed job refuses applications, and nothing of the candidate is stored."""
    answer = await kombo.ats.create_application(job_id(sandbox, status), candidate=person())
    assert isinstance(answer, BadRequest)
    assert answer.code == code
    assert (await kombo.ats.get_candidates(email="frank@example.com")).unwrap().results == []


async def test_nobody_applies_twice_for_a_job(sandbox: Sandbox, kombo: AsyncKomboClient) -> None:
    """Nobody applies twice for a job; for another job, a candidate has two applications."""
    created = (await create(kombo, sandbox)).unwrap()
    again = await create(kombo, sandbox)
    assert isinstance(again, BadRequest)
    assert again.code == "ATS.APPLICATION_ALREADY_EXISTS"
    other = [row.id for row in sandbox.world(GREENHOUSE).table("ats_jobs") if row.data["status"] == "OPEN"][1]
    application = (await kombo.ats.create_application(other, candidate=person())).unwrap()
    assert application.candidate_id == created.id
    assert len(sandbox.performed("PostAtsCandidates")) == 1


async def test_duplicates_can_be_allowed(kombo: AsyncKomboClient) -> None:
    """With `allow_duplicates`, tests can see whether a client sent something twice."""
    sandbox = Sandbox(allow_duplicates=True)
    client = sandbox.client(GREENHOUSE)
    ids = {(await create(client, sandbox)).unwrap().id for _ in range(2)}
    assert len(ids) == 2


async def test_an_application_goes_its_way(sandbox: Sandbox, kombo: AsyncKomboClient) -> None:
    """An application moves through stages, with notes and interviews, to being hired."""
    application = (await kombo.ats.create_application(job_id(sandbox), candidate=person())).unwrap()
    stages = (await kombo.ats.get_application_stages()).unwrap().results
    (await kombo.ats.add_application_note(application.id, content="Good <call>", content_type="PLAIN_TEXT")).unwrap()
    (await kombo.ats.move_application_to_stage(application.id, stage_id=stages[-1].id)).unwrap()
    (read,) = (await kombo.ats.get_applications(ids=[application.id])).unwrap().results
    assert (read.outcome, read.current_stage and read.current_stage.name) == ("HIRED", "Hired")
    (note,) = (await kombo.ats.get_notes(application_ids=[application.id])).unwrap().results
    assert note.content_html == "<p>Good &lt;call&gt;</p>"


async def test_a_rejected_application_stays_rejected(sandbox: Sandbox, kombo: AsyncKomboClient) -> None:
    """A rejected application keeps its reason, and cannot be moved."""
    application = (await kombo.ats.create_application(job_id(sandbox), candidate=person())).unwrap()
    reason = (await kombo.ats.get_rejection_reasons()).unwrap().results[0]
    (await kombo.ats.reject_application(application.id, rejection_reason_id=reason.id)).unwrap()
    (read,) = (await kombo.ats.get_applications(ids=[application.id], outcomes=["DECLINED"])).unwrap().results
    assert read.rejection_reason_name == reason.name
    again = await kombo.ats.reject_application(application.id, rejection_reason_id=reason.id)
    assert isinstance(again, Failure)
    assert again.code == "REMOTE.INPUT_INVALID"


async def test_tags_come_and_go(sandbox: Sandbox, kombo: AsyncKomboClient) -> None:
    """A tag is created when it is first used."""
    created = (await create(kombo, sandbox)).unwrap()
    for _ in range(2):
        (await kombo.ats.add_candidate_tag(created.id, tag=ats.TagInput(name="Star"))).unwrap()
    (read,) = (await kombo.ats.get_candidates(ids=[created.id])).unwrap().results
    assert [tag.name for tag in read.tags] == ["Star"]
    (await kombo.ats.remove_candidate_tag(created.id, tag=ats.TagInput(name="Star"))).unwrap()
    (read,) = (await kombo.ats.get_candidates(ids=[created.id])).unwrap().results
    assert read.tags == []


async def test_screening_answers_are_read_as_their_questions_ask(sandbox: Sandbox, kombo: AsyncKomboClient) -> None:
    """Answers are stored according to their question; an answer of another kind is refused."""
    (job,) = (await kombo.ats.get_jobs(ids=[job_id(sandbox)])).unwrap().results
    text, years = job.screening_questions[0], job.screening_questions[1]
    assert isinstance(years.format, ats.SingleSelectQuestionFormat)
    option = years.format.options[1]
    answers = [
        ats.ScreeningAnswerInput(question_id=text.id, answer="Because."),
        ats.ScreeningAnswerInput(question_id=years.id, answer=option.id),
    ]
    created = (
        await kombo.ats.create_application(job.id, candidate=person(), screening_question_answers=answers)
    ).unwrap()
    assert isinstance(created.screening_question_answers, list)
    first, second = created.screening_question_answers
    assert isinstance(first, ats.TextScreeningAnswer)
    assert first.answer.content == "Because."
    assert isinstance(second, ats.SingleSelectScreeningAnswer)
    assert second.answer.choice == option.name
    wrong = [ats.ScreeningAnswerInput(question_id=text.id, answer=True)]
    refused = await kombo.ats.create_application(
        job.id, candidate=person("b@example.com"), screening_question_answers=wrong
    )
    assert isinstance(refused, BadRequest)
    assert "screening_question_answers[0].answer: must be a text" in refused.message


@pytest.mark.parametrize(
    "method", ["get_candidate_attachments", "add_candidate_result_link", "add_candidate_attachment"]
)
async def test_unknown_ids_are_not_found(kombo: AsyncKomboClient, method: str) -> None:
    """Unknown IDs get a 404 in Kombo's JSON."""
    every: dict[str, dict[str, Any]] = {
        "get_candidate_attachments": {},
        "add_candidate_result_link": {"label": "Test", "url": "https://example.com"},
        "add_candidate_attachment": {"attachment": ats.AttachmentInput.from_bytes(b"x", "x.txt", type="OTHER")},
    }
    answer = await getattr(kombo.ats, method)("26vafvWSRmbhNcxJYqjCzuJg", **every[method])
    assert isinstance(answer, NotFound)
    assert "26vafvWSRmbhNcxJYqjCzuJg" in answer.message


async def test_result_links_are_kept(sandbox: Sandbox, kombo: AsyncKomboClient) -> None:
    """Result links cannot be read back through Kombo, but the request log has them."""
    created = (await create(kombo, sandbox)).unwrap()
    answer = await kombo.ats.add_candidate_result_link(created.id, label="Test", url="https://example.com/1")
    assert isinstance(answer, Success)
    (call,) = sandbox.performed("PostAtsCandidatesCandidateIdResultLinks")
    assert call.body == {"label": "Test", "url": "https://example.com/1"}
    (link,) = sandbox.world(GREENHOUSE).table("ats_result_links")
    assert link.data["candidate_id"] == created.id
