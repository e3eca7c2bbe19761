"""Recruiting: users and roles, jobs with stages and questions, candidates who apply for them, and what follows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any

from kombo_async.sandbox._seed import words
from kombo_async.sandbox._seed.questions import questions
from kombo_async.sandbox._seed.source import Source, Table, ago, fixed, hash_of, mix, numbered_email, owned
from kombo_async.sandbox._state.clock import day, days, parse, stamp
from kombo_async.sandbox._state.ids import make_number
from kombo_async.sandbox._state.indexes import Record

STAGES = ("Applied", "Screening", "Interview", "Offer", "Hired")
REASONS = ("Not enough experience", "Salary expectations too high", "Position filled", "Withdrew", "Other")
TAGS = ("Referral", "Silver medalist", "Relocation", "Urgent")
ROLES = (
    ("Site Admin", "SYSTEM", "ADMIN"),
    ("Recruiter", "JOB", "RECRUITER"),
    ("Hiring Manager", "JOB", "HIRING_MANAGER"),
    ("Interviewer", "JOB", "INTERVIEWER"),
)
OUTCOMES = ("PENDING", "PENDING", "DECLINED", "PENDING", "HIRED")
SECOND = 5
"""One in this many candidates applies for a second job."""


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
    return user, stamp(source.born - days(800 - place % 500))


def _stage(source: Source, place: int, random: Random) -> tuple[Record, str]:
    return {"name": STAGES[place], "index": place, "status": "ACTIVE"}, stamp(source.born - days(850))


def _tag(source: Source, place: int, random: Random) -> tuple[Record, str]:
    return {"name": TAGS[place]}, stamp(source.born - days(700))


def _reason(source: Source, place: int, random: Random) -> tuple[Record, str]:
    return {"name": REASONS[place]}, stamp(source.born - days(850))


def _job(source: Source, place: int, random: Random) -> tuple[Record, str]:
    department = words.DEPARTMENTS[place % len(words.DEPARTMENTS)]
    title = random.choice(words.JOB_TITLES[department])
    # The first jobs are always open; later on, one in ten is closed and one in ten a draft.
    status = {8: "CLOSED", 9: "DRAFT"}.get(place % 10, "OPEN")
    opened = source.born - days(random.randint(60, 200))
    salary = random.randrange(42_000, 95_000, 1_000)
    users = source.count("ats_users")
    recruiter, manager = (source.id("ats_users", each) for each in random.sample(range(users), 2))
    roles = [source.id("ats_roles", each) for each in (1, 2)]
    url = f"https://jobs.acme.example/{place + 1}"
    job: dict[str, Any] = {
        "name": title,
        "job_code": f"{department[:3].upper()}-{place + 1:03}",
        "description": f"<p>We are looking for a {title} in our {department} team.</p>",
        "confidential": False,
        "weekly_hours": 40,
        "employment_type": "FULL_TIME" if place % 4 else "PART_TIME",
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
        "opened_at": stamp(opened),
        "closed_at": stamp(source.born - days(5)) if status == "CLOSED" else None,
        "remote_created_at": stamp(opened),
        "stage_ids": [source.id("ats_application_stages", each) for each in range(len(STAGES))],
        "screening_questions": questions(source, place),
        "team_ids": [recruiter, manager],
        "team_role_ids": roles,
        "team_roles": {recruiter: roles[0], manager: roles[1]},
        "job_postings": [
            {
                "id": source.make_id("ats_job_postings", place),
                "remote_id": make_number(source.seed, source.integration_id, "posting", place),
                "title": title,
                "description_html": f"<p>Join us as a {title}.</p>",
                "status": "ACTIVE" if status == "OPEN" else "INACTIVE",
                "visibility": "PUBLIC",
                "url": url,
                "remote_data": None,
            }
        ],
    }
    return job, stamp(opened + days(random.randint(0, 15)))


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
    return candidate, _known(source, place)


def _salt(source: Source) -> int:
    """Other seeds have different people in the same places."""
    return hash_of(source.seed, source.integration_id, "names") % 1_000_003


def _known(source: Source, candidate: int) -> str:
    """When a candidate was created: all jobs are older."""
    return stamp(ago(source, candidate, 4, 1, 50))


def _applications(source: Source) -> int:
    jobs, candidates = source.sizes.jobs, source.sizes.candidates
    if not jobs:
        return 0
    return candidates + (-(-candidates // SECOND) if jobs > 1 else 0)


def _candidate_and_job(source: Source, place: int) -> tuple[int, int]:
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
    candidate, job = _candidate_and_job(source, place)
    outcome = OUTCOMES[place % len(OUTCOMES)]
    created = _applied(source, place)
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


def _applied(source: Source, place: int) -> datetime:
    return parse(_known(source, _candidate_and_job(source, place)[0]))


def _jobs_of(source: Source, candidate: int) -> Iterable[str]:
    """The jobs that a candidate applied for."""
    if not source.sizes.jobs:
        return ()
    places = _of_candidate(source, source.id("ats_candidates", candidate))
    return {source.id("ats_jobs", _candidate_and_job(source, each)[1]) for each in places}


def _interview(source: Source, place: int, random: Random) -> tuple[Record, str]:
    application = source.record("ats_applications", place * 3)
    begins = _applied(source, place * 3) + days(random.randint(1, 14))
    begins = begins.replace(hour=9, minute=0, second=0, microsecond=0)
    interviewers = random.sample(range(source.count("ats_users")), 2)
    interview: dict[str, Any] = {
        "title": "Interview",
        "starting_at": stamp(begins),
        "ending_at": stamp(begins + days(1 / 24)),
        "location": words.place(random),
        "video_conferencing_url": f"https://meet.example/{place}",
        "application_id": application["id"],
        "stage_id": application["current_stage_id"],
        "canceled": False,
        "user_ids": [source.id("ats_users", each) for each in interviewers],
    }
    return interview, application["remote_created_at"]


def _offer(source: Source, place: int, random: Random) -> tuple[Record, str]:
    application = source.record("ats_applications", place * len(OUTCOMES) + len(OUTCOMES) - 1)
    begins = day(source.born + days(random.randint(10, 60)))
    offer = {"status": "ACCEPTED", "employment_start_date": begins, "application_id": application["id"]}
    return offer, application["remote_created_at"]


def _note(source: Source, place: int, random: Random) -> tuple[Record, str]:
    application = source.record("ats_applications", place * 4)
    note = {
        "candidate_id": application["candidate_id"],
        "application_id": application["id"],
        "author_id": source.pick("ats_users", random),
        "title": "First call",
        "content_html": "<p>Friendly, prepared, could start next month.</p>",
        "is_private": False,
    }
    return note, application["remote_created_at"]


def _scorecard(source: Source, place: int, random: Random) -> tuple[Record, str]:
    interview = source.record("ats_interviews", place)
    options = [{"remote_id": str(n), "label": label} for n, label in enumerate(("No", "Yes", "Strong yes"))]
    common: dict[str, Any] = {"remote_id": None, "description": None, "required": True}
    candidate, _ = _candidate_and_job(source, place * 3)
    scorecard = {
        "candidate_id": source.id("ats_candidates", candidate),
        "application_id": interview["application_id"],
        "interview_id": interview["id"],
        "author_id": interview["user_ids"][0],
        "responses": [
            {**common, "type": "TEXT", "label": "Summary", "answer": "Knows the field well."},
            {**common, "type": "NUMBER", "label": "Rating", "answer": random.randint(1, 5)},
            {**common, "type": "SINGLE_SELECT", "label": "Hire?", "options": options, "answer": options[1]},
        ],
    }
    return scorecard, interview["remote_created_at"]


def _attachment(source: Source, place: int, random: Random) -> tuple[Record, str]:
    candidate = source.record("ats_candidates", place * 2)
    attachment = {
        "candidate_id": candidate["id"],
        "application_id": source.id("ats_applications", place * 2) if source.sizes.jobs else None,
        "type": "CV",
        "file_name": f"CV {candidate['first_name']} {candidate['last_name']}.pdf",
        "content_type": "application/pdf",
    }
    return attachment, candidate["remote_created_at"]


def cv(record: Record) -> bytes:
    """The file of an initial attachment: one page with the name on it."""
    name = str(record["file_name"]).removeprefix("CV ").removesuffix(".pdf").encode("latin-1", "replace")
    escaped = name.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
    text = b"BT /F1 24 Tf 72 720 Td (" + escaped + b") Tj ET"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n" % len(text) + text + b"\nendstream",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    ]
    whole = b"%PDF-1.4\n"
    offsets: list[int] = []
    for number, each in enumerate(objects, 1):
        offsets.append(len(whole))
        whole += b"%d 0 obj\n" % number + each + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    start = len(whole)
    whole += b"xref\n0 6\n0000000000 65535 f \n" + table
    return whole + b"trailer\n<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % start


def _every(each: int, offset: int = 0) -> Any:
    """The places of records that belong to every *each*-th application, by its ID."""

    def places(source: Source, value: Any) -> Iterable[int]:
        place = source.place("ats_applications", value)
        return () if place is None or place % each != offset else (place // each,)

    return places


def _attached(source: Source, value: Any) -> Iterable[int]:
    place = source.place("ats_candidates", value)
    return () if place is None or place % 2 else (place // 2,)


def _attached_to_application(source: Source, value: Any) -> Iterable[int]:
    place = source.place("ats_applications", value)
    return () if place is None or place % 2 or place >= source.sizes.candidates else (place // 2,)


def _interviews(source: Source) -> int:
    return -(-_applications(source) // 3)


TABLES: Mapping[str, Table] = {
    "ats_roles": Table(fixed(len(ROLES)), _role),
    "ats_users": Table(lambda source: max(4, source.sizes.jobs // 2), _user),
    "ats_application_stages": Table(fixed(len(STAGES)), _stage),
    "ats_tags": Table(fixed(len(TAGS)), _tag),
    "ats_rejection_reasons": Table(fixed(len(REASONS)), _reason),
    "ats_jobs": Table(lambda source: source.sizes.jobs, _job),
    "ats_candidates": Table(
        lambda source: source.sizes.candidates,
        _candidate,
        {"emails": numbered_email},
        {
            "job_ids": _jobs_of,
            "first_name~": lambda source, place: (words.name_at(_salt(source) + place)[0].lower(),),
            "last_name~": lambda source, place: (words.name_at(_salt(source) + place)[1].lower(),),
            "changed_at": lambda source, place: (_known(source, place),),
        },
        settled=0.9,
    ),
    "ats_applications": Table(
        _applications,
        _application,
        {"candidate_id": _of_candidate},
        {
            "job_id": lambda source, place: (source.id("ats_jobs", _candidate_and_job(source, place)[1]),),
            "current_stage_id": lambda source, place: (_stage_of(source, place),),
            "outcome~": lambda _, place: (OUTCOMES[place % len(OUTCOMES)].lower(),),
            **dict.fromkeys(
                ("remote_created_at", "changed_at"),
                lambda source, place: (_known(source, _candidate_and_job(source, place)[0]),),
            ),
        },
        settled=0.9,
    ),
    "ats_interviews": Table(_interviews, _interview, {"application_id": _every(3)}),
    "ats_offers": Table(
        lambda source: _applications(source) // len(OUTCOMES),
        _offer,
        {"application_id": _every(len(OUTCOMES), len(OUTCOMES) - 1)},
    ),
    "ats_notes": Table(lambda source: -(-_applications(source) // 4), _note, {"application_id": _every(4)}),
    "ats_scorecards": Table(
        _interviews, _scorecard, {"application_id": _every(3), "interview_id": owned("ats_interviews")}
    ),
    "ats_attachments": Table(
        lambda source: -(-source.sizes.candidates // 2),
        _attachment,
        {"candidate_id": _attached, "application_id": _attached_to_application},
    ),
}
