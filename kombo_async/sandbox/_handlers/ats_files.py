"""Recruiting: attachments, kept byte for byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kombo_async.sandbox._handlers.registry import Context, handles
from kombo_async.sandbox._handlers.uploads import read_file
from kombo_async.sandbox._state.files import StoredFile
from kombo_async.sandbox._state.indexes import Record

if TYPE_CHECKING:
    from kombo_async import ats


def keep_file(context: Context, candidate_id: str, application_id: str | None, kind: str, file: StoredFile) -> Record:
    """Store a candidate's file."""
    row = context.world.add(
        "ats_attachments",
        {
            "candidate_id": candidate_id,
            "application_id": application_id,
            "type": kind,
            "file_name": file.name,
            "content_type": file.content_type,
        },
    )
    context.environment.keep_file(row.id, file)
    return row.data


@handles("PostAtsCandidatesCandidateIdAttachments")
def add_to_candidate(context: Context, request: ats.AddCandidateAttachment) -> Record:
    """A file for a candidate."""
    context.world.get("ats_candidates", request.candidate_id, "candidate")
    file = read_file(request.attachment, "attachment", context.warnings, context.fetched)
    keep_file(context, request.candidate_id, None, request.attachment.type, file)
    return {}


@handles("PostAtsApplicationsApplicationIdAttachments")
def add_to_application(context: Context, request: ats.AddApplicationAttachment) -> Record:
    """A file for an application."""
    application = context.world.get("ats_applications", request.application_id, "application")
    file = read_file(request.attachment, "attachment", context.warnings, context.fetched)
    keep_file(context, application.data["candidate_id"], application.id, request.attachment.type, file)
    return {}


@handles("GetAtsCandidatesCandidateIdAttachments")
def of_candidate(context: Context, request: ats.GetCandidateAttachments) -> Record:
    """All files of a candidate, including those of applications."""
    context.world.get("ats_candidates", request.candidate_id, "candidate")
    return _readable(context, context.world.related("ats_attachments", "candidate_id", request.candidate_id))


@handles("GetAtsApplicationsApplicationIdAttachments")
def of_application(context: Context, request: ats.GetApplicationAttachments) -> Record:
    """The files of an application."""
    context.world.get("ats_applications", request.application_id, "application")
    return _readable(context, context.world.related("ats_attachments", "application_id", request.application_id))


def _readable(context: Context, records: list[Record]) -> Record:
    """Add download URLs; like Kombo's, they need no API key."""
    return {
        "results": [{**each, "data_url": context.environment.file_url(context.root, each["id"])} for each in records]
    }
