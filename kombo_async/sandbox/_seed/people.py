"""A company: legal entities, locations, groups, and the employees in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from kombo_async.sandbox._seed import payroll, timekeeping, words
from kombo_async.sandbox._seed import skills as growth
from kombo_async.sandbox._seed.organization import managed_by, manager_of
from kombo_async.sandbox._seed.quick_random import Random
from kombo_async.sandbox._seed.source import Source, Table, addressed, employee_changed, fixed, mix, owned
from kombo_async.sandbox._state.clock import day, days, stamp
from kombo_async.sandbox._state.fields import VALUES, value_at
from kombo_async.sandbox._state.indexes import Record

ENTITIES = ("Acme GmbH", "Acme Inc")
LOCATIONS = 4
COST_CENTERS = (100, 200)
GROUPS = 2 * len(words.DEPARTMENTS) + len(COST_CENTERS)
CATEGORIES = ("Contracts", "Certificates", "Payslips")


def _legal_entity(source: Source, place: int, random: Random) -> tuple[Record, str]:
    return {"name": ENTITIES[place], "address": words.place(random)}, stamp(source.born - days(1500))


def _location(source: Source, place: int, random: Random) -> tuple[Record, str]:
    address = words.place(random)
    location = {"name": f"Office {address['city']}", "address": address, "type": "OFFICE"}
    return location, stamp(source.born - days(1500))


def _group(source: Source, place: int, random: Random) -> tuple[Record, str]:
    at = stamp(source.born - days(1400))
    department, team = divmod(place, 2)
    if department >= len(words.DEPARTMENTS):
        number = COST_CENTERS[place - 2 * len(words.DEPARTMENTS)]
        return {"name": f"Cost center {number}", "type": "COST_CENTER", "parent_id": None}, at
    name = words.DEPARTMENTS[department]
    if not team:
        return {"name": name, "type": "DEPARTMENT", "parent_id": None}, at
    parent = source.id("hris_groups", place - 1)
    return {"name": f"{name} {random.choice(('North', 'South', 'Core'))}", "type": "TEAM", "parent_id": parent}, at


def entity_of(source: Source, place: int) -> str:
    """Which legal entity employs an employee."""
    return source.id("hris_legal_entities", payroll.entity_of(place))


def location_of(source: Source, place: int) -> str:
    """Where an employee works."""
    return source.id("hris_locations", mix(place, 1, LOCATIONS))


def groups_of(source: Source, place: int) -> list[str]:
    """The department, the team and the cost center of an employee."""
    department = place % len(words.DEPARTMENTS) * 2
    cost_center = 2 * len(words.DEPARTMENTS) + mix(place, 2, len(COST_CENTERS))
    return [source.id("hris_groups", each) for each in (department, department + 1, cost_center)]


def status_of(place: int) -> str:
    """Whether an employee is still employed."""
    return "INACTIVE" if place % 12 == 11 else "LEAVE" if place % 20 == 13 else "ACTIVE"


def _field_of(source: Source, place: int, *, key: str) -> Iterable[Any]:
    return (value_at(source.key("hris_employees"), place, key),)


def _employee(source: Source, place: int, random: Random) -> tuple[Record, str]:
    departments = len(words.DEPARTMENTS)
    department = words.DEPARTMENTS[place % departments]
    first_name, last_name = words.name(random)
    start = (source.born - days(random.randint(30, 2500))).replace(hour=0, minute=0, second=0, microsecond=0)
    left = place % 12 == 11
    manager = manager_of(place)
    employee: dict[str, Any] = {
        "employee_number": f"{1000 + place}",
        "first_name": first_name,
        "last_name": last_name,
        "nationality": random.choice(words.CITIES)[3],
        "display_full_name": f"{first_name} {last_name}",
        "job_title": "CEO" if place == 0 else random.choice(words.JOB_TITLES[department]),
        "work_email": words.address_of(first_name, last_name, "acme.example", place),
        "personal_email": words.address_of(first_name, last_name, "mail.example", place),
        "mobile_phone_number": words.phone(random),
        "ssn": None,
        "tax_id": None,
        "gender": random.choice(("MALE", "FEMALE", "NON_BINARY", "NOT_SPECIFIED")),
        "ethnicity": None,
        "marital_status": random.choice(("SINGLE", "MARRIED", "DIVORCED", None)),
        "employment_status": status_of(place),
        "employment_type": "FULL_TIME" if place % 6 else "PART_TIME",
        "weekly_hours": 40 if place % 6 else 20,
        "avatar": None,
        "work_location_id": location_of(source, place),
        "legal_entity_id": entity_of(source, place),
        "manager_id": None if manager is None else source.id("hris_employees", manager),
        "home_address": words.place(random),
        "bank_accounts": [_bank_account(first_name, last_name, random)],
        "date_of_birth": day(start - timedelta(days=365 * random.randint(20, 45))),
        "start_date": stamp(start),
        "termination_date": day(source.born - days(random.randint(5, 25))) if left else None,
        "group_ids": groups_of(source, place),
    }
    return employee, employee_changed(source, place)


def _bank_account(first_name: str, last_name: str, random: Random) -> dict[str, Any]:
    number = f"{random.randint(1, 9)}{random.below(10**9):09}"
    return {
        "iban": f"DE00100000{number}",  # wrong check digits on purpose: it belongs to nobody
        "bic": None,
        "account_number": number,
        "holder_name": f"{first_name} {last_name}",
        "bank_name": "Sandbank",
        "domestic_bank_routing": {"number": "10000000", "type": "DE_BANKLEITZAHL"},
    }


def _employment(source: Source, place: int, random: Random) -> tuple[Record, str]:
    employee = source.record("hris_employees", place)
    employment = {
        "employee_id": employee["id"],
        "job_title": employee["job_title"],
        "pay_rate": 12 * payroll.gross(place),
        "pay_period": "YEAR",
        "pay_frequency": "MONTHLY",
        "employment_type": employee["employment_type"],
        "pay_currency": "EUR",
        "effective_date": employee["start_date"],
    }
    return employment, employee["changed_at"]


def _category(source: Source, place: int, random: Random) -> tuple[Record, str]:
    return {"name": CATEGORIES[place]}, stamp(source.born - days(1000))


def _employees(source: Source) -> int:
    return source.sizes.employees


TABLES: Mapping[str, Table] = {
    "hris_legal_entities": Table(fixed(len(ENTITIES)), _legal_entity),
    "hris_locations": Table(fixed(LOCATIONS), _location),
    "hris_groups": Table(fixed(GROUPS), _group),
    "hris_employees": Table(
        _employees,
        _employee,
        {
            **dict.fromkeys(("work_email", "work_email~"), addressed("hris_employees", "work_email")),
            "personal_email~": addressed("hris_employees", "personal_email"),
            "manager_id": managed_by,
        },
        {
            "group_ids": groups_of,
            "legal_entity_id": lambda source, place: (entity_of(source, place),),
            "work_location_id": lambda source, place: (location_of(source, place),),
            "employment_status~": lambda _, place: (status_of(place).lower(),),
            "changed_at": lambda source, place: (employee_changed(source, place),),
            **{f"field:{key}": partial(_field_of, key=key) for key in VALUES},
        },
        settled=0.9,
    ),
    "hris_employments": Table(
        _employees,
        _employment,
        {"employee_id": owned("hris_employees")},
        {"changed_at": lambda source, place: (employee_changed(source, place),)},
        settled=0.9,
    ),
    "hris_employee_document_categories": Table(fixed(len(CATEGORIES)), _category),
    **timekeeping.TABLES,
    **payroll.TABLES,
    **growth.TABLES,
}
