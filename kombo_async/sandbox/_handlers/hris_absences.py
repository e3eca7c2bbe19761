"""Absences: creating and deleting them."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from kombo_async.model import UNSET, to_dict
from kombo_async.sandbox._api.filters import as_stamp
from kombo_async.sandbox._handlers.registry import Context, handles
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.refusals import InputInvalid, RemoteRefusal

if TYPE_CHECKING:
    from kombo_async import hris


@handles("PostHrisAbsences")
def create_absence(context: Context, request: hris.CreateAbsence) -> Record:
    """An absence of an employee, of an existing type."""
    world = context.world
    employee = world.get("hris_employees", request.employee_id, "employee")
    kind = world.get("hris_absence_types", request.absence_type_id, "absence type")
    given: Record = to_dict(request)
    first, last = as_stamp(given["start_date"])[:10], as_stamp(given["end_date"])[:10]
    if last < first:
        raise InputInvalid("end_date: must not be before start_date")
    if request.amount is not UNSET and request.unit is UNSET:
        raise InputInvalid("unit: must come with amount")
    if (request.start_time is UNSET) != (request.end_time is UNSET):
        raise InputInvalid("start_time, end_time: pass both or neither")
    half_days = (bool(given.get("start_half_day")), bool(given.get("end_half_day")))
    if any(half_days) and not kind.data["half_days_supported"]:
        raise RemoteRefusal("This type of absence has no half days.")
    if (request.start_time is not UNSET or request.end_time is not UNSET) and not kind.data["exact_times_supported"]:
        raise RemoteRefusal("This type of absence has no times of day.")
    length = (date.fromisoformat(last) - date.fromisoformat(first)).days + 1 - sum(half_days) / 2
    absence = {
        "employee_id": employee.id,
        "approver_id": employee.data["manager_id"],
        "type_id": kind.id,
        "start_date": first,
        "end_date": last,
        "start_half_day": half_days[0],
        "end_half_day": half_days[1],
        "start_time": _with_seconds(given.get("start_time")),
        "end_time": _with_seconds(given.get("end_time")),
        "amount": given.get("amount", length if kind.data["unit"] == "DAYS" else length * 8),
        "unit": given.get("unit", kind.data["unit"]),
        "status": given.get("status", "REQUESTED"),
        "employee_note": request.employee_note,
    }
    return world.add("hris_absences", absence).data


@handles("DeleteHrisAbsencesAbsenceId")
def delete_absence(context: Context, request: hris.DeleteAbsence) -> Record:
    """Mark it as deleted; `include_deleted` still shows it."""
    row = context.world.get("hris_absences", request.absence_id, "absence")
    context.world.delete("hris_absences", row, status="DELETED")
    return row.data


def _with_seconds(time: str | None) -> str | None:
    if time is None:
        return None
    hours, minutes, seconds = [*time.split(":"), "0"][:3]
    return f"{int(hours):02}:{int(minutes):02}:{int(seconds):02}"
