"""Resolve `remote:<remote ID>` in place of Kombo's own ID of a record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import attrs

from kombo_async.model import Model
from kombo_async.request import Request
from kombo_async.sandbox._handlers.registry import LISTINGS
from kombo_async.sandbox._state.store import World

PREFIX = "remote:"

_EVERYWHERE: Mapping[str, str] = {
    "absence_id": "hris_absences",
    "absence_type_id": "hris_absence_types",
    "application_id": "ats_applications",
    "application_ids": "ats_applications",
    "assessment_order_id": "assessment_orders",
    "candidate_id": "ats_candidates",
    "candidate_ids": "ats_candidates",
    "category_id": "hris_employee_document_categories",
    "course_id": "lms_courses",
    "course_ids": "lms_courses",
    "course_progression_id": "lms_course_progressions",
    "current_stage_ids": "ats_application_stages",
    "employee_id": "hris_employees",
    "employee_ids": "hris_employees",
    "employee_skill_assignment_id": "hris_employee_skill_assignments",
    "group_id": "hris_groups",
    "group_ids": "hris_groups",
    "interview_id": "ats_interviews",
    "interviewer_user_ids": "ats_users",
    "job_id": "ats_jobs",
    "job_ids": "ats_jobs",
    "legal_entity_id": "hris_legal_entities",
    "legal_entity_ids": "hris_legal_entities",
    "location_id": "hris_locations",
    "manager_id": "hris_employees",
    "on_behalf_of": "ats_users",
    "organizer_user_id": "ats_users",
    "payrun_ids": "hris_pay_runs",
    "rejection_reason_id": "ats_rejection_reasons",
    "review_cycle_ids": "hris_performance_review_cycles",
    "reviewee_ids": "hris_employees",
    "stage_id": "ats_application_stages",
    "staffing_entity_id": "hris_staffing_entities",
    "type_ids": "hris_absence_types",
    "user_id": "ats_users",
    "work_location_ids": "hris_locations",
}
_BY_NAMESPACE: Mapping[str, Mapping[str, str]] = {
    "hris": {"skill_id": "hris_skills", "skill_ids": "hris_skills"},
    "lms": {"user_id": "lms_users", "user_ids": "lms_users"},
    "ai_apply": {"job_id": "ai_job_postings"},
}


def resolve(world: World, request: Request[Any]) -> Request[Any]:
    """*request* with Kombo's IDs in place of `remote:` ones. Unknown ones stay, and are refused as unknown."""
    cls = type(request)
    names = {**_EVERYWHERE, **_BY_NAMESPACE.get(cls.__module__.split(".")[1], {})}
    listing = LISTINGS.get(cls.operation.id)
    if listing is not None:
        names["ids"] = listing.table
    return cast("Request[Any]", _resolve_model(world, request, names))


def _resolve_model(world: World, value: Any, names: Mapping[str, str]) -> Any:
    changes: dict[str, Any] = {}
    for field in attrs.fields(cast("Any", type(value))):
        inner = getattr(value, field.name)
        changed = _resolve_value(world, inner, names.get(field.name), names)
        if changed is not inner:
            changes[field.name] = changed
    return attrs.evolve(value, **changes) if changes else value


def _resolve_value(world: World, value: Any, table: str | None, names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return world.id_of(table, value[len(PREFIX) :]) or value if table and value.startswith(PREFIX) else value
    if isinstance(value, list | tuple):
        items = cast("list[Any]", value)
        changed = [_resolve_value(world, item, table, names) for item in items]
        return items if all(new is old for new, old in zip(changed, items, strict=True)) else changed
    return _resolve_model(world, value, names) if isinstance(value, Model | Request) else value
