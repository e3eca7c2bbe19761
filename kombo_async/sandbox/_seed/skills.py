"""Performance reviews, skills, and who has them."""

from __future__ import annotations

from random import Random
from typing import Any

from kombo_async.sandbox._seed import words
from kombo_async.sandbox._seed.seeding import Filler
from kombo_async.sandbox._state.clock import day, days, stamp
from kombo_async.sandbox._state.sizes import Sizes
from kombo_async.sandbox._state.store import World

LEVELS = ["Beginner", "Advanced", "Expert"]


def _cycles(world: World, sizes: Sizes, random: Random) -> None:
    for back in (2, 1):
        begins = world.born - days(180 * back)
        cycle = {"name": f"Review {begins:%B %Y}", "review_period_start_date": day(begins)}
        world.add("hris_performance_review_cycles", cycle, at=stamp(begins))


def _reviews(world: World, sizes: Sizes, random: Random) -> None:
    cycles = world.table("hris_performance_review_cycles")
    for employee in world.table("hris_employees"):
        if employee.data["manager_id"] is None:
            continue
        for number, cycle in enumerate(cycles):
            rating: dict[str, Any] = {"type": "NUMERIC", "min": 1, "max": 5, "value": random.randint(2, 5)}
            if number % 2:
                options = ["Below expectations", "Meets expectations", "Exceeds expectations"]
                rating = {"type": "SINGLE_SELECT", "ordered_options": options, "value": random.choice(options)}
            review = {
                "type": "MANAGER",
                "summary_comment": "Reliable, and good to work with.",
                "summary_rating": rating,
                "reviewee_id": employee.id,
                "reviewer_id": employee.data["manager_id"],
                "review_cycle_id": cycle.id,
            }
            world.add("hris_performance_reviews", review, at=cycle.data["changed_at"])


def _skills(world: World, sizes: Sizes, random: Random) -> None:
    for name in words.SKILLS:
        skill = {"name": name, "description": None, "ordered_levels": LEVELS}
        world.add("hris_skills", skill, at=stamp(world.born - days(400)))


def _assignments(world: World, sizes: Sizes, random: Random) -> None:
    skills = world.table("hris_skills")
    for employee in world.table("hris_employees"):
        for skill in random.sample(skills, 2):
            assignment = {"employee_id": employee.id, "skill_id": skill.id, "current_level": random.choice(LEVELS)}
            world.add("hris_employee_skill_assignments", assignment, at=stamp(world.born - days(100)))


FILLERS: dict[str, Filler] = {
    "hris_performance_review_cycles": _cycles,
    "hris_performance_reviews": _reviews,
    "hris_skills": _skills,
    "hris_employee_skill_assignments": _assignments,
}
