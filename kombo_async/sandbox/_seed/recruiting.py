"""Recruiting: users and roles, jobs with stages and questions, candidates who apply for them, and what follows."""

from __future__ import annotations

from random import Random
from typing import Any

from kombo_async.sandbox._seed import words
from kombo_async.sandbox._seed.questions import questions
from kombo_async.sandbox._seed.seeding import Filler
from kombo_async.sandbox._state.clock import day, days, stamp
from kombo_async.sandbox._state.ids import make_id, make_number
from kombo_async.sandbox._state.sizes import Sizes
from kombo_async.sandbox._state.store import World

STAGES = ("Applied", "Screening", "Interview", "Offer", "Hired")
REASONS = ("Not enough experience", "Salary expectations too high", "Position filled", "Withdrew", "Other")
ROLES = (
    ("Site Admin", "SYSTEM", "ADMIN"),
    ("Recruiter", "JOB", "RECRUITER"),
    ("Hiring Manager", "JOB", "HIRING_MANAGER"),
    ("Interviewer", "JOB", "INTERVIEWER"),
)


def _roles(world: World, sizes: Sizes, random: Random) -> None:
    for label, scope, kind in ROLES:
        role = {"remote_label": label, "scope": scope, "unified_type": kind}
        world.add("ats_roles", role, at=stamp(world.born - days(900)))


def _users(world: World, sizes: Sizes, random: Random) -> None:
    roles = world.table("ats_roles")
    for number in range(max(4, sizes.jobs // 2)):
        first_name, last_name = words.name(random)
        user = {
            "first_name": first_name,
            "last_name": last_name,
            "email": words.address_of(first_name, last_name, "acme.example", number),
            "status": "ACTIVE" if number % 9 != 8 else "INACTIVE",
            "role_ids": [roles[0].id] if number == 0 else [],
        }
        world.add("ats_users", user, at=stamp(world.born - days(800 - number)))


def _stages(world: World, sizes: Sizes, random: Random) -> None:
    for index, name in enumerate(STAGES):
        stage = {"name": name, "index": index, "status": "ACTIVE"}
        world.add("ats_application_stages", stage, at=stamp(world.born - days(850)))


def _tags(world: World, sizes: Sizes, random: Random) -> None:
    for name in ("Referral", "Silver medalist", "Relocation", "Urgent"):
        world.add("ats_tags", {"name": name}, at=stamp(world.born - days(700)))


def _reasons(world: World, sizes: Sizes, random: Random) -> None:
    for name in REASONS:
        world.add("ats_rejection_reasons", {"name": name}, at=stamp(world.born - days(850)))


def _jobs(world: World, sizes: Sizes, random: Random) -> None:
    stage_ids = [row.id for row in world.table("ats_application_stages")]
    users = [row.id for row in world.table("ats_users")]
    roles = world.table("ats_roles")
    for number in range(sizes.jobs):
        department = words.DEPARTMENTS[number % len(words.DEPARTMENTS)]
        title = random.choice(words.JOB_TITLES[department])
        # The first jobs are always open; later on, one in ten is closed and one in ten a draft.
        status = {8: "CLOSED", 9: "DRAFT"}.get(number % 10, "OPEN")
        opened = world.born - days(random.randint(20, 200))
        salary = random.randrange(42_000, 95_000, 1_000)
        recruiter, manager = random.sample(users, 2)
        url = f"https://jobs.acme.example/{number + 1}"
        job: dict[str, Any] = {
            "name": title,
            "job_code": f"{department[:3].upper()}-{number + 1:03}",
            "description": f"<p>We are looking for a {title} in our {department} team.</p>",
            "confidential": False,
            "weekly_hours": 40,
            "employment_type": "FULL_TIME" if number % 4 else "PART_TIME",
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
            "remote_url": f"https://{world.integration_id.partition(':')[0]}.example/jobs/{number + 1}",
            "opened_at": stamp(opened),
            "closed_at": stamp(world.born - days(5)) if status == "CLOSED" else None,
            "remote_created_at": stamp(opened),
            "stage_ids": stage_ids,
            "screening_questions": questions(world, number),
            "team_ids": [recruiter, manager],
            "team_role_ids": [roles[1].id, roles[2].id],
            "team_roles": {recruiter: roles[1].id, manager: roles[2].id},
            "job_postings": [
                {
                    "id": make_id(world.seed, world.integration_id, "ats_job_postings", number),
                    "remote_id": make_number(world.seed, world.integration_id, "posting", number),
                    "title": title,
                    "description_html": f"<p>Join us as a {title}.</p>",
                    "status": "ACTIVE" if status == "OPEN" else "INACTIVE",
                    "visibility": "PUBLIC",
                    "url": url,
                    "remote_data": None,
                }
            ],
        }
        world.add("ats_jobs", job, at=stamp(opened + days(random.randint(0, 15))))


def _candidates(world: World, sizes: Sizes, random: Random) -> None:
    tags = [row.id for row in world.table("ats_tags")]
    for number in range(sizes.candidates):
        first_name, last_name = words.name(random)
        email = words.address_of(first_name, last_name, "mail.example", number)
        created = stamp(world.born - days(random.uniform(1, 120)))
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
            "social_media": [{"link": f"https://social.example/{first_name.lower()}{number}", "type": "LinkedIn"}],
            "location": words.place(random),
            "remote_url": f"https://{world.integration_id.partition(':')[0]}.example/people/{number + 1}",
            "tag_ids": random.sample(tags, random.choice((0, 0, 1, 2))),
        }
        world.add("ats_candidates", candidate, at=created)


def _applications(world: World, sizes: Sizes, random: Random) -> None:
    jobs = world.table("ats_jobs")
    reasons = world.table("ats_rejection_reasons")
    for number, candidate in enumerate(world.table("ats_candidates")):
        for job in random.sample(jobs, min(len(jobs), 1 if number % 5 else 2)):
            outcome = random.choice(("PENDING", "PENDING", "PENDING", "DECLINED", "HIRED"))
            stage_ids: list[str] = job.data["stage_ids"]
            place = len(stage_ids) - 1 if outcome == "HIRED" else random.randrange(len(stage_ids) - 1)
            created = candidate.data["remote_created_at"]
            application: dict[str, Any] = {
                "candidate_id": candidate.id,
                "job_id": job.id,
                "outcome": outcome,
                "current_stage_id": stage_ids[place],
                "rejection_reason_name": random.choice(reasons).data["name"] if outcome == "DECLINED" else None,
                "rejected_at": created if outcome == "DECLINED" else None,
                "screening_question_answers": [],
            }
            world.add("ats_applications", application, at=created)


def _interviews(world: World, sizes: Sizes, random: Random) -> None:
    users = [row.id for row in world.table("ats_users")]
    for number, application in enumerate(world.table("ats_applications")):
        if number % 3 == 0:
            begins = (world.born + days(random.randint(-30, 14))).replace(hour=9, minute=0, second=0, microsecond=0)
            interview: dict[str, Any] = {
                "title": "Interview",
                "starting_at": stamp(begins),
                "ending_at": stamp(begins + days(1 / 24)),
                "location": words.place(random),
                "video_conferencing_url": f"https://meet.example/{number}",
                "application_id": application.id,
                "stage_id": application.data["current_stage_id"],
                "canceled": False,
                "user_ids": random.sample(users, 2),
            }
            world.add("ats_interviews", interview, at=application.data["remote_created_at"])


def _offers(world: World, sizes: Sizes, random: Random) -> None:
    for application in world.table("ats_applications"):
        if application.data["outcome"] == "HIRED":
            offer = {
                "status": "ACCEPTED",
                "employment_start_date": day(world.born + days(random.randint(10, 60))),
                "application_id": application.id,
            }
            world.add("ats_offers", offer, at=application.data["remote_created_at"])


def _notes(world: World, sizes: Sizes, random: Random) -> None:
    users = [row.id for row in world.table("ats_users")]
    for number, application in enumerate(world.table("ats_applications")):
        if number % 4 == 0:
            note = {
                "candidate_id": application.data["candidate_id"],
                "application_id": application.id,
                "author_id": random.choice(users),
                "title": "First call",
                "content_html": "<p>Friendly, prepared, could start next month.</p>",
                "is_private": False,
            }
            world.add("ats_notes", note, at=application.data["remote_created_at"])


def _scorecards(world: World, sizes: Sizes, random: Random) -> None:
    for interview in world.table("ats_interviews"):
        application = world.get("ats_applications", interview.data["application_id"], "application")
        options = [{"remote_id": str(n), "label": label} for n, label in enumerate(("No", "Yes", "Strong yes"))]
        common: dict[str, Any] = {"remote_id": None, "description": None, "required": True}
        scorecard = {
            "candidate_id": application.data["candidate_id"],
            "application_id": application.id,
            "interview_id": interview.id,
            "author_id": interview.data["user_ids"][0],
            "responses": [
                {**common, "type": "TEXT", "label": "Summary", "answer": "Knows the field well."},
                {**common, "type": "NUMBER", "label": "Rating", "answer": random.randint(1, 5)},
                {**common, "type": "SINGLE_SELECT", "label": "Hire?", "options": options, "answer": options[1]},
            ],
        }
        world.add("ats_scorecards", scorecard, at=interview.data["remote_created_at"])


FILLERS: dict[str, Filler] = {
    "ats_roles": _roles,
    "ats_users": _users,
    "ats_application_stages": _stages,
    "ats_tags": _tags,
    "ats_rejection_reasons": _reasons,
    "ats_jobs": _jobs,
    "ats_candidates": _candidates,
    "ats_applications": _applications,
    "ats_interviews": _interviews,
    "ats_offers": _offers,
    "ats_notes": _notes,
    "ats_scorecards": _scorecards,
}
