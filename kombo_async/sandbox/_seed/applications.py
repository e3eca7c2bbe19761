"""Candidates, and their applications for jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from kombo_async.sandbox._seed import words
from kombo_async.sandbox._seed.jobs import REASONS, STAGES, TAGS
from kombo_async.sandbox._seed.quick_random import Random
from kombo_async.sandbox._seed.source import Source, Table, addressed, ago, hash_of, mix
from kombo_async.sandbox._state.clock import parse, stamp
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.initial import PERIOD

OUTCOMES = ("PENDING", "PENDING", "DECLINED", "PENDING", "HIRED")
SECOND = 5
"""One in this many candidates applies for a second job."""


def _candidate(source: Source, place: int, random: Random) -> tuple[Record, str]:
    first_name, last_name = _names_of(source, place)
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


def _names_of(source: Source, place: int) -> tuple[str, str]:
    """Other seeds have different people in the same places."""
    salt = hash_of(source.seed, source.integration_id, "names") % 1_000_003
    return words.name_at(salt + place % PERIOD)


def created_at(source: Source, candidate: int) -> str:
    """When a candidate was created: all jobs are older."""
    return stamp(ago(source, candidate, 4, 1, 50))


def count(source: Source) -> int:
    """How many applications there are."""
    jobs, candidates = source.sizes.jobs, source.sizes.candidates
    if not jobs:
        return 0
    return first_of(source, candidates)


def first_of(source: Source, candidate: int) -> int:
    """The place of a candidate's first application; a second one follows it."""
    return candidate + (-(-candidate // SECOND) if source.sizes.jobs > 1 else 0)


def candidate_and_job(source: Source, place: int) -> tuple[int, int]:
    """The candidate and job of an application."""
    jobs = source.sizes.jobs
    if jobs == 1:
        return place, 0
    several, number = divmod(place, SECOND + 1)
    candidate = several * SECOND + max(0, number - 1)
    return candidate, (candidate + (number == 1)) % jobs


def period(source: Source) -> int:
    """After how many places applications, and what belongs to them, repeat: when their candidates do."""
    return first_of(source, PERIOD)


def of_candidate(source: Source, value: Any) -> Iterable[int]:
    """The applications of a candidate."""
    place = source.place("ats_candidates", value)
    if place is None or not source.sizes.jobs:
        return ()
    first = first_of(source, place)
    return (first, first + 1) if place % SECOND == 0 and source.sizes.jobs > 1 else (first,)


def for_job(source: Source, value: Any) -> Iterable[int]:
    """The applications for a job."""
    job, jobs = source.place("ats_jobs", value), source.sizes.jobs
    if job is None:
        return ()
    if jobs == 1:
        return range(source.sizes.candidates)
    first = [each - (-each // SECOND) for each in range(job, source.sizes.candidates, jobs)]
    second = [each + each // SECOND + 1 for each in _also_for(source, job)]
    return sorted(first + second)


def _also_for(source: Source, job: int) -> list[int]:
    """The candidates whose second application is for this job."""
    others = range((job - 1) % source.sizes.jobs, source.sizes.candidates, source.sizes.jobs)
    return [each for each in others if each % SECOND == 0]


def _candidates_for_job(source: Source, value: Any) -> Iterable[int]:
    job, jobs = source.place("ats_jobs", value), source.sizes.jobs
    if job is None:
        return ()
    first = range(job, source.sizes.candidates, jobs)
    return first if jobs == 1 else sorted({*first, *_also_for(source, job)})


def _application(source: Source, place: int, random: Random) -> tuple[Record, str]:
    candidate, job = candidate_and_job(source, place)
    outcome = OUTCOMES[place % len(OUTCOMES)]
    created = applied_at(source, place)
    declined = outcome == "DECLINED"
    application: dict[str, Any] = {
        "candidate_id": source.id("ats_candidates", candidate),
        "job_id": source.id("ats_jobs", job),
        "outcome": outcome,
        "current_stage_id": _stage_of(source, place),
        "rejection_reason_name": random.choice(REASONS) if declined else None,
        "rejected_at": stamp(parse(created) + timedelta(hours=20)) if declined else None,
        "screening_question_answers": [],
    }
    return application, created


def _stage_of(source: Source, place: int) -> str:
    last = len(STAGES) - 1
    hired = OUTCOMES[place % len(OUTCOMES)] == "HIRED"
    candidate, _ = candidate_and_job(source, place)
    is_second = place != first_of(source, candidate)
    return source.id("ats_application_stages", last if hired else mix(candidate, 6 if is_second else 5, last))


def applied_at(source: Source, place: int) -> str:
    """When the application in *place* was made."""
    return created_at(source, candidate_and_job(source, place)[0])


TABLES: Mapping[str, Table] = {
    "ats_candidates": Table(
        lambda source: source.sizes.candidates,
        _candidate,
        {"emails": addressed("ats_candidates", "emails"), "job_ids": _candidates_for_job},
        {
            "first_name~": lambda source, place: (_names_of(source, place)[0].lower(),),
            "last_name~": lambda source, place: (_names_of(source, place)[1].lower(),),
            "changed_at": lambda source, place: (created_at(source, place),),
        },
        settled=0.9,
    ),
    "ats_applications": Table(
        count,
        _application,
        {"candidate_id": of_candidate, "job_id": for_job},
        {
            "current_stage_id": lambda source, place: (_stage_of(source, place),),
            "outcome~": lambda _, place: (OUTCOMES[place % len(OUTCOMES)].lower(),),
            **dict.fromkeys(
                ("remote_created_at", "changed_at"),
                lambda source, place: (applied_at(source, place),),
            ),
        },
        period,
        settled=0.9,
    ),
}
