"""Assessments: the packages on offer, and orders for candidates."""

from __future__ import annotations

from random import Random
from typing import Any

from kombo_async.sandbox._seed import words
from kombo_async.sandbox._seed.seeding import Filler
from kombo_async.sandbox._state.clock import days, stamp
from kombo_async.sandbox._state.ids import make_id, make_number
from kombo_async.sandbox._state.sizes import Sizes
from kombo_async.sandbox._state.store import World

_PACKAGES = (("Personality", "BEHAVIORAL"), ("Coding skills", "SKILLS_TEST"), ("Background", "BACKGROUND_CHECK"))
_STATUSES = ("OPEN", "OPEN", "COMPLETED", "CANCELLED", "REJECTED")


def _packages(world: World, sizes: Sizes, random: Random) -> None:
    for name, kind in _PACKAGES:
        id = make_id(world.seed, world.integration_id, "package", name)
        at = stamp(world.born - days(50))
        package = {"id": id, "name": name, "description": f"{name}, in 30 minutes.", "type": kind, "updated_at": at}
        world.add("assessment_packages", package, at=at)


def _orders(world: World, sizes: Sizes, random: Random) -> None:
    for number in range(sizes.orders):
        order = _order(world, number, random, _STATUSES[number % len(_STATUSES)])
        world.add("assessment_orders", order, at=stamp(world.born - days(random.uniform(0.1, 40))))


def place_order(world: World) -> dict[str, Any]:
    """An order that comes now."""
    number = len(world.table("assessment_orders"))
    random = Random(f"{world.seed}/{world.integration_id}/order/{number}")  # noqa: S311 - the same seed, the same order
    return world.add("assessment_orders", _order(world, number, random, "OPEN")).data


def _order(world: World, number: int, random: Random, status: str) -> dict[str, Any]:
    packages = [row.id for row in world.table("assessment_packages") if not row.deleted]
    first_name, last_name = words.name(random)
    recruiter = words.name(random)
    department = random.choice(words.DEPARTMENTS)
    key = (world.seed, world.integration_id, "order", number)
    return {
        "package_id": random.choice(packages),
        "status": status,
        "candidate": {
            "remote_id": make_number(*key, "candidate"),
            "email": words.address_of(first_name, last_name, "mail.example", number),
            "first_name": first_name,
            "last_name": last_name,
            "phone": words.phone(random),
        },
        "application": {"remote_id": make_number(*key, "application")},
        "job": {
            "remote_id": make_number(*key, "job"),
            "name": random.choice(words.JOB_TITLES[department]),
            "job_code": f"{department[:3].upper()}-{number:03}",
            "description": None,
            "location": words.place(random),
            "hiring_team": [
                {
                    "remote_id": make_number(*key, "recruiter"),
                    "email": words.address_of(*recruiter, "acme.example", number),
                    "first_name": recruiter[0],
                    "last_name": recruiter[1],
                    "hiring_team_roles": ["RECRUITER"],
                }
            ],
        },
    }


FILLERS: dict[str, Filler] = {"assessment_packages": _packages, "assessment_orders": _orders}
