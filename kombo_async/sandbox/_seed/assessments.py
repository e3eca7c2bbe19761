"""Assessments: the available packages, and orders for candidates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kombo_async.sandbox._seed import words
from kombo_async.sandbox._seed.quick_random import Random
from kombo_async.sandbox._seed.source import Source, Table, ago, fixed, hash_of
from kombo_async.sandbox._state.clock import days, stamp
from kombo_async.sandbox._state.ids import make_number
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.store import World

_PACKAGES = (("Personality", "BEHAVIORAL"), ("Coding skills", "SKILLS_TEST"), ("Background", "BACKGROUND_CHECK"))
_STATUSES = ("OPEN", "OPEN", "COMPLETED", "CANCELLED", "REJECTED")


def _package(source: Source, place: int, random: Random) -> tuple[Record, str]:
    name, kind = _PACKAGES[place]
    at = stamp(source.born - days(50))
    return {"name": name, "description": f"{name}, in 30 minutes.", "type": kind, "updated_at": at}, at


def _seeded_order(source: Source, place: int, random: Random) -> tuple[Record, str]:
    packages = source.ids("assessment_packages")
    key = (source.seed, source.integration_id, "order", place)
    order = _order(key, place, packages, random, _STATUSES[place % len(_STATUSES)])
    return order, _placed_at(source, place)


def _placed_at(source: Source, place: int) -> str:
    return stamp(ago(source, place, 16, 0.1, 40))


def _placed(source: Source, place: int) -> Iterable[str]:
    return (_placed_at(source, place),)


def place_order(world: World) -> Record:
    """A new order."""
    number = len(world.table("assessment_orders"))
    packages = [record.id for record in world.table("assessment_packages") if not record.deleted]
    key = (world.seed, world.integration_id, "order", number)
    random = Random(hash_of(*key))
    return world.add("assessment_orders", _order(key, number, packages, random, "OPEN")).data


def _order(
    key: tuple[object, ...], number: int, packages: Sequence[str], random: Random, status: str
) -> dict[str, Any]:
    first_name, last_name = words.name(random)
    recruiter = words.name(random)
    department = random.choice(words.DEPARTMENTS)
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


TABLES: Mapping[str, Table] = {
    "assessment_packages": Table(fixed(len(_PACKAGES)), _package),
    "assessment_orders": Table(
        lambda source: source.sizes.orders,
        _seeded_order,
        values={
            "status": lambda _, place: (_STATUSES[place % len(_STATUSES)],),
            "status~": lambda _, place: (_STATUSES[place % len(_STATUSES)].lower(),),
            "remote_created_at": _placed,
            "changed_at": _placed,
        },
    ),
}
