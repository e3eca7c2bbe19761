"""Performance reviews, skills, and who has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kombo_async.sandbox._seed import words
from kombo_async.sandbox._seed.organization import managed_by
from kombo_async.sandbox._seed.quick_random import Random
from kombo_async.sandbox._seed.source import Source, Table, fixed, owned
from kombo_async.sandbox._state.clock import day, days, stamp
from kombo_async.sandbox._state.indexes import Record

LEVELS = ["Beginner", "Advanced", "Expert"]
CYCLES, SKILLS = 2, 2
"""How many reviews and skills each employee has."""


def _cycle(source: Source, place: int, random: Random) -> tuple[Record, str]:
    begins = source.born - days(180 * (CYCLES - place))
    return {"name": f"Review {begins:%B %Y}", "review_period_start_date": day(begins)}, stamp(begins)


def _review(source: Source, place: int, random: Random) -> tuple[Record, str]:
    employee = source.record("hris_employees", place // CYCLES + 1)  # nobody reviews the very first one
    cycle = _cycle_of(source, place)
    rating: dict[str, Any] = {"type": "NUMERIC", "min": 1, "max": 5, "value": random.randint(2, 5)}
    if place % CYCLES:
        options = ["Below expectations", "Meets expectations", "Exceeds expectations"]
        rating = {"type": "SINGLE_SELECT", "ordered_options": options, "value": random.choice(options)}
    review = {
        "type": "MANAGER",
        "summary_comment": "Reliable, and good to work with.",
        "summary_rating": rating,
        "reviewee_id": employee["id"],
        "reviewer_id": employee["manager_id"],
        "review_cycle_id": cycle["id"],
    }
    return review, cycle["changed_at"]


def _cycle_of(source: Source, place: int) -> Record:
    return source.record("hris_performance_review_cycles", place % CYCLES)


def _of_reviewee(source: Source, value: Any) -> Iterable[int]:
    place = source.place("hris_employees", value)
    return () if not place else range((place - 1) * CYCLES, place * CYCLES)


def _reviewed_by(source: Source, value: Any) -> Iterable[int]:
    reviewed = (place - 1 for place in managed_by(source, value))
    return (place * CYCLES + cycle for place in reviewed for cycle in range(CYCLES))


def _skill(source: Source, place: int, random: Random) -> tuple[Record, str]:
    skill = {"name": words.SKILLS[place], "description": None, "ordered_levels": LEVELS}
    return skill, stamp(source.born - days(400))


def _assignment(source: Source, place: int, random: Random) -> tuple[Record, str]:
    employee = place // SKILLS
    assignment = {
        "employee_id": source.id("hris_employees", employee),
        "skill_id": _skill_of(source, place),
        "current_level": random.choice(LEVELS),
    }
    return assignment, _assigned_at(source)


def _assigned_at(source: Source) -> str:
    return stamp(source.born - days(100))


def _skill_of(source: Source, place: int) -> str:
    employee, number = divmod(place, SKILLS)
    return source.id("hris_skills", (employee + number) % len(words.SKILLS))


TABLES: Mapping[str, Table] = {
    "hris_performance_review_cycles": Table(fixed(CYCLES), _cycle),
    "hris_performance_reviews": Table(
        lambda source: CYCLES * max(0, source.sizes.employees - 1),
        _review,
        {"reviewee_id": _of_reviewee, "reviewer_id": _reviewed_by},
        {
            "type~": lambda _, place: ("manager",),
            "review_cycle_id": lambda source, place: (_cycle_of(source, place)["id"],),
            "changed_at": lambda source, place: (_cycle_of(source, place)["changed_at"],),
        },
        fixed(CYCLES),
    ),
    "hris_skills": Table(fixed(len(words.SKILLS)), _skill),
    "hris_employee_skill_assignments": Table(
        lambda source: SKILLS * source.sizes.employees,
        _assignment,
        {"employee_id": owned("hris_employees", SKILLS)},
        {
            "skill_id": lambda source, place: (_skill_of(source, place),),
            "changed_at": lambda source, _: (_assigned_at(source),),
        },
        fixed(SKILLS * len(words.SKILLS)),
    ),
}
