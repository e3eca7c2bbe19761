"""AI Apply: career sites, postings, feeds, and applications."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from kombo_async.model import UNSET, to_dict
from kombo_async.sandbox._api.filters import one_id_of, one_of
from kombo_async.sandbox._api.lists import Listing
from kombo_async.sandbox._handlers.ai_apply_answers import check_answers
from kombo_async.sandbox._handlers.registry import LISTINGS, Context, handles
from kombo_async.sandbox._seed.application_form import FORM
from kombo_async.sandbox._state.clock import days, parse
from kombo_async.sandbox._state.ids import make_id
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.refusals import InputInvalid, UnknownId
from kombo_async.sandbox._state.store import World
from kombo_async.sandbox._state.table import StoredRecord

if TYPE_CHECKING:
    from kombo_async import ai_apply

TOKEN_LIFETIME = days(2)
"""How long an application can be submitted after an inquiry."""


def _posting(world: World, record: Record) -> Record:
    return {**record, "career_site": world.peek("ai_career_sites", record["career_site_id"])}


def _posting_form(world: World, record: Record) -> Record:
    return {**_posting(world, record), "application_form": FORM, "submission_token": None}


def _job(world: World, record: Record) -> Record:
    """A posting in the unified API's form of a job."""
    return {
        "stages": [],
        "screening_questions": None,
        "job_postings": [],
        "hiring_team": [],
        "post_url": record["url"],
        "status": "OPEN" if record["archived_at"] is None else "ARCHIVED",
        "opened_at": record["created_at"],
        "closed_at": record["archived_at"],
        **record,
    }


LISTINGS.update(
    {
        "GetAiApplyCareerSites": Listing(table="ai_career_sites"),
        "GetAiApplyPostings": Listing(
            table="ai_job_postings",
            view=_posting,
            filters={"career_site_ids": one_id_of("career_site_id"), "job_codes": one_of("job_code")},
        ),
        "GetAiApplyPostingsForms": Listing(
            table="ai_job_postings",
            view=_posting_form,
            largest_page=5,
            filters={"career_site_ids": one_id_of("career_site_id"), "job_codes": one_of("job_code")},
        ),
        "GetAiApplyApplications": Listing(
            table="ai_applications", filters={"job_posting_ids": one_id_of("job_posting_id")}
        ),
        "GetAiApplyUnifiedApiJobs": Listing(
            table="ai_job_postings",
            view=_job,
            largest_page=5,
            filters={"career_site_ids": one_id_of("career_site_id"), "job_codes": one_of("job_code")},
        ),
        "GetAiApplyJobFeeds": Listing(table="ai_job_feeds"),
    }
)


@handles("PostAiApplyCareerSites")
def create_site(context: Context, request: ai_apply.CreateCareerSite) -> Record:
    """A career site."""
    return context.world.add("ai_career_sites", {"label": request.label}).data


@handles("PostAiApplyJobFeeds")
def create_feed(context: Context, request: ai_apply.CreateJobFeed) -> Record:
    """A feed of postings."""
    return context.world.add("ai_job_feeds", {"label": request.label}).data


@handles("PostAiApplyPostings")
def parse_posting(context: Context, request: ai_apply.ParseJobPosting) -> Record:
    """A posting parsed from its URL. The sandbox does not read it: every posting can be applied to."""
    context.world.get("ai_career_sites", request.career_site_id, "career site")
    code = None if request.job_code is UNSET else str(request.job_code)
    return _posting(context.world, _new_posting(context, request.career_site_id, request.url, code).data)


@handles("postAiApplyJobFeedsBulkImport")
def bulk_import(context: Context, request: ai_apply.BulkImportJobPostings) -> Record:
    """The whole feed at once: postings that are no longer in it are archived."""
    world = context.world
    world.get("ai_job_feeds", request.job_feed_id, "job feed")
    created = archived = 0
    items = list(request.items)
    urls = {item.url for item in items}
    for row in world.table("ai_job_postings").where("job_feed_id", request.job_feed_id):
        if row.data["url"] not in urls and row.data["archived_at"] is None:
            now = context.clock.stamp()
            changes = {"archived_at": now, "updated_at": now, "archived_reason": "REMOVED_FROM_JOB_FEED"}
            world.change("ai_job_postings", row, **changes, availability="ARCHIVED")
            archived += 1
    known = {row.data["url"] for row in world.table("ai_job_postings").where("job_feed_id", request.job_feed_id)}
    for item in items:
        sites = list(world.table("ai_career_sites").where("label", item.career_site_label))
        site = sites[0] if sites else world.add("ai_career_sites", {"label": item.career_site_label})
        if item.url not in known:
            known.add(item.url)
            code = None if item.job_code is UNSET else str(item.job_code)
            _new_posting(context, site.id, item.url, code, job_feed_id=request.job_feed_id)
            created += 1
    return {"created": created, "processed": len(items), "archived": archived}


@handles("PostAiApplyPostingsPostingIdInquire")
def inquire(context: Context, request: ai_apply.InquireJobPosting) -> Record:
    """The form of a posting, and a token to send it with."""
    posting = _open(context, request.posting_id)
    token = make_id(context.environment.seed, "submission", posting.id, context.number)
    context.world.add("ai_submissions", {"token": token, "posting_id": posting.id})
    return {"application_form": FORM, "submission_token": token}


@handles("PostAiApplyApply")
def apply(context: Context, request: ai_apply.SubmitJobApplication) -> Record:
    """An application with a completed form."""
    found = list(context.world.table("ai_submissions").where("token", request.submission_token))
    if not found:
        raise InputInvalid("submission_token: unknown; use the one that an inquiry returned")
    if context.clock.now() >= parse(found[0].data["remote_created_at"]) + TOKEN_LIFETIME:
        raise InputInvalid("submission_token: expired after 2 days; inquire again")
    posting = _open(context, found[0].data["posting_id"])
    check_answers(request.screening_question_answers)
    row = _submit(context, posting, request.candidate_email)
    return {**row.data, "posting_id": posting.id}


@handles("PostAiApplyUnifiedApiJobsJobIdApplications")
def apply_unified(context: Context, request: ai_apply.CreateApplication) -> Record:
    """The same in the unified API's form."""
    posting = _open(context, request.job_id)
    row = _submit(context, posting, request.candidate.email_address)
    now = context.clock.stamp()
    record: Record = {"changed_at": now, "remote_created_at": now, "remote_updated_at": now, "custom_fields": {}}
    given: Record = to_dict(request.candidate)
    emails = [{"email_address": given["email_address"], "type": "PRIMARY"}]
    person = {
        **record,
        "id": make_id(row.id, "candidate"),
        "remote_id": make_id(row.id, "remote candidate")[:8],
        "first_name": given["first_name"],
        "last_name": given["last_name"],
        "email_addresses": emails,
        "phone_numbers": [],
        "social_media": [],
        "tags": [],
    }
    return {
        **record,
        "id": row.id,
        "remote_id": None,
        "outcome": "PENDING",
        "job_id": posting.id,
        "candidate_id": person["id"],
        "screening_question_answers": [],
        "candidate": person,
        "current_stage": None,
        "job": {"id": posting.id, "remote_id": posting.data["remote_id"], "name": posting.data["name"]},
    }


def _new_posting(context: Context, site_id: str, url: str, code: str | None, **more: Any) -> StoredRecord:
    now = context.clock.stamp()
    posting = {
        "career_site_id": site_id,
        "url": url,
        "job_code": code,
        "name": "Job posting",
        "created_at": now,
        "updated_at": now,
        "archived_at": None,
        "archived_reason": None,
        "availability": "APPLYABLE",
    }
    row = context.world.add("ai_job_postings", {**posting, **more})
    context.webhooks.emit("ai-apply-job-posting-status-updated", shaped_posting(context.world, row))
    return row


def shaped_posting(world: World, row: StoredRecord) -> Record:
    """A posting as in its webhook."""
    from kombo_async.ai_apply.job_postings import JobPosting
    from kombo_async.sandbox._api.projection import shape

    return cast("Record", shape(_posting(world, row.data), JobPosting))


def _open(context: Context, id: str) -> StoredRecord:
    row = context.world.table("ai_job_postings").find(id)
    if row is None or row.deleted:
        raise UnknownId("job posting", id)
    if row.data["archived_at"] is not None:
        raise InputInvalid(f"This posting has been archived ({row.data['archived_reason']}).")
    return row


def _submit(context: Context, posting: StoredRecord, email: str) -> StoredRecord:
    now = context.clock.stamp()
    before = context.world.table("ai_applications").where("job_posting_id", posting.id)
    duplicate = any(row.data["email"] == email.lower() for row in before)
    application = {
        "job_posting_id": posting.id,
        "email": email.lower(),
        "status": "DUPLICATE" if duplicate else "SUBMITTED",
        "created_at": now,
        "updated_at": now,
    }
    row = context.world.add("ai_applications", application)
    event = {name: row.data[name] for name in ("id", "job_posting_id", "status", "created_at", "updated_at")}
    context.webhooks.emit("ai-apply-application-status-updated", event)
    return row
