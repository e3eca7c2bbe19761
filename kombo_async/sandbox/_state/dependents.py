"""Which records nest a record, and which of these `updated_after` returns when it changes: not all of them.

As the official client's descriptions have it (see `blind_spots` of the operations).
"""

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


_SEEN = frozenset(
    {
        ("ats_applications", "ats_candidates"),
        ("ats_applications", "ats_interviews"),
        ("ats_applications", "ats_offers"),
        ("ats_candidates", "ats_applications"),
        ("ats_interviews", "ats_applications"),
        ("ats_offers", "ats_applications"),
        ("ats_users", "ats_roles"),
        ("hris_absences", "hris_absence_types"),
        ("hris_employees", "hris_employees"),
        ("hris_employees", "hris_employments"),
        ("hris_employees", "hris_legal_entities"),
        ("hris_employees", "hris_locations"),
        ("hris_employees", "hris_time_off_balances"),
        ("hris_performance_reviews", "hris_employees"),
        ("hris_performance_reviews", "hris_performance_review_cycles"),
        ("hris_staffing_entities", "hris_groups"),
        ("hris_staffing_entities", "hris_legal_entities"),
        ("hris_staffing_entities", "hris_locations"),
        ("hris_time_off_balances", "hris_absence_types"),
        # No document tells of these; it is our choice.
        ("lms_course_progressions", "lms_courses"),
        ("lms_course_progressions", "lms_users"),
        ("lms_courses", "lms_skills"),
    }
)
"""(what is listed, what it nests): the first counts as changed when the second does."""


def dependents(world: World, name: str, row: StoredRecord) -> Iterator[tuple[StoredRecord, bool]]:
    """The records that nest *row* of the table *name*, and whether they count as changed when it changes."""
    for table, holder in _holders(world, name, row):
        yield holder, (table, name) in _SEEN


def _holders(world: World, name: str, row: StoredRecord) -> Iterator[tuple[str, StoredRecord]]:
    for table, field in _DIRECT.get(name, ()):
        yield from _where(world, table, field, row.id)
    if name in ("hris_employments", "hris_time_off_balances"):
        yield from _where(world, "hris_employees", "id", row.data["employee_id"])
    elif name == "lms_courses":
        yield from _where(world, "lms_course_progressions", "course_id", row.id)
    elif name.startswith("ats_"):
        yield from _recruiting(world, name, row)


def _recruiting(world: World, name: str, row: StoredRecord) -> Iterator[tuple[str, StoredRecord]]:
    fields = {"ats_candidates": "candidate_id", "ats_jobs": "job_id", "ats_application_stages": "current_stage_id"}
    if name == "ats_applications":
        yield from _where(world, "ats_candidates", "id", row.data["candidate_id"])
        yield from _of_application(world, row.id)
    elif name in ("ats_interviews", "ats_offers"):
        yield from _where(world, "ats_applications", "id", row.data["application_id"])
    elif name == "ats_tags":
        for candidate in world.table("ats_candidates").where("tag_ids", row.id):
            yield from _where(world, "ats_applications", "candidate_id", candidate.id)
    elif name in fields:
        for application in world.table("ats_applications").where(fields[name], row.id):
            yield "ats_applications", application
            if name != "ats_candidates":
                yield from _where(world, "ats_candidates", "id", application.data["candidate_id"])
            if name != "ats_application_stages":
                yield from _of_application(world, application.id)


def _of_application(world: World, id: str) -> Iterator[tuple[str, StoredRecord]]:
    for table in ("ats_interviews", "ats_offers"):
        yield from _where(world, table, "application_id", id)


def _where(world: World, table: str, field: str, value: str) -> Iterator[tuple[str, StoredRecord]]:
    for record in world.table(table).where(field, value):
        yield table, record
