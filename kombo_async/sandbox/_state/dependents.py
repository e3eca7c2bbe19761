"""Which records nest a record: these count as changed (`updated_after`) when it changes."""

from __future__ import annotations

from collections.abc import Iterator

from kombo_async.sandbox._state.store import StoredRecord, World

# table -> (holding table, its field that has the ID); for records that hold it directly
_DIRECT: dict[str, tuple[tuple[str, str], ...]] = {
    "ats_tags": (("ats_candidates", "tag_ids"),),
    "ats_application_stages": (("ats_jobs", "stage_ids"),),
    "ats_users": (
        ("ats_jobs", "team_ids"),
        ("ats_interviews", "user_ids"),
        ("ats_notes", "author_id"),
        ("ats_scorecards", "author_id"),
    ),
    "ats_roles": (("ats_users", "role_ids"), ("ats_jobs", "team_role_ids")),
    "hris_groups": (("hris_employees", "group_ids"), ("hris_staffing_entities", "group_ids")),
    "hris_locations": (("hris_employees", "work_location_id"), ("hris_staffing_entities", "location_ids")),
    "hris_legal_entities": (("hris_employees", "legal_entity_id"), ("hris_staffing_entities", "legal_entity_ids")),
    "hris_employees": (
        ("hris_employees", "manager_id"),
        ("hris_performance_reviews", "reviewee_id"),
        ("hris_performance_reviews", "reviewer_id"),
        ("hris_payslips", "employee_id"),
    ),
    "hris_absence_types": (("hris_absences", "type_id"), ("hris_time_off_balances", "type_id")),
    "hris_performance_review_cycles": (("hris_performance_reviews", "review_cycle_id"),),
    "hris_pay_runs": (("hris_payslips", "pay_run_id"),),
    "lms_users": (("lms_course_progressions", "user_id"),),
    "lms_skills": (("lms_courses", "skill_ids"),),
}


def dependents(world: World, name: str, row: StoredRecord) -> Iterator[StoredRecord]:
    """The records that nest *row* of the table *name*."""
    for table, field in _DIRECT.get(name, ()):
        yield from world.table(table).where(field, row.id)
    if name in ("hris_employments", "hris_time_off_balances"):
        yield from _by_id(world, "hris_employees", row.data["employee_id"])
    elif name == "lms_courses":
        yield from world.table("lms_course_progressions").where("course_id", row.id)
    elif name.startswith("ats_"):
        yield from _recruiting(world, name, row)


def _recruiting(world: World, name: str, row: StoredRecord) -> Iterator[StoredRecord]:
    fields = {"ats_candidates": "candidate_id", "ats_jobs": "job_id", "ats_application_stages": "current_stage_id"}
    if name == "ats_applications":
        yield from _by_id(world, "ats_candidates", row.data["candidate_id"])
        yield from _of_application(world, row.id)
    elif name in ("ats_interviews", "ats_offers"):
        yield from _by_id(world, "ats_applications", row.data["application_id"])
    elif name == "ats_tags":
        for candidate in world.table("ats_candidates").where("tag_ids", row.id):
            yield from world.table("ats_applications").where("candidate_id", candidate.id)
    elif name in fields:
        for application in world.table("ats_applications").where(fields[name], row.id):
            yield application
            if name != "ats_candidates":
                yield from _by_id(world, "ats_candidates", application.data["candidate_id"])
            if name != "ats_application_stages":
                yield from _of_application(world, application.id)


def _of_application(world: World, id: str) -> Iterator[StoredRecord]:
    for table in ("ats_interviews", "ats_offers"):
        yield from world.table(table).where("application_id", id)


def _by_id(world: World, name: str, id: str) -> Iterator[StoredRecord]:
    row = world.table(name).find(id)
    if row is not None:
        yield row
