"""Pay runs and payslips, and the positions that a company wants to fill."""

from __future__ import annotations

from random import Random
from typing import Any

from kombo_async.sandbox._seed import words
from kombo_async.sandbox._seed.seeding import Filler
from kombo_async.sandbox._state.clock import days, stamp
from kombo_async.sandbox._state.ids import make_id
from kombo_async.sandbox._state.sizes import Sizes
from kombo_async.sandbox._state.store import World

_STATUSES = ("OPEN_LIMITED", "OPEN_UNLIMITED", "PENDING", "FROZEN", "FILLED", "CLOSED")


def _euros(value: float) -> dict[str, Any]:
    return {"currency": "EUR", "value": round(value, 2)}


def _totals(gross: float) -> dict[str, Any]:
    return {"gross_pay": _euros(gross), "net_pay": _euros(gross * 0.62), "paid_amount": _euros(gross * 0.62)}


def _pay_runs(world: World, sizes: Sizes, random: Random) -> None:
    employees = max(1, len(world.table("hris_employees")))
    for entity in world.table("hris_legal_entities"):
        for back in (3, 2, 1):
            last = world.born - days(30 * back)
            run = {
                "start_date": f"{last - days(29):%Y-%m-%d}",
                "end_date": f"{last:%Y-%m-%d}",
                "legal_entity_id": entity.id,
                "totals": _totals(4_000.0 * employees),
            }
            world.add("hris_pay_runs", run, at=stamp(last))


def _payslips(world: World, sizes: Sizes, random: Random) -> None:
    runs = world.table("hris_pay_runs")
    for employee in world.table("hris_employees"):
        for run in runs:
            if run.data["legal_entity_id"] == employee.data["legal_entity_id"]:
                gross = random.randrange(3_000, 9_000, 50)
                amounts = (("salary", gross), ("tax", -gross * 0.25), ("insurance", -gross * 0.13))
                payslip = {
                    "employee_id": employee.id,
                    "pay_run_id": run.id,
                    "legal_entity_id": run.data["legal_entity_id"],
                    "totals": _totals(gross),
                    "line_items": [
                        {
                            "id": make_id(employee.id, run.id, name),
                            "remote_id": name,
                            "name": name.title(),
                            "amount": _euros(amount),
                        }
                        for name, amount in amounts
                    ],
                }
                world.add("hris_payslips", payslip, at=run.data["changed_at"])


def _staffing_entities(world: World, sizes: Sizes, random: Random) -> None:
    locations = world.table("hris_locations")
    entities = world.table("hris_legal_entities")
    groups = world.table("hris_groups")
    levels = [
        {"id": make_id(world.seed, "level", name), "remote_id": name, "name": name} for name in ("Basic", "Expert")
    ]
    for number in range(max(6, sizes.jobs)):
        department = words.DEPARTMENTS[number % len(words.DEPARTMENTS)]
        skill = words.SKILLS[number % len(words.SKILLS)]
        skill_id = make_id(world.seed, world.integration_id, "staffing skill", skill)
        created = stamp(world.born - days(random.randint(10, 200)))
        entity: dict[str, Any] = {
            "name": random.choice(words.JOB_TITLES[department]),
            "model_type": ("JOB", "POSITION", "REQUISITION")[number % 3],
            "description": f"We need more people in {department}.",
            "status": _STATUSES[number % len(_STATUSES)],
            "employment_types": [{"remote_label": "Full-time", "unified_type": "FULL_TIME"}],
            "number_of_openings": random.randint(1, 3),
            "parent_id": None,
            "remote_url": f"https://hr.example/positions/{number + 1}",
            "location_ids": [random.choice(locations).id],
            "legal_entity_ids": [random.choice(entities).id],
            "group_ids": [groups[(number % len(words.DEPARTMENTS)) * 2].id],
            "skills": [
                {
                    "skill_id": skill_id,
                    "skill": {
                        "id": skill_id,
                        "remote_id": skill.lower(),
                        "name": skill,
                        "proficiency_scale": {
                            "id": make_id(skill_id, "scale"),
                            "remote_id": "scale",
                            "type": "SINGLE_SELECT",
                            "ordered_options": levels,
                        },
                    },
                    "expected_proficiency": {"type": "SINGLE_SELECT", "selected_option_id": levels[1]["id"]},
                }
            ],
        }
        world.add("hris_staffing_entities", entity, at=created)


FILLERS: dict[str, Filler] = {
    "hris_pay_runs": _pay_runs,
    "hris_payslips": _payslips,
    "hris_staffing_entities": _staffing_entities,
}
