"""Look-up values of records besides their own fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from kombo_async.sandbox._state.fields import VALUES, value_of
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.store import World

Derive = Callable[[World, Record], Iterable[Any]]


def _jobs_of_candidate(world: World, record: Record) -> Iterable[str]:
    return {each["job_id"] for each in world.related("ats_applications", "candidate_id", record["id"])}


def _job_of_interview(world: World, record: Record) -> Iterable[str]:
    application = world.peek("ats_applications", record["application_id"])
    return () if application is None else (application["job_id"],)


def _urls_of_job(world: World, record: Record) -> Iterable[str]:
    urls = (record.get("post_url"), *(posting["url"] for posting in record["job_postings"]))
    return {url for url in urls if url}


def _revisions_of_course(world: World, record: Record) -> Iterable[str]:
    return {revision["id"] for revision in record["revisions"]}


def _field(world: World, record: Record, *, key: str) -> Iterable[Any]:
    return (value_of(world, "hris_employees", record, key),)


DERIVED: Mapping[tuple[str, str], Derive] = {
    ("ats_candidates", "job_ids"): _jobs_of_candidate,
    ("ats_interviews", "job_ids"): _job_of_interview,
    ("ats_jobs", "urls"): _urls_of_job,
    ("lms_courses", "revision_ids"): _revisions_of_course,
    **{("hris_employees", f"field:{key}"): partial(_field, key=key) for key in VALUES},
}
