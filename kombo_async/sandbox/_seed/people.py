"""A company: legal entities, locations, groups, and the employees in them."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

from kombo_async.sandbox._seed import payroll, timekeeping, words
from kombo_async.sandbox._seed import skills as growth
from kombo_async.sandbox._seed.seeding import Filler
from kombo_async.sandbox._state.clock import day, days, stamp
from kombo_async.sandbox._state.sizes import Sizes
from kombo_async.sandbox._state.store import World


def _legal_entities(world: World, sizes: Sizes, random: Random) -> None:
    for name in ("Acme GmbH", "Acme Inc"):
        entity = {"name": name, "address": words.place(random)}
        world.add("hris_legal_entities", entity, at=stamp(world.born - days(1500)))


def _locations(world: World, sizes: Sizes, random: Random) -> None:
    for _ in range(4):
        address = words.place(random)
        location = {"name": f"Office {address['city']}", "address": address, "type": "OFFICE"}
        world.add("hris_locations", location, at=stamp(world.born - days(1500)))


def _groups(world: World, sizes: Sizes, random: Random) -> None:
    at = stamp(world.born - days(1400))
    for name in words.DEPARTMENTS:
        department = world.add("hris_groups", {"name": name, "type": "DEPARTMENT", "parent_id": None}, at=at)
        team = {"name": f"{name} {random.choice(('North', 'South', 'Core'))}", "type": "TEAM"}
        world.add("hris_groups", {**team, "parent_id": department.id}, at=at)
    for number in (100, 200):
        world.add("hris_groups", {"name": f"Cost center {number}", "type": "COST_CENTER", "parent_id": None}, at=at)


def _employees(world: World, sizes: Sizes, random: Random) -> None:
    entities = world.table("hris_legal_entities")
    locations = world.table("hris_locations")
    groups = [row for row in world.table("hris_groups") if row.data["type"] != "COST_CENTER"]
    costs = [row for row in world.table("hris_groups") if row.data["type"] == "COST_CENTER"]
    managers: dict[str, str] = {}
    for number in range(sizes.employees):
        department = words.DEPARTMENTS[number % len(words.DEPARTMENTS)]
        first_name, last_name = words.name(random)
        start = (world.born - days(random.randint(30, 2500))).replace(hour=0, minute=0, second=0, microsecond=0)
        left = number % 12 == 11
        status = "INACTIVE" if left else "LEAVE" if number % 20 == 13 else "ACTIVE"
        place = (number % len(words.DEPARTMENTS)) * 2
        employee: dict[str, Any] = {
            "employee_number": f"{1000 + number}",
            "first_name": first_name,
            "last_name": last_name,
            "nationality": random.choice(words.CITIES)[3],
            "display_full_name": f"{first_name} {last_name}",
            "job_title": "CEO" if number == 0 else random.choice(words.JOB_TITLES[department]),
            "work_email": words.address_of(first_name, last_name, "acme.example", number),
            "personal_email": words.address_of(first_name, last_name, "mail.example", number),
            "mobile_phone_number": words.phone(random),
            "ssn": None,
            "tax_id": None,
            "gender": random.choice(("MALE", "FEMALE", "NON_BINARY", "NOT_SPECIFIED")),
            "ethnicity": None,
            "marital_status": random.choice(("SINGLE", "MARRIED", "DIVORCED", None)),
            "employment_status": status,
            "employment_type": "FULL_TIME" if number % 6 else "PART_TIME",
            "weekly_hours": 40 if number % 6 else 20,
            "avatar": None,
            "work_location_id": random.choice(locations).id,
            "legal_entity_id": entities[number % 5 == 4].id,
            # The first of a department leads it, and the very first employee leads all the leaders.
            "manager_id": managers.get(department, managers.get("all")),
            "home_address": words.place(random),
            "bank_accounts": [_bank_account(first_name, last_name, random)],
            "date_of_birth": day(start - timedelta(days=365 * random.randint(20, 45))),
            "start_date": stamp(start),
            "termination_date": day(world.born - days(random.randint(5, 25))) if left else None,
            "group_ids": [groups[place].id, groups[place + 1].id, random.choice(costs).id],
        }
        row = world.add("hris_employees", employee, at=stamp(world.born - days(random.uniform(1, 30))))
        managers.setdefault("all", row.id)
        managers.setdefault(department, row.id)


def _bank_account(first_name: str, last_name: str, random: Random) -> dict[str, Any]:
    number = f"{random.randint(10**9, 10**10 - 1)}"
    return {
        "iban": f"DE00100000{number}",  # its check digits are wrong on purpose: it is nobody's
        "bic": None,
        "account_number": number,
        "holder_name": f"{first_name} {last_name}",
        "bank_name": "Sandbank",
        "domestic_bank_routing": {"number": "10000000", "type": "DE_BANKLEITZAHL"},
    }


def _employments(world: World, sizes: Sizes, random: Random) -> None:
    for employee in world.table("hris_employees"):
        employment = {
            "employee_id": employee.id,
            "job_title": employee.data["job_title"],
            "pay_rate": random.randrange(38_000, 120_000, 500),
            "pay_period": "YEAR",
            "pay_frequency": "MONTHLY",
            "employment_type": employee.data["employment_type"],
            "pay_currency": "EUR",
            "effective_date": employee.data["start_date"],
        }
        world.add("hris_employments", employment, at=employee.data["changed_at"])


def _categories(world: World, sizes: Sizes, random: Random) -> None:
    for name in ("Contracts", "Certificates", "Payslips"):
        world.add("hris_employee_document_categories", {"name": name}, at=stamp(world.born - days(1000)))


FILLERS: dict[str, Filler] = {
    "hris_legal_entities": _legal_entities,
    "hris_locations": _locations,
    "hris_groups": _groups,
    "hris_employees": _employees,
    "hris_employments": _employments,
    "hris_employee_document_categories": _categories,
    **timekeeping.FILLERS,
    **payroll.FILLERS,
    **growth.FILLERS,
}
