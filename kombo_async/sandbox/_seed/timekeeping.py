"""Time: absences, their balances, timesheets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kombo_async.sandbox._seed.quick_random import Random
from kombo_async.sandbox._seed.source import Source, Table, ago, employee_changed, fixed, mix, owned
from kombo_async.sandbox._state.clock import days, stamp
from kombo_async.sandbox._state.indexes import Record

TYPES = (("Vacation", "DAYS", True, False), ("Sick leave", "DAYS", True, False), ("Overtime", "HOURS", False, True))
STATUSES = ("APPROVED", "APPROVED", "APPROVED", "REQUESTED", "DECLINED", "CANCELLED")
ABSENCES, SHEETS = 2, 5
"""How many each employee has."""


def _absence_type(source: Source, place: int, random: Random) -> tuple[Record, str]:
    name, unit, half_days, exact_times = TYPES[place]
    kind = {"name": name, "unit": unit, "half_days_supported": half_days, "exact_times_supported": exact_times}
    return kind, stamp(source.born - days(1200))


def _absence(source: Source, place: int, random: Random) -> tuple[Record, str]:
    employee = source.record("hris_employees", place // ABSENCES)
    first, last = _days_of(source, place)
    absence: dict[str, Any] = {
        "employee_id": employee["id"],
        "approver_id": employee["manager_id"],
        "start_date": first,
        "end_date": last,
        "start_half_day": False,
        "end_half_day": False,
        "start_time": None,
        "end_time": None,
        "amount": _length(place),
        "unit": "DAYS",
        "status": random.choice(STATUSES),
        "employee_note": None,
        "type_id": _type_of(source, place),
    }
    return absence, _asked_at(source, place)


def _length(place: int) -> int:
    return 1 + mix(place, 15, 12)


def _days_of(source: Source, place: int) -> tuple[str, str]:
    first = source.born + days(mix(place, 14, 291) - 200)
    return first.date().isoformat(), (first + days(_length(place) - 1)).date().isoformat()


def _type_of(source: Source, place: int) -> str:
    return source.id("hris_absence_types", mix(place, 12, 2))


def _asked_at(source: Source, place: int) -> str:
    return stamp(ago(source, place, 13, 1, 60))


def _balance(source: Source, place: int, random: Random) -> tuple[Record, str]:
    employee = source.record("hris_employees", place)
    used = random.randint(0, 20)
    balance = {
        "employee_id": employee["id"],
        "type_id": _vacation(source),
        "balance": 30 - used,
        "balance_unit": "DAYS",
        "used": used,
        "used_unit": "DAYS",
    }
    return balance, employee["changed_at"]


def _vacation(source: Source) -> str:
    return source.id("hris_absence_types", 0)


def _timesheet(source: Source, place: int, random: Random) -> tuple[Record, str]:
    employee = place // SHEETS
    begins = _begins(source, place)
    pause = {"started_at": stamp(begins + days(4 / 24)), "ended_at": stamp(begins + days(4.5 / 24)), "paid": False}
    timesheet = {
        "employee_id": source.id("hris_employees", employee),
        "started_at": stamp(begins),
        "ended_at": stamp(begins + days(8.5 / 24)),
        "timezone": "+01:00",
        "payable_hours": 8,
        "unpaid_break_minutes": 30,
        "breaks": [pause],
        "approval_status": random.choice(("APPROVED", "PENDING")),
        "approved_at": None,
        "comment": None,
    }
    return timesheet, _kept_at(source, place)


def _begins(source: Source, place: int) -> datetime:
    return (source.born - days(place % SHEETS + 1)).replace(hour=8, minute=0, second=0, microsecond=0)


def _kept_at(source: Source, place: int) -> str:
    return min(stamp(_begins(source, place) + days(0.5)), stamp(source.born))


TABLES: Mapping[str, Table] = {
    "hris_absence_types": Table(fixed(len(TYPES)), _absence_type),
    "hris_absences": Table(
        lambda source: source.sizes.employees * ABSENCES,
        _absence,
        {"employee_id": owned("hris_employees", ABSENCES)},
        {
            "type_id": lambda source, place: (_type_of(source, place),),
            "start_date": lambda source, place: _days_of(source, place)[:1],
            "end_date~": lambda source, place: _days_of(source, place)[1:],
            "changed_at": lambda source, place: (_asked_at(source, place),),
        },
    ),
    "hris_time_off_balances": Table(
        lambda source: source.sizes.employees,
        _balance,
        {"employee_id": owned("hris_employees")},
        {
            "type_id": lambda source, _: (_vacation(source),),
            "changed_at": lambda source, place: (employee_changed(source, place),),
        },
        settled=0.9,
    ),
    "hris_timesheets": Table(
        lambda source: source.sizes.employees * SHEETS,
        _timesheet,
        {"employee_id": owned("hris_employees", SHEETS)},
        {
            "started_at": lambda source, place: (stamp(_begins(source, place)),),
            "ended_at": lambda source, place: (stamp(_begins(source, place) + days(8.5 / 24)),),
            "changed_at": lambda source, place: (_kept_at(source, place),),
        },
        fixed(SHEETS),
    ),
}
