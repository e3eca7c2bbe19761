"""Learning: courses with their revisions, learners, and their progress."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from kombo_async.sandbox._seed import words
from kombo_async.sandbox._seed.quick_random import Random
from kombo_async.sandbox._seed.source import Source, Table, addressed, ago, fixed, mix, nowhere, owned
from kombo_async.sandbox._state.clock import days, stamp
from kombo_async.sandbox._state.ids import make_id, place_of
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
    return user, _joined_at(source, place)


def _joined_at(source: Source, place: int) -> str:
    return stamp(ago(source, place, 24, 10, 500))


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
    created = _created_at(source, place)
    title = TITLES[place % len(TITLES)] + (f" {place // len(TITLES) + 1}" if place >= len(TITLES) else "")
    description = f"What everyone should know about it: {title}."
    url = f"https://learn.example/courses/{place + 1}"
    provider = {"id": source.make_id("provider"), "remote_id": "1", "name": "Acme Academy"}
    course: dict[str, Any] = {
        "provider_id": provider["id"],
        "origin_id": None,
        "provider": provider,
        "skill_ids": [_skill_of(source, place)],
        "revisions": [
            revision(
                id,
                created,
                id=source.id("lms_course_revisions", place),
                title=title,
                description=description,
                remote_url=url,
            )
        ],
    }
    return course, created


def _created_at(source: Source, place: int) -> str:
    return stamp(ago(source, place, 25, 110, 400))


def _skill_of(source: Source, place: int) -> str:
    return source.id("lms_skills", mix(place, 26, len(words.SKILLS)))


def _with_revision(source: Source, value: Any) -> Iterable[int]:
    place = place_of(source.key("lms_course_revisions"), str(value))
    return () if place is None else (place,)


def _users(source: Source) -> int:
    return max(5, source.sizes.employees // 2)


def _each(source: Source) -> int:
    """How many courses each learner takes."""
    return min(2, source.sizes.courses)


def _course_of(source: Source, progression: int) -> int:
    user, number = divmod(progression, _each(source))
    return (user * 3 + number) % source.sizes.courses


def _in_course(source: Source, value: Any) -> Iterable[int]:
    """The progressions in a course: the inverse of `_course_of`."""
    course, courses, each = source.place("lms_courses", value), source.sizes.courses, _each(source)
    if course is None:
        return ()
    sums = [(number, course - number + more * courses) for number in range(each) for more in range(4)]
    found = (
        (user * each + number)
        for number, first in sums
        if first >= 0 and first % 3 == 0
        for user in range(first // 3, _users(source), courses)
    )
    return sorted({*found})


def _status_of(place: int) -> str:
    return ("ENROLLED", "IN_PROGRESS", "COMPLETED", "DROPPED")[mix(place, 27, 4)]


def _enrolled(source: Source, place: int) -> datetime:
    return ago(source, place, 28, 5, 100)


def _completed_at(source: Source, place: int) -> str | None:
    return stamp(_enrolled(source, place) + days(4)) if _status_of(place) == "COMPLETED" else None


def _progressed_at(source: Source, place: int) -> str:
    return _completed_at(source, place) or stamp(_enrolled(source, place))


def _progression(source: Source, place: int, random: Random) -> tuple[Record, str]:
    user = place // _each(source)
    course = source.record("lms_courses", _course_of(source, place))
    progression = {
        "user_id": source.id("lms_users", user),
        "course_id": course["id"],
        "course_revision_id": course["revisions"][0]["id"],
        "status": _status_of(place),
        "enrolled_at": max(stamp(_enrolled(source, place)), course["remote_created_at"]),
        "completed_at": _completed_at(source, place),
    }
    return progression, _progressed_at(source, place)


def _of_user(source: Source, value: Any) -> Any:
    return owned("lms_users", _each(source))(source, value)


TABLES: Mapping[str, Table] = {
    "lms_users": Table(
        _users,
        _user,
        dict.fromkeys(("work_email", "work_email~"), addressed("lms_users", "work_email")),
        {"changed_at": lambda source, place: (_joined_at(source, place),)},
    ),
    "lms_skills": Table(fixed(len(words.SKILLS)), _skill),
    "lms_courses": Table(
        lambda source: source.sizes.courses,
        _course,
        {"origin_id": nowhere, "revision_ids": _with_revision},
        {
            "skill_ids": lambda source, place: (_skill_of(source, place),),
            "changed_at": lambda source, place: (_created_at(source, place),),
        },
    ),
    "lms_course_progressions": Table(
        lambda source: _users(source) * _each(source),
        _progression,
        {"user_id": _of_user, "course_id": _in_course},
        {"changed_at": lambda source, place: (_progressed_at(source, place),)},
    ),
}
