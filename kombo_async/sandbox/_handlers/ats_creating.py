"""Recruiting: creating candidates and applications."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kombo_async.model import UNSET, to_dict
from kombo_async.sandbox._handlers.ats_files import keep_file
from kombo_async.sandbox._handlers.ats_lists import application_in_short, candidate
from kombo_async.sandbox._handlers.ats_screening import read_answers
from kombo_async.sandbox._handlers.registry import Context, handles
from kombo_async.sandbox._handlers.uploads import read_file
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.refusals import InputInvalid, Refusal
from kombo_async.sandbox._state.table import StoredRecord

if TYPE_CHECKING:
    from kombo_async import ats


@handles("PostAtsCandidates")
def create_candidate(context: Context, request: ats.CreateCandidate) -> Record:
    """A candidate with an application."""
    application = request.application
    stage_id = None if application.stage_id is UNSET else str(application.stage_id)
    row = _apply(context, application.job_id, stage_id, request)
    person = context.world.get("ats_candidates", row.data["candidate_id"], "candidate")
    return candidate(context.world, person.data)


@handles("PostAtsJobsJobIdApplications")
def create_application(context: Context, request: ats.CreateApplication) -> Record:
    """An application, with a candidate who is new unless the e-mail address is known."""
    stage_id = None if request.stage_id is UNSET else str(request.stage_id)
    row = _apply(context, request.job_id, stage_id, request)
    person = candidate(context.world, context.world.get("ats_candidates", row.data["candidate_id"], "candidate").data)
    return {**application_in_short(context.world, row.data), "candidate": person}


def _apply(
    context: Context, job_id: str, stage_id: str | None, request: ats.CreateCandidate | ats.CreateApplication
) -> StoredRecord:
    """Check everything before storing anything."""
    world = context.world
    job = world.get("ats_jobs", job_id, "job")
    if job.data["status"] != "OPEN":
        raise Refusal(400, "ATS.JOB_CLOSED", f"The job {job_id!r} no longer accepts applications.", title="Job closed")
    stage_ids: list[str] = job.data["stage_ids"]
    if stage_id is not None:
        world.get("ats_application_stages", stage_id, "application stage")
        if stage_id not in stage_ids:
            raise InputInvalid("stage_id: this stage does not belong to the job")
    email = request.candidate.email_address
    known = _known(context, email, job_id)
    files = [
        (file.type, read_file(file, f"attachments[{place}]", context.warnings, context.fetched))
        for place, file in enumerate(_items(request.attachments))
    ]
    answers = read_answers(job.data, _items(request.screening_question_answers), context.warnings, context.fetched)
    if request.sourced_by is not UNSET:
        world.get("ats_users", _plain(request.sourced_by)["user_id"], "user")
    person = known or world.add("ats_candidates", _candidate(context, request))
    application = world.add(
        "ats_applications",
        {
            "candidate_id": person.id,
            "job_id": job_id,
            "outcome": "PENDING",
            "current_stage_id": stage_id or stage_ids[0],
            "rejection_reason_name": None,
            "rejected_at": None,
            "screening_question_answers": [answer for answer, _ in answers],
            "remote_url": f"https://{_tool(context)}.example/applications/{len(world.table('ats_applications'))}",
        },
    )
    for kind, file in [*files, *(("OTHER", file) for _, file in answers if file is not None)]:
        keep_file(context, person.id, application.id, kind, file)
    return application


def _known(context: Context, email: str, job_id: str) -> StoredRecord | None:
    """The candidate who has this address; raises `Refusal` if they have applied for the job already."""
    for person in context.world.table("ats_candidates").where("emails", email.lower()):
        if person.deleted or context.allow_duplicates:
            continue
        applications = context.world.related("ats_applications", "candidate_id", person.id)
        if any(application["job_id"] == job_id for application in applications):
            raise Refusal(
                400,
                "ATS.APPLICATION_ALREADY_EXISTS",
                "This candidate has already applied for this job.",
                title="Application exists",
            )
        return person
    return None


def _candidate(context: Context, request: ats.CreateCandidate | ats.CreateApplication) -> Record:
    given = _plain(request.candidate)
    emails = [
        {"email_address": given["email_address"], "type": "PRIMARY"},
        *given.get("additional_email_addresses", []),
    ]
    main_phone = [{"phone_number": given["phone_number"], "type": "PRIMARY"}] if "phone_number" in given else []
    location: dict[str, Any] | None = given.get("location")
    source = _plain(request.source) if request.source is not UNSET else {}
    return {
        "first_name": given["first_name"],
        "last_name": given["last_name"],
        "company": given.get("company"),
        "title": given.get("title"),
        "confidential": False,
        "source": source.get("name") or source.get("unified_key"),
        "phone_numbers": [*main_phone, *given.get("additional_phone_numbers", [])],
        "email_addresses": emails,
        "emails": [str(each["email_address"]).lower() for each in emails],
        "social_media": [{"link": link["url"]} for link in given.get("social_links", [])],
        "location": None if location is None else {"raw": None, "street_2": None, **location},
        "remote_url": f"https://{_tool(context)}.example/people/{len(context.world.table('ats_candidates'))}",
        "tag_ids": [],
    }


def _tool(context: Context) -> str:
    return context.world.integration_id.partition(":")[0]


def _items(value: Any) -> Sequence[Any]:
    return () if value is UNSET else value


def _plain(value: Any) -> dict[str, Any]:
    plain: dict[str, Any] = to_dict(value)
    return plain
