"""Employees and related records: the lists, and the nested records."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from kombo_async.sandbox._api.filters import (
    Filter,
    after,
    any_id_of,
    before,
    contains,
    equal,
    id_is,
    one_email_of,
    one_id_of,
    one_of,
    since_day,
    until_day,
)
from kombo_async.sandbox._api.lists import Listing
from kombo_async.sandbox._handlers.registry import LISTINGS
from kombo_async.sandbox._state.fields import mapped_fields, with_fields
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.refusals import InputInvalid
from kombo_async.sandbox._state.store import World


def employee(world: World, record: Record) -> Record:
    """An employee with employments, balances, manager, groups, legal entity and location."""
    groups = _each(world, "hris_groups", record["group_ids"])
    return {
        **with_fields(world, "hris_employees", record),
        "employments": world.related("hris_employments", "employee_id", record["id"]),
        "time_off_balances": world.related("hris_time_off_balances", "employee_id", record["id"]),
        "manager": world.peek("hris_employees", record["manager_id"]),
        "groups": groups,
        "teams": groups,
        "legal_entity": world.peek("hris_legal_entities", record["legal_entity_id"]),
        "work_location": world.peek("hris_locations", record["work_location_id"]),
    }


def _typed(world: World, record: Record) -> Record:
    return {**record, "type": world.peek("hris_absence_types", record["type_id"])}


def _review(world: World, record: Record) -> Record:
    return {
        **record,
        "reviewee": world.peek("hris_employees", record["reviewee_id"]),
        "reviewer": world.peek("hris_employees", record["reviewer_id"]),
        "review_cycle": world.peek("hris_performance_review_cycles", record["review_cycle_id"]),
    }


def _payslip(world: World, record: Record) -> Record:
    return {
        **record,
        "employee": world.peek("hris_employees", record["employee_id"]),
        "pay_run": world.peek("hris_pay_runs", record["pay_run_id"]),
    }


def _staffing_entity(world: World, record: Record) -> Record:
    return {
        **record,
        "locations": _each(world, "hris_locations", record["location_ids"]),
        "legal_entities": _each(world, "hris_legal_entities", record["legal_entity_ids"]),
        "groups": _each(world, "hris_groups", record["group_ids"]),
    }


def _each(world: World, name: str, ids: Any) -> list[Record]:
    found = (world.peek(name, id) for id in cast("list[str]", ids))
    return [record for record in found if record is not None]


def _custom_field(world: World, value: str) -> tuple[str, list[Any]]:
    try:
        wanted = msgspec.json.decode(value)
    except (ValueError, RecursionError):
        wanted = None
    if not isinstance(wanted, dict) or len(cast("dict[str, Any]", wanted)) != 1:
        raise InputInvalid('custom_fields: must be a JSON object with one key, such as {"key": "value"}')
    ((key, expected),) = cast("dict[str, Any]", wanted).items()
    field = mapped_fields(world, "hris_employees").get(key)
    # The fields of the connected system hold text: other values match nobody.
    return (f"field:{field}", [expected]) if field is not None and isinstance(expected, str) else ("id", [])


_ENDS_FROM = since_day("end_date")
_BEGINS_UNTIL = until_day("start_date")
_OF_EMPLOYEE: dict[str, Filter] = {"employee_id": id_is("employee_id")}
_GROUPS: dict[str, Filter] = {"types": one_of("type"), "name_contains": contains("name")}

LISTINGS.update(
    {
        "GetHrisEmployees": Listing(
            table="hris_employees",
            view=employee,
            filters={
                "employment_status": equal("employment_status"),
                "employment_statuses": one_of("employment_status"),
                "group_ids": any_id_of("group_ids"),
                "legal_entity_ids": one_id_of("legal_entity_id"),
                "work_location_ids": one_id_of("work_location_id"),
                "work_emails": one_email_of("work_email"),
                "personal_emails": one_email_of("personal_email"),
                "custom_fields": Filter(keys=_custom_field),
            },
        ),
        "GetHrisEmployeeDocumentCategories": Listing(table="hris_employee_document_categories"),
        "GetHrisTeams": Listing(table="hris_groups"),
        "GetHrisGroups": Listing(table="hris_groups", filters=_GROUPS),
        "GetHrisEmployments": Listing(table="hris_employments"),
        "GetHrisLocations": Listing(table="hris_locations", filters={"name_contains": contains("name")}),
        "GetHrisAbsenceTypes": Listing(table="hris_absence_types"),
        "GetHrisTimeOffBalances": Listing(table="hris_time_off_balances", view=_typed, filters=_OF_EMPLOYEE),
        "GetHrisAbsences": Listing(
            table="hris_absences",
            view=_typed,
            filters={
                **_OF_EMPLOYEE,
                "type_ids": one_id_of("type_id"),
                "date_from": _ENDS_FROM,
                "time_from": _ENDS_FROM,
                "date_until": _BEGINS_UNTIL,
                "time_until": _BEGINS_UNTIL,
            },
        ),
        "GetHrisLegalEntities": Listing(table="hris_legal_entities", filters={"name_contains": contains("name")}),
        "GetHrisTimesheets": Listing(
            table="hris_timesheets",
            filters={
                **_OF_EMPLOYEE,
                "started_before": before("started_at"),
                "started_after": after("started_at"),
                "ended_before": before("ended_at"),
                "ended_after": after("ended_at"),
            },
        ),
        "GetHrisPerformanceReviewCycles": Listing(table="hris_performance_review_cycles"),
        "GetHrisPerformanceReviews": Listing(
            table="hris_performance_reviews",
            view=_review,
            filters={
                "types": one_of("type"),
                "review_cycle_ids": one_id_of("review_cycle_id"),
                "reviewee_ids": one_id_of("reviewee_id"),
            },
        ),
        "GetHrisSkills": Listing(table="hris_skills", filters={"name_contains": contains("name")}),
        "GetHrisEmployeeSkillAssignments": Listing(
            table="hris_employee_skill_assignments",
            filters={"employee_ids": one_id_of("employee_id"), "skill_ids": one_id_of("skill_id")},
        ),
        "GetHrisStaffingEntities": Listing(
            table="hris_staffing_entities",
            view=_staffing_entity,
            filters={"model_types": one_of("model_type"), "statuses": one_of("status")},
        ),
        "GetHrisPayRuns": Listing(table="hris_pay_runs", filters={"legal_entity_ids": one_id_of("legal_entity_id")}),
        "GetHrisPayslips": Listing(
            table="hris_payslips",
            view=_payslip,
            filters={
                "legal_entity_ids": one_id_of("legal_entity_id"),
                "employee_ids": one_id_of("employee_id"),
                "payrun_ids": one_id_of("pay_run_id"),
            },
        ),
    }
)
