"""Recruiting: the lists, and the nested records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from kombo_async.sandbox._api.filters import after, by_derived, contains, equal, one_email_of, one_id_of, one_of
from kombo_async.sandbox._api.lists import Listing
from kombo_async.sandbox._handlers.registry import LISTINGS
from kombo_async.sandbox._state.fields import with_fields
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.store import World


def candidate(world: World, record: Record) -> Record:
    """A candidate with tags and applications."""
    applications = world.related("ats_applications", "candidate_id", record["id"])
    return {
        **with_fields(world, "ats_candidates", record),
        "tags": _tags(world, record),
        "applications": [application_in_short(world, each) for each in applications],
    }


def application_in_short(world: World, record: Record) -> Record:
    """An application with its stage and job."""
    return {
        **record,
        "current_stage": world.peek("ats_application_stages", record["current_stage_id"]),
        "job": world.peek("ats_jobs", record["job_id"]),
    }


def application(world: World, record: Record) -> Record:
    """An application with candidate, stage, job, interviews and offers."""
    person = world.peek("ats_candidates", record["candidate_id"])
    return {
        **application_in_short(world, record),
        "candidate": None if person is None else {**person, "tags": _tags(world, person)},
        "interviews": world.related("ats_interviews", "application_id", record["id"]),
        "offers": world.related("ats_offers", "application_id", record["id"]),
    }


def job(world: World, record: Record) -> Record:
    """A job with its stages and hiring team."""
    team: list[Record] = []
    roles = cast("Mapping[str, str]", record["team_roles"])
    for user_id in cast("list[str]", record["team_ids"]):
        user, role = world.peek("ats_users", user_id), world.peek("ats_roles", roles[user_id])
        if user is not None and role is not None:
            team.append({**user, "hiring_team_roles": [role["unified_type"]], "job_roles": [role]})
    stages = (world.peek("ats_application_stages", id) for id in cast("list[str]", record["stage_ids"]))
    return {**record, "stages": [stage for stage in stages if stage is not None], "hiring_team": team}


def user(world: World, record: Record) -> Record:
    """A user with roles."""
    roles = (world.peek("ats_roles", id) for id in cast("list[str]", record["role_ids"]))
    return {**record, "system_roles": [role for role in roles if role is not None]}


def interview(world: World, record: Record) -> Record:
    """An interview with its people and its application."""
    users = (world.peek("ats_users", id) for id in cast("list[str]", record["user_ids"]))
    return {
        **record,
        "users": [each for each in users if each is not None],
        "application": _application_ref(world, record["application_id"]),
    }


def offer(world: World, record: Record) -> Record:
    """An offer with the candidate and the job."""
    return {**record, "application": _application_ref(world, record["application_id"])}


def authored(world: World, record: Record) -> Record:
    """A note or scorecard with its author."""
    return {**record, "author": world.peek("ats_users", record["author_id"])}


def _application_ref(world: World, id: str | None) -> Record | None:
    record = world.peek("ats_applications", id)
    if record is None:
        return None
    return {
        **record,
        "candidate": world.peek("ats_candidates", record["candidate_id"]),
        "job": world.peek("ats_jobs", record["job_id"]),
    }


def _tags(world: World, record: Record) -> list[Record]:
    tags = (world.peek("ats_tags", id) for id in cast("list[str]", record["tag_ids"]))
    return [tag for tag in tags if tag is not None]


def _ids_of_jobs(world: World, remote_ids: Sequence[str]) -> list[str]:
    jobs = world.table("ats_jobs")
    return [job.id for remote_id in remote_ids for job in jobs.where("remote_id", remote_id)]


_OF_PEOPLE = {"candidate_ids": one_id_of("candidate_id"), "application_ids": one_id_of("application_id")}

LISTINGS.update(
    {
        "GetAtsApplications": Listing(
            table="ats_applications",
            view=application,
            filters={
                "outcome": equal("outcome"),
                "outcomes": one_of("outcome"),
                "job_ids": one_id_of("job_id"),
                "job_remote_ids": by_derived("job_id", _ids_of_jobs),
                "current_stage_ids": one_id_of("current_stage_id"),
                "remote_created_after": after("remote_created_at"),
            },
        ),
        "GetAtsCandidates": Listing(
            table="ats_candidates",
            view=candidate,
            filters={
                "email": by_derived("emails", lambda _, email: (email.lower(),)),
                "job_ids": by_derived("job_ids"),
                "first_name": equal("first_name"),
                "last_name": equal("last_name"),
            },
        ),
        "GetAtsTags": Listing(table="ats_tags"),
        "GetAtsApplicationStages": Listing(table="ats_application_stages"),
        "GetAtsJobs": Listing(
            table="ats_jobs",
            view=job,
            filters={
                "job_codes": one_of("job_code"),
                "post_url": by_derived("urls", lambda _, url: (url,)),
                "status": equal("status"),
                "statuses": one_of("status"),
                "employment_types": one_of("employment_type"),
                "visibilities": one_of("visibility"),
                "remote_created_after": after("remote_created_at"),
                "name_contains": contains("name"),
            },
        ),
        "GetAtsUsers": Listing(table="ats_users", view=user, filters={"emails": one_email_of("email")}),
        "GetAtsRoles": Listing(table="ats_roles", filters={"scopes": one_of("scope")}),
        "GetAtsOffers": Listing(table="ats_offers", view=offer),
        "GetAtsRejectionReasons": Listing(table="ats_rejection_reasons"),
        "GetAtsInterviews": Listing(
            table="ats_interviews",
            view=interview,
            filters={"job_ids": by_derived("job_ids")},
        ),
        "GetAtsNotes": Listing(table="ats_notes", view=authored, filters=_OF_PEOPLE),
        "GetAtsScorecards": Listing(table="ats_scorecards", view=authored, filters=_OF_PEOPLE),
        "GetAtsAttachments": Listing(
            table="ats_attachments",
            filters=_OF_PEOPLE,
        ),
    }
)
