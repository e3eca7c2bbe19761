"""Time: absences and what is left of them, timesheets."""

from __future__ import annotations

from random import Random
from typing import Any

from kombo_async.sandbox._seed.seeding import Filler
from kombo_async.sandbox._state.clock import days, stamp
from kombo_async.sandbox._state.sizes import Sizes
from kombo_async.sandbox._state.store import World

_TYPES = (("Vacation", "DAYS", True, False), ("Sick leave", "DAYS", True, False), ("Overtime", "HOURS", False, True))
_STATUSES = ("APPROVED", "APPROVED", "APPROVED", "REQUESTED", "DECLINED", "CANCELLED")


def _absence_types(world: World, sizes: Sizes, random: Random) -> None:
    for name, unit, half_days, exact_times in _TYPES:
        kind = {"name": name, "unit": unit, "half_days_supported": half_days, "exact_times_supported": exact_times}
        world.add("hris_absence_types", kind, at=stamp(world.born - days(1200)))


def _absences(world: World, sizes: Sizes, random: Random) -> None:
    types = world.table("hris_absence_types")
    for employee in world.table("hris_employees"):
        for _ in range(random.choice((0, 1, 2, 3))):
            kind = random.choice(types[:2])
            first = world.born + days(random.randint(-200, 90))
            length = random.randint(1, 12)
            absence: dict[str, Any] = {
                "employee_id": employee.id,
                "approver_id": employee.data["manager_id"],
                "start_date": f"{first:%Y-%m-%d}",
                "end_date": f"{first + days(length - 1):%Y-%m-%d}",
                "start_half_day": False,
                "end_half_day": False,
                "start_time": None,
                "end_time": None,
                "amount": length,
                "unit": "DAYS",
                "status": random.choice(_STATUSES),
                "employee_note": None,
                "type_id": kind.id,
            }
            world.add("hris_absences", absence, at=stamp(world.born - days(random.uniform(1, 60))))


def _balances(world: World, sizes: Sizes, random: Random) -> None:
    vacation = world.table("hris_absence_types")[0]
    for employee in world.table("hris_employees"):
        used = random.randint(0, 20)
        balance = {
            "employee_id": employee.id,
            "type_id": vacation.id,
            "balance": 30 - used,
            "balance_unit": "DAYS",
            "used": used,
            "used_unit": "DAYS",
        }
        world.add("hris_time_off_balances", balance, at=employee.data["changed_at"])


def _timesheets(world: World, sizes: Sizes, random: Random) -> None:
    for employee in world.table("hris_employees"):
        for back in range(1, 6):
            begins = (world.born - days(back)).replace(hour=8, minute=0, second=0, microsecond=0)
            timesheet = {
                "employee_id": employee.id,
                "started_at": stamp(begins),
                "ended_at": stamp(begins + days(8.5 / 24)),
                "timezone": "+01:00",
                "payable_hours": 8,
                "unpaid_break_minutes": 30,
                "breaks": [
                    {
                        "started_at": stamp(begins + days(4 / 24)),
                        "ended_at": stamp(begins + days(4.5 / 24)),
                        "paid": False,
                    }
                ],
                "approval_status": random.choice(("APPROVED", "PENDING")),
                "approved_at": None,
                "comment": None,
            }
            world.add("hris_timesheets", timesheet, at=stamp(begins + days(0.5)))


FILLERS: dict[str, Filler] = {
    "hris_absence_types": _absence_types,
    "hris_absences": _absences,
    "hris_time_off_balances": _balances,
    "hris_timesheets": _timesheets,
}
