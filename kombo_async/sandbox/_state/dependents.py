"""Which records nest a record, and which of them `updated_after` returns when it changes (not all).

According to the official client's descriptions (see `blind_spots` of the operations); where they say nothing, it is our
choice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from kombo_async.sandbox._state.table import RecordTable, StoredRecord


class Tables(Protocol):
    """Tables by their names."""

    def table(self, name: str) -> RecordTable:
        """The table *name*."""
        ...


REFERENCES: Mapping[str, tuple[tuple[str, str, bool], ...]] = {
    "ats_roles": (("ats_users", "role_ids", True),),
    "hris_absence_types": (("hris_absences", "type_id", True), ("hris_time_off_balances", "type_id", True)),
    "hris_employees": (
        ("hris_employees", "manager_id", True),
        ("hris_performance_reviews", "reviewee_id", True),
        ("hris_performance_reviews", "reviewer_id", True),
    ),
    "hris_groups": (("hris_staffing_entities", "group_ids", True),),
    "hris_legal_entities": (
        ("hris_employees", "legal_entity_id", True),
        ("hris_staffing_entities", "legal_entity_ids", True),
    ),
    "hris_locations": (("hris_employees", "work_location_id", True), ("hris_staffing_entities", "location_ids", True)),
    "hris_performance_review_cycles": (("hris_performance_reviews", "review_cycle_id", True),),
    "lms_courses": (("lms_course_progressions", "course_id", True),),
    "lms_skills": (("lms_courses", "skill_ids", True),),
    "lms_users": (("lms_course_progressions", "user_id", True),),
}
"""model -> (what nests it, in which field, whether that counts as a change): many records may nest one of these."""

EDITIONS: Mapping[str, tuple[str, ...]] = {
    "ats_application_stages": ("ats_jobs", "ats_applications", "ats_candidates"),
    "ats_jobs": ("ats_applications", "ats_candidates", "ats_interviews", "ats_offers"),
    "ats_roles": ("ats_users", "ats_jobs"),
    "ats_tags": ("ats_candidates", "ats_applications"),
    "ats_users": ("ats_jobs", "ats_interviews", "ats_notes", "ats_scorecards"),
    "hris_absence_types": ("hris_absences", "hris_time_off_balances"),
    "hris_employees": ("hris_employees", "hris_performance_reviews", "hris_payslips"),
    "hris_groups": ("hris_employees", "hris_staffing_entities"),
    "hris_legal_entities": ("hris_employees", "hris_staffing_entities"),
    "hris_locations": ("hris_employees", "hris_staffing_entities"),
    "hris_pay_runs": ("hris_payslips",),
    "hris_performance_review_cycles": ("hris_performance_reviews",),
    "lms_courses": ("lms_course_progressions",),
    "lms_skills": ("lms_courses",),
    "lms_users": ("lms_course_progressions",),
    "ai_career_sites": ("ai_job_postings",),
}
"""model -> the lists that show it within other records, which are rebuilt after a change."""

_OWNERS: Mapping[str, tuple[str, str]] = {
    "ats_applications": ("ats_candidates", "candidate_id"),
    "ats_interviews": ("ats_applications", "application_id"),
    "ats_offers": ("ats_applications", "application_id"),
    "hris_employments": ("hris_employees", "employee_id"),
    "hris_time_off_balances": ("hris_employees", "employee_id"),
}
"""model -> what its records belong to, and the field that says to which."""


def owners(world: Tables, name: str, record: StoredRecord) -> Iterator[StoredRecord]:
    """The record that *record* of table *name* belongs to and is nested in: a change to one counts for both."""
    owner = _OWNERS.get(name)
    if owner is not None:
        table, field = owner
        found = world.table(table).find(record.data[field])
        if found is not None:
            yield found


def nesting(world: Tables, name: str, record: StoredRecord) -> Iterator[tuple[StoredRecord, bool]]:
    """The few records that refer to *record* and nest it, and whether a change to it counts as a change to them."""
    if name == "ats_applications":
        yield from ((each, True) for each in _of_application(world, record))
    elif name == "ats_candidates":
        for application in world.table("ats_applications").where("candidate_id", record.id):
            yield application, True
            yield from ((each, False) for each in _of_application(world, application))


def _of_application(world: Tables, application: StoredRecord) -> Iterator[StoredRecord]:
    for table in ("ats_interviews", "ats_offers"):
        yield from world.table(table).where("application_id", application.id)
