"""Learning: courses with their revisions, learners, and their progress."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from kombo_async.sandbox._seed import words
from kombo_async.sandbox._seed.source import Source, Table, fixed, numbered_email, owned
from kombo_async.sandbox._state.clock import days, parse, stamp
from kombo_async.sandbox._state.ids import make_id
from kombo_async.sandbox._state.indexes import Record

TITLES = ("Security basics", "Giving feedback", "First aid", "GDPR in practice", "Time management", "Data literacy")


def _user(source: Source, place: int, random: Random) -> tuple[Record, str]:
    first_name, last_name = words.name(random)
    user = {
        "first_name": first_name,
        "last_name": last_name,
        "work_email": words.address_of(first_name, last_name, "acme.example", place),
        "status": "ACTIVE" if place % 10 != 9 else "INACTIVE",
    }
    return user, stamp(source.born - days(random.uniform(10, 500)))


def _skill(source: Source, place: int, random: Random) -> tuple[Record, str]:
    return {"name": words.SKILLS[place]}, stamp(source.born - days(300))


def revision(course: str, created: str, **fields: Any) -> dict[str, Any]:
    """A revision of a course, with what learners see."""
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


def _course(source: Source, place: int, random: Random) -> tuple[Record, str]:
    id = source.id("lms_courses", place)
    created = stamp(source.born - days(random.uniform(110, 400)))
    title = TITLES[place % len(TITLES)] + (f" {place // len(TITLES) + 1}" if place >= len(TITLES) else "")
    description = f"What everyone should know about it: {title}."
    url = f"https://learn.example/courses/{place + 1}"
    provider = {"id": source.make_id("provider"), "remote_id": "1", "name": "Acme Academy"}
    course: dict[str, Any] = {
        "provider_id": provider["id"],
        "origin_id": None,
        "provider": provider,
        "skill_ids": [source.pick("lms_skills", random)],
        "revisions": [revision(id, created, title=title, description=description, remote_url=url)],
    }
    return course, created


def _users(source: Source) -> int:
    return max(5, source.sizes.employees // 2)


def _each(source: Source) -> int:
    """How many courses each learner takes."""
    return min(2, source.sizes.courses)


def _course_of(source: Source, progression: int) -> int:
    user, number = divmod(progression, _each(source))
    return (user * 3 + number) % source.sizes.courses


def _progression(source: Source, place: int, random: Random) -> tuple[Record, str]:
    user = place // _each(source)
    course = source.record("lms_courses", _course_of(source, place))
    status = ("ENROLLED", "IN_PROGRESS", "COMPLETED", "DROPPED")[random.randrange(4)]
    enrolled = source.born - days(random.uniform(5, 100))
    completed = stamp(enrolled + days(4)) if status == "COMPLETED" else None
    progression = {
        "user_id": source.id("lms_users", user),
        "course_id": course["id"],
        "course_revision_id": course["revisions"][0]["id"],
        "status": status,
        "enrolled_at": stamp(max(enrolled, parse(course["remote_created_at"]))),
        "completed_at": completed,
    }
    return progression, completed or stamp(enrolled)


def _of_user(source: Source, value: Any) -> Any:
    return owned("lms_users", _each(source))(source, value)


TABLES: Mapping[str, Table] = {
    "lms_users": Table(_users, _user, dict.fromkeys(("work_email", "work_email~"), numbered_email)),
    "lms_skills": Table(fixed(len(words.SKILLS)), _skill),
    "lms_courses": Table(lambda source: source.sizes.courses, _course),
    "lms_course_progressions": Table(
        lambda source: _users(source) * _each(source),
        _progression,
        {"user_id": _of_user},
        {"course_id": lambda source, place: (source.id("lms_courses", _course_of(source, place)),)},
    ),
}
