"""Recruiting, before anybody applies: users and roles, stages, tags, and jobs with their questions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from kombo_async.sandbox._seed import words
from kombo_async.sandbox._seed.questions import questions
from kombo_async.sandbox._seed.quick_random import Random
from kombo_async.sandbox._seed.source import Inverse, Source, Table, addressed, fixed, last_number, mix
from kombo_async.sandbox._state.clock import days, stamp
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.initial import PERIOD

STAGES = ("Applied", "Screening", "Interview", "Offer", "Hired")
REASONS = ("Not enough experience", "Salary expectations too high", "Position filled", "Withdrew", "Other")
TAGS = ("Referral", "Silver medalist", "Relocation", "Urgent")
ROLES = (
    ("Site Admin", "SYSTEM", "ADMIN"),
    ("Recruiter", "JOB", "RECRUITER"),
    ("Hiring Manager", "JOB", "HIRING_MANAGER"),
    ("Interviewer", "JOB", "INTERVIEWER"),
)


def _role(source: Source, place: int, random: Random) -> tuple[Record, str]:
    label, scope, kind = ROLES[place]
    return {"remote_label": label, "scope": scope, "unified_type": kind}, stamp(source.born - days(900))


def _user(source: Source, place: int, random: Random) -> tuple[Record, str]:
    first_name, last_name = words.name(random)
    user = {
        "first_name": first_name,
        "last_name": last_name,
        "email": words.address_of(first_name, last_name, "acme.example", place),
        "status": "ACTIVE" if place % 9 != 8 else "INACTIVE",
        "role_ids": [source.id("ats_roles", 0)] if place == 0 else [],
    }
    return user, _joined_at(source, place)


def _joined_at(source: Source, place: int) -> str:
    return stamp(source.born - days(800 - place % PERIOD % 500))


def _with_role(source: Source, role: Any) -> Iterable[int]:
    """The first user is the administrator; the others have roles in jobs only."""
    return (0,) if source.place("ats_roles", role) == 0 else ()


def _stage(source: Source, place: int, random: Random) -> tuple[Record, str]:
    return {"name": STAGES[place], "index": place, "status": "ACTIVE"}, stamp(source.born - days(850))


def _tag(source: Source, place: int, random: Random) -> tuple[Record, str]:
    return {"name": TAGS[place]}, stamp(source.born - days(700))


def _reason(source: Source, place: int, random: Random) -> tuple[Record, str]:
    return {"name": REASONS[place]}, stamp(source.born - days(850))


def _status_of(place: int) -> str:
    """The first jobs are always open; later on, one in ten is closed and one in ten a draft."""
    return {8: "CLOSED", 9: "DRAFT"}.get(place % 10, "OPEN")


def code_of(place: int) -> str:
    """A job's code: its department and its number."""
    department = words.DEPARTMENTS[place % len(words.DEPARTMENTS)]
    return f"{department[:3].upper()}-{place + 1:03}"


def _type_of(place: int) -> str:
    return "FULL_TIME" if place % 4 else "PART_TIME"


def _title_of(place: int) -> str:
    titles = words.JOB_TITLES[words.DEPARTMENTS[place % len(words.DEPARTMENTS)]]
    return titles[mix(place, 20, len(titles))]


def _url_of(place: int) -> str:
    return f"https://jobs.acme.example/{place + 1}"


def _opened(source: Source, place: int) -> datetime:
    return source.born - days(60 + mix(place, 21, 141))


def _changed_at(source: Source, place: int) -> str:
    return stamp(_opened(source, place) + days(mix(place, 22, 16)))


def numbered(text_of: Callable[[int], str]) -> Inverse:
    """Records by a text of theirs that ends in their number."""

    def places(source: Source, value: Any) -> Iterable[int]:
        number = last_number(str(value))
        return (number - 1,) if number and value == text_of(number - 1) else ()

    return places


def _job(source: Source, place: int, random: Random) -> tuple[Record, str]:
    department = words.DEPARTMENTS[place % len(words.DEPARTMENTS)]
    title = _title_of(place)
    status = _status_of(place)
    opened = stamp(_opened(source, place))
    salary = 1_000 * random.randint(42, 94)
    users = source.count("ats_users")
    recruiter, manager = (source.id("ats_users", each) for each in random.sample(range(users), 2))
    roles = source.ids("ats_roles")[1:3]
    url = _url_of(place)
    job: dict[str, Any] = {
        "name": title,
        "job_code": code_of(place),
        "description": f"<p>We are looking for a {title} in our {department} team.</p>",
        "confidential": False,
        "weekly_hours": 40,
        "employment_type": _type_of(place),
        "status": status,
        "visibility": "PUBLIC",
        "category": department,
        "department": department,
        "post_url": url,
        "experience_level": random.choice(("Junior", "Mid", "Senior")),
        "remote_work_status": random.choice(("REMOTE", "HYBRID", "ON_SITE")),
        "salary_amount_from": salary,
        "salary_amount_to": salary + 15_000,
        "salary_currency": "EUR",
        "salary_period": "YEAR",
        "location": words.place(random),
        "remote_url": f"https://{source.tool}.example/jobs/{place + 1}",
        "opened_at": opened,
        "closed_at": stamp(source.born - days(5)) if status == "CLOSED" else None,
        "remote_created_at": opened,
        "stage_ids": source.ids("ats_application_stages")[:],
        "screening_questions": questions(source, place),
        "team_ids": [recruiter, manager],
        "team_role_ids": roles,
        "team_roles": {recruiter: roles[0], manager: roles[1]},
        "job_postings": [
            {
                "id": source.make_id("ats_job_postings", place),
                "remote_id": source.number("ats_job_postings", place),
                "title": title,
                "description_html": f"<p>Join us as a {title}.</p>",
                "status": "ACTIVE" if status == "OPEN" else "INACTIVE",
                "visibility": "PUBLIC",
                "url": url,
                "remote_data": None,
            }
        ],
    }
    return job, _changed_at(source, place)


TABLES: Mapping[str, Table] = {
    "ats_roles": Table(fixed(len(ROLES)), _role),
    "ats_users": Table(
        lambda source: max(4, source.sizes.jobs // 2),
        _user,
        {"email~": addressed("ats_users", "email"), "role_ids": _with_role},
        {"changed_at": lambda source, place: (_joined_at(source, place),)},
    ),
    "ats_application_stages": Table(fixed(len(STAGES)), _stage),
    "ats_tags": Table(fixed(len(TAGS)), _tag),
    "ats_rejection_reasons": Table(fixed(len(REASONS)), _reason),
    "ats_jobs": Table(
        lambda source: source.sizes.jobs,
        _job,
        {"job_code~": numbered(lambda place: code_of(place).lower()), "urls": numbered(_url_of)},
        {
            "name~": lambda _, place: (_title_of(place).lower(),),
            "remote_created_at": lambda source, place: (stamp(_opened(source, place)),),
            "changed_at": lambda source, place: (_changed_at(source, place),),
            "status~": lambda _, place: (_status_of(place).lower(),),
            "employment_type~": lambda _, place: (_type_of(place).lower(),),
            "visibility~": lambda _, place: ("public",),
        },
    ),
}
