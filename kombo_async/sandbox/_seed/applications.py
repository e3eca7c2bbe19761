"""Candidates, and their applications for jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any

from kombo_async.sandbox._seed import words
from kombo_async.sandbox._seed.jobs import REASONS, STAGES, TAGS
from kombo_async.sandbox._seed.source import Source, Table, ago, hash_of, mix, numbered_email
from kombo_async.sandbox._state.clock import parse, stamp
from kombo_async.sandbox._state.indexes import Record

OUTCOMES = ("PENDING", "PENDING", "DECLINED", "PENDING", "HIRED")
SECOND = 5
"""One in this many candidates applies for a second job."""


def _candidate(source: Source, place: int, random: Random) -> tuple[Record, str]:
    first_name, last_name = words.name_at(_salt(source) + place)
    email = words.address_of(first_name, last_name, "mail.example", place)
    tags = random.sample(range(len(TAGS)), random.choice((0, 0, 1, 2)))
    candidate: dict[str, Any] = {
        "first_name": first_name,
        "last_name": last_name,
        "company": random.choice(words.COMPANIES),
        "title": random.choice(words.JOB_TITLES[random.choice(words.DEPARTMENTS)]),
        "confidential": False,
        "source": random.choice(words.SOURCES),
        "phone_numbers": [{"phone_number": words.phone(random), "type": "MOBILE"}],
        "email_addresses": [{"email_address": email, "type": "PRIVATE"}],
        "emails": [email],
        "social_media": [{"link": f"https://social.example/{first_name.lower()}{place}", "type": "LinkedIn"}],
        "location": words.place(random),
        "remote_url": f"https://{source.tool}.example/people/{place + 1}",
        "tag_ids": [source.id("ats_tags", each) for each in tags],
    }
    return candidate, created_at(source, place)


def _salt(source: Source) -> int:
    """Other seeds have different people in the same places."""
    return hash_of(source.seed, source.integration_id, "names") % 1_000_003


def created_at(source: Source, candidate: int) -> str:
    """When a candidate was created: all jobs are older."""
    return stamp(ago(source, candidate, 4, 1, 50))


def count(source: Source) -> int:
    """How many applications there are."""
    jobs, candidates = source.sizes.jobs, source.sizes.candidates
    if not jobs:
        return 0
    return candidates + (-(-candidates // SECOND) if jobs > 1 else 0)


def candidate_and_job(source: Source, place: int) -> tuple[int, int]:
    """The candidate and job of an application: second applications come after all first ones."""
    candidates, jobs = source.sizes.candidates, source.sizes.jobs
    if place < candidates:
        return place, place % jobs
    candidate = (place - candidates) * SECOND
    return candidate, (candidate + 1) % jobs


def _of_candidate(source: Source, value: Any) -> Iterable[int]:
    place = source.place("ats_candidates", value)
    if place is None:
        return ()
    second = source.sizes.candidates + place // SECOND
    return (place, second) if place % SECOND == 0 and source.sizes.jobs > 1 else (place,)


def _application(source: Source, place: int, random: Random) -> tuple[Record, str]:
    candidate, job = candidate_and_job(source, place)
    outcome = OUTCOMES[place % len(OUTCOMES)]
    created = applied_at(source, place)
    application: dict[str, Any] = {
        "candidate_id": source.id("ats_candidates", candidate),
        "job_id": source.id("ats_jobs", job),
        "outcome": outcome,
        "current_stage_id": _stage_of(source, place),
        "rejection_reason_name": random.choice(REASONS) if outcome == "DECLINED" else None,
        "rejected_at": stamp(created + timedelta(hours=20)) if outcome == "DECLINED" else None,
        "screening_question_answers": [],
    }
    return application, stamp(created)


def _stage_of(source: Source, place: int) -> str:
    last = len(STAGES) - 1
    hired = OUTCOMES[place % len(OUTCOMES)] == "HIRED"
    return source.id("ats_application_stages", last if hired else mix(place, 5, last))


def applied_at(source: Source, place: int) -> datetime:
    """When the application in *place* was made."""
    return parse(created_at(source, candidate_and_job(source, place)[0]))


def _jobs_of(source: Source, candidate: int) -> Iterable[str]:
    """The jobs that a candidate applied for."""
    if not source.sizes.jobs:
        return ()
    places = _of_candidate(source, source.id("ats_candidates", candidate))
    return {source.id("ats_jobs", candidate_and_job(source, each)[1]) for each in places}


TABLES: Mapping[str, Table] = {
    "ats_candidates": Table(
        lambda source: source.sizes.candidates,
        _candidate,
        {"emails": numbered_email},
        {
            "job_ids": _jobs_of,
            "first_name~": lambda source, place: (words.name_at(_salt(source) + place)[0].lower(),),
            "last_name~": lambda source, place: (words.name_at(_salt(source) + place)[1].lower(),),
            "changed_at": lambda source, place: (created_at(source, place),),
        },
        settled=0.9,
    ),
    "ats_applications": Table(
        count,
        _application,
        {"candidate_id": _of_candidate},
        {
            "job_id": lambda source, place: (source.id("ats_jobs", candidate_and_job(source, place)[1]),),
            "current_stage_id": lambda source, place: (_stage_of(source, place),),
            "outcome~": lambda _, place: (OUTCOMES[place % len(OUTCOMES)].lower(),),
            **dict.fromkeys(
                ("remote_created_at", "changed_at"),
                lambda source, place: (created_at(source, candidate_and_job(source, place)[0]),),
            ),
        },
        settled=0.9,
    ),
}
