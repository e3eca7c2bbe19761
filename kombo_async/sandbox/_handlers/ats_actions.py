"""Recruiting: actions on candidates and applications."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from kombo_async.model import UNSET, to_dict
from kombo_async.sandbox._api.filters import as_stamp
from kombo_async.sandbox._handlers.registry import Context, handles
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.refusals import InputInvalid, RemoteRefusal, UnknownId
from kombo_async.sandbox._state.table import StoredRecord

if TYPE_CHECKING:
    from kombo_async import ats

TEN_MEGABYTES = 10 * 1024 * 1024


@handles("PutAtsApplicationsApplicationIdStage")
def move(context: Context, request: ats.MoveApplicationToStage) -> Record:
    """Another stage; the last one means hired."""
    world = context.world
    application = _open(context, request.application_id)
    world.get("ats_application_stages", request.stage_id, "application stage")
    job = world.get("ats_jobs", application.data["job_id"], "job")
    stage_ids: list[str] = job.data["stage_ids"]
    if request.stage_id not in stage_ids:
        raise RemoteRefusal("This stage does not belong to the application's job.")
    outcome = "HIRED" if request.stage_id == stage_ids[-1] else "PENDING"
    world.change("ats_applications", application, current_stage_id=request.stage_id, outcome=outcome)
    return {}


@handles("PostAtsApplicationsApplicationIdReject")
def reject(context: Context, request: ats.RejectApplication) -> Record:
    """A rejection, with its reason and optionally a note."""
    application = _open(context, request.application_id)
    reason = context.world.get("ats_rejection_reasons", request.rejection_reason_id, "rejection reason")
    context.world.change(
        "ats_applications",
        application,
        outcome="DECLINED",
        rejection_reason_name=reason.data["name"],
        rejected_at=context.clock.stamp(),
    )
    if request.note is not UNSET:
        _note(context, application, str(request.note))
    return {}


@handles("PostAtsApplicationsApplicationIdNotes")
def add_note(context: Context, request: ats.AddApplicationNote) -> Record:
    """A note on an application."""
    application = context.world.get("ats_applications", request.application_id, "application")
    _note(context, application, request.content)
    return {}


@handles("PostAtsApplicationsApplicationIdResultLinks")
def link_application(context: Context, request: ats.AddApplicationResultLink) -> Record:
    """A link on an application."""
    application = context.world.get("ats_applications", request.application_id, "application")
    return _link(context, application.data["candidate_id"], application.id, request)


@handles("PostAtsCandidatesCandidateIdResultLinks")
def link_candidate(context: Context, request: ats.AddCandidateResultLink) -> Record:
    """A link on a candidate."""
    context.world.get("ats_candidates", request.candidate_id, "candidate")
    return _link(context, request.candidate_id, None, request)


@handles("PostAtsApplicationsApplicationIdInterviews")
def create_interview(context: Context, request: ats.CreateInterview) -> Record:
    """An interview for an application that is open."""
    application = _open(context, request.application_id)
    interview = _interview(context, request)
    interview.update(application_id=application.id, stage_id=application.data["current_stage_id"], canceled=False)
    context.world.add("ats_interviews", interview)
    return {}


@handles("PatchAtsApplicationsApplicationIdInterviews")
def update_interview(context: Context, request: ats.UpdateInterview) -> Record:
    """An interview, changed as a whole."""
    _open(context, request.application_id)
    row = context.world.get("ats_interviews", request.interview_id, "interview")
    if row.data["application_id"] != request.application_id:
        raise UnknownId("interview of this application", request.interview_id)
    context.world.change("ats_interviews", row, **_interview(context, request))
    return {}


@handles("PostAtsCandidatesCandidateIdTags")
def add_tag(context: Context, request: ats.AddCandidateTag) -> Record:
    """A tag, created if there is none with this name."""
    candidate = context.world.get("ats_candidates", request.candidate_id, "candidate")
    tag = _tag(context, request.tag.name) or context.world.add("ats_tags", {"name": request.tag.name})
    tag_ids: list[str] = candidate.data["tag_ids"]
    if tag.id not in tag_ids:
        context.world.change("ats_candidates", candidate, tag_ids=[*tag_ids, tag.id])
    return {}


@handles("DeleteAtsCandidatesCandidateIdTags")
def remove_tag(context: Context, request: ats.RemoveCandidateTag) -> Record:
    """Remove a tag, if the candidate has it."""
    candidate = context.world.get("ats_candidates", request.candidate_id, "candidate")
    tag = _tag(context, request.tag.name)
    tag_ids: list[str] = candidate.data["tag_ids"]
    if tag is not None and tag.id in tag_ids:  # removing what is not there succeeds
        context.world.change("ats_candidates", candidate, tag_ids=[id for id in tag_ids if id != tag.id])
    return {}


@handles("GetAtsActionsAtsCreateCandidate", "GetAtsActionsAtsCreateApplication")
def creating_details(context: Context, request: Any) -> Record:
    """Which files a new candidate may bring."""
    cv = {"is_supported": True, "min_amount": 0, "max_amount": 1, "max_file_size_bytes": TEN_MEGABYTES}
    types = {kind: {**cv, "accepted_mime_types": None} for kind in ("CV", "COVER_LETTER", "OTHER")}
    types["OTHER"]["max_amount"] = None
    return {"attachment_restrictions": {"total_size_bytes": None, "types": types}}


@handles("GetAtsActionsAtsAddApplicationAttachment", "GetAtsActionsAtsAddCandidateAttachment")
def attaching_details(context: Context, request: Any) -> Record:
    """Which files may be attached."""
    limits = {"is_supported": True, "max_file_size_bytes": TEN_MEGABYTES, "accepted_mime_types": None}
    return {"attachment_restrictions": {"types": dict.fromkeys(("CV", "COVER_LETTER", "OTHER"), limits)}}


@handles("PostAtsImportTrackedApplication")
def import_tracked(context: Context, request: ats.ImportTrackedApplication) -> Record:
    """An application that came some other way, recorded as tracked."""
    given: dict[str, Any] = to_dict(request)
    tracked_at = given.pop("tracked_at")
    if len(given) != 1:
        raise InputInvalid("send the IDs of one tool")
    (ids,) = given.values()
    remote_id = ids.get("application_remote_id") or ids.get("application_id") or ids.get("placement_id")
    applications = context.world.table("ats_applications")
    found = [row for row in applications.where("remote_id", remote_id) if not row.deleted]
    record = {"imported_id": given, "tracked_at": as_stamp(tracked_at) if tracked_at else context.clock.stamp()}
    tracked = context.world.add("ats_tracked_applications", record)
    return {**tracked.data, "id": found[0].id if found else tracked.id}


def _open(context: Context, application_id: str) -> StoredRecord:
    application = context.world.get("ats_applications", application_id, "application")
    if application.data["outcome"] == "DECLINED":
        raise RemoteRefusal("This application has been rejected.")
    return application


def _note(context: Context, application: StoredRecord, content: str) -> None:
    context.world.add(
        "ats_notes",
        {
            "candidate_id": application.data["candidate_id"],
            "application_id": application.id,
            "author_id": None,
            "title": None,
            "content_html": f"<p>{escape(content)}</p>",
            "is_private": False,
        },
    )


def _link(context: Context, candidate_id: str, application_id: str | None, request: Any) -> Record:
    details: Record = {} if request.details is UNSET else to_dict(request.details)
    link = {"label": request.label, "url": request.url, "details": details}
    context.world.add("ats_result_links", {**link, "candidate_id": candidate_id, "application_id": application_id})
    return {}


def _interview(context: Context, request: ats.CreateInterview | ats.UpdateInterview) -> Record:
    users = [*request.interviewer_user_ids, request.organizer_user_id]
    for id in users:
        context.world.get("ats_users", id, "user")
    if as_stamp(request.end_time) <= as_stamp(request.start_time):
        raise InputInvalid("end_time: must be later than start_time")
    place: dict[str, Any] = to_dict(request.location)
    return {
        "title": request.title,
        "starting_at": as_stamp(request.start_time),
        "ending_at": as_stamp(request.end_time),
        "location": {"raw": place.get("address")},
        "video_conferencing_url": "https://meet.example/room" if place["type"] == "VIRTUAL" else None,
        "user_ids": list(dict.fromkeys(users)),
    }


def _tag(context: Context, name: str) -> StoredRecord | None:
    return next((row for row in context.world.table("ats_tags").where("name", name) if not row.deleted), None)
