"""Pay runs and payslips, which add up, and the open positions of a company."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from kombo_async.sandbox._seed import words
from kombo_async.sandbox._seed.quick_random import Random
from kombo_async.sandbox._seed.source import Source, Table, fixed, mix, owned
from kombo_async.sandbox._state.clock import days, stamp
from kombo_async.sandbox._state.indexes import Record

_STATUSES = ("OPEN_LIMITED", "OPEN_UNLIMITED", "PENDING", "FROZEN", "FILLED", "CLOSED")
_KINDS = ("JOB", "POSITION", "REQUISITION")
MONTHS = 3
"""How many pay runs each legal entity has had."""
ENTITIES = 2
PARTS = (("salary", 100), ("tax", -25), ("insurance", -13))
"""The line items of a payslip, in per cent of the gross pay."""


def gross(employee: int) -> int:
    """What an employee earns in a month, in euros."""
    return 3_000 + employee * 37 % 120 * 50


def _euros(cents: int) -> dict[str, Any]:
    return {"currency": "EUR", "value": cents / 100}


def _totals(cents: int) -> dict[str, Any]:
    """The totals of a gross pay; a part in per cent of whole euros is a whole number of cents."""
    net = sum(cents * share // 100 for _, share in PARTS)
    return {"gross_pay": _euros(cents), "net_pay": _euros(net), "paid_amount": _euros(net)}


def entity_of(employee: int) -> int:
    """Which legal entity employs an employee."""
    return int(employee % 5 == 4)


def _pay_run(source: Source, place: int, random: Random) -> tuple[Record, str]:
    entity, month = divmod(place, MONTHS)
    last = source.born - days(30 * (MONTHS - month))
    everyone = range(source.sizes.employees)
    # What employees earn, and who employs them, repeats after this many of them.
    paid = sum(gross(each) * len(everyone[each::120]) for each in range(120) if entity_of(each) == entity)
    run = {
        "start_date": f"{last - days(29):%Y-%m-%d}",
        "end_date": f"{last:%Y-%m-%d}",
        "legal_entity_id": source.id("hris_legal_entities", entity),
        "totals": _totals(paid * 100),
    }
    return run, stamp(last)


def _payslip(source: Source, place: int, random: Random) -> tuple[Record, str]:
    employee = place // MONTHS
    run = _run_of(source, place)
    cents = gross(employee) * 100
    id = source.id("hris_employees", employee)
    payslip = {
        "employee_id": id,
        "pay_run_id": run["id"],
        "legal_entity_id": run["legal_entity_id"],
        "totals": _totals(cents),
        "line_items": [
            {
                "id": source.make_id("line item", place, name),
                "remote_id": name,
                "name": name.title(),
                "amount": _euros(cents * share // 100),
            }
            for name, share in PARTS
        ],
    }
    return payslip, run["changed_at"]


def _run_of(source: Source, place: int) -> Record:
    employee, month = divmod(place, MONTHS)
    return source.record("hris_pay_runs", entity_of(employee) * MONTHS + month)


def _staffing_entity(source: Source, place: int, random: Random) -> tuple[Record, str]:
    department = words.DEPARTMENTS[place % len(words.DEPARTMENTS)]
    skill = words.SKILLS[place % len(words.SKILLS)]
    skill_id = source.make_id("staffing skill", skill)
    levels = [{"id": source.make_id("level", name), "remote_id": name, "name": name} for name in ("Basic", "Expert")]
    entity: dict[str, Any] = {
        "name": random.choice(words.JOB_TITLES[department]),
        "model_type": _KINDS[place % len(_KINDS)],
        "description": f"We need more people in {department}.",
        "status": _STATUSES[place % len(_STATUSES)],
        "employment_types": [{"remote_label": "Full-time", "unified_type": "FULL_TIME"}],
        "number_of_openings": random.randint(1, 3),
        "parent_id": None,
        "remote_url": f"https://hr.example/positions/{place + 1}",
        "location_ids": _any_of(source, place, "hris_locations"),
        "legal_entity_ids": _any_of(source, place, "hris_legal_entities"),
        "group_ids": _groups_of(source, place),
        "skills": [
            {
                "skill_id": skill_id,
                "skill": {
                    "id": skill_id,
                    "remote_id": skill.lower(),
                    "name": skill,
                    "proficiency_scale": {
                        "id": source.make_id(skill_id, "scale"),
                        "remote_id": "scale",
                        "type": "SINGLE_SELECT",
                        "ordered_options": levels,
                    },
                },
                "expected_proficiency": {"type": "SINGLE_SELECT", "selected_option_id": levels[1]["id"]},
            }
        ],
    }
    return entity, _opened_at(source, place)


def _any_of(source: Source, place: int, name: str) -> list[str]:
    return [source.id(name, mix(place, 17, source.count(name)))]


def _groups_of(source: Source, place: int) -> list[str]:
    return [source.id("hris_groups", place % len(words.DEPARTMENTS) * 2)]


def _opened_at(source: Source, place: int) -> str:
    return stamp(source.born - days(10 + mix(place, 18, 191)))


TABLES: Mapping[str, Table] = {
    "hris_pay_runs": Table(fixed(ENTITIES * MONTHS), _pay_run),
    "hris_payslips": Table(
        lambda source: source.sizes.employees * MONTHS,
        _payslip,
        {"employee_id": owned("hris_employees", MONTHS)},
        {
            "pay_run_id": lambda source, place: (_run_of(source, place)["id"],),
            "legal_entity_id": lambda source, place: (_run_of(source, place)["legal_entity_id"],),
            "changed_at": lambda source, place: (_run_of(source, place)["changed_at"],),
        },
        fixed(MONTHS * 5),
    ),
    "hris_staffing_entities": Table(
        lambda source: max(6, source.sizes.jobs),
        _staffing_entity,
        values={
            "model_type~": lambda _, place: (_KINDS[place % len(_KINDS)].lower(),),
            "status~": lambda _, place: (_STATUSES[place % len(_STATUSES)].lower(),),
            "location_ids": partial(_any_of, name="hris_locations"),
            "legal_entity_ids": partial(_any_of, name="hris_legal_entities"),
            "group_ids": _groups_of,
            "changed_at": lambda source, place: (_opened_at(source, place),),
        },
    ),
}
