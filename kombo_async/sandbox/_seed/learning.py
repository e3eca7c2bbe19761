"""Learning: courses with their revisions, learners, and how far they are."""

from __future__ import annotations

from random import Random
from typing import Any

from kombo_async.sandbox._seed import words
from kombo_async.sandbox._seed.seeding import Filler
from kombo_async.sandbox._state.clock import days, stamp
from kombo_async.sandbox._state.ids import make_id
from kombo_async.sandbox._state.sizes import Sizes
from kombo_async.sandbox._state.store import World

TITLES = ("Security basics", "Giving feedback", "First aid", "GDPR in practice", "Time management", "Data literacy")


def _users(world: World, sizes: Sizes, random: Random) -> None:
    for number in range(max(5, sizes.employees // 2)):
        first_name, last_name = words.name(random)
        user = {
            "first_name": first_name,
            "last_name": last_name,
            "work_email": words.address_of(first_name, last_name, "acme.example", number),
            "status": "ACTIVE" if number % 10 != 9 else "INACTIVE",
        }
        world.add("lms_users", user, at=stamp(world.born - days(random.uniform(10, 500))))


def _skills(world: World, sizes: Sizes, random: Random) -> None:
    for name in words.SKILLS:
        world.add("lms_skills", {"name": name}, at=stamp(world.born - days(300)))


def revision(course: str, created: str, **fields: Any) -> dict[str, Any]:
    """A revision of a course, which holds what learners see of it."""
    return {
        "id": make_id(course, "revision", created),
        "remote_id": make_id(course, "remote revision")[:8],
        "course_id": course,
        "description": None,
        "remote_url": None,
        "status": "ACTIVE",
        "remote_created_at": created,
        "remote_deleted_at": None,
        "changed_at": created,
        "remote_data": None,
        "custom_fields": {},
        "integration_fields": [],
        **fields,
    }


def _courses(world: World, sizes: Sizes, random: Random) -> None:
    skills = world.table("lms_skills")
    provider = {"id": make_id(world.seed, world.integration_id, "provider"), "remote_id": "1", "name": "Acme Academy"}
    for number in range(sizes.courses):
        id = world.next_id("lms_courses")
        created = stamp(world.born - days(random.uniform(30, 400)))
        title = TITLES[number % len(TITLES)] + (f" {number // len(TITLES) + 1}" if number >= len(TITLES) else "")
        description = f"What everyone should know about it: {title}."
        url = f"https://learn.example/courses/{number + 1}"
        course: dict[str, Any] = {
            "id": id,
            "provider_id": provider["id"],
            "origin_id": None,
            "provider": provider,
            "skill_ids": [random.choice(skills).id],
            "revisions": [revision(id, created, title=title, description=description, remote_url=url)],
        }
        world.add("lms_courses", course, at=created)


def _progressions(world: World, sizes: Sizes, random: Random) -> None:
    courses = world.table("lms_courses")
    for user in world.table("lms_users"):
        for course in random.sample(courses, min(2, len(courses))):
            status = random.choice(("ENROLLED", "IN_PROGRESS", "COMPLETED", "DROPPED"))
            enrolled = world.born - days(random.uniform(5, 100))
            completed = stamp(enrolled + days(4)) if status == "COMPLETED" else None
            progression = {
                "user_id": user.id,
                "course_id": course.id,
                "course_revision_id": course.data["revisions"][0]["id"],
                "status": status,
                "enrolled_at": stamp(enrolled),
                "completed_at": completed,
            }
            world.add("lms_course_progressions", progression, at=completed or stamp(enrolled))


FILLERS: dict[str, Filler] = {
    "lms_users": _users,
    "lms_skills": _skills,
    "lms_courses": _courses,
    "lms_course_progressions": _progressions,
}
