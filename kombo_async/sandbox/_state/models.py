"""The names of all tables: Kombo's models, and the sandbox's own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

MODELS = frozenset(
    """
    ats_application_stages ats_applications ats_attachments ats_candidates ats_interviews ats_jobs ats_notes ats_offers
    ats_rejection_reasons ats_result_links ats_roles ats_scorecards ats_tags ats_tracked_applications ats_users
    hris_absence_types hris_absences hris_documents hris_employee_document_categories hris_employee_skill_assignments
    hris_employees hris_employments hris_groups hris_legal_entities hris_locations hris_pay_runs hris_payslips
    hris_performance_review_cycles hris_performance_reviews hris_skills hris_staffing_entities hris_time_off_balances
    hris_timesheets lms_course_progressions lms_courses lms_skills lms_tasks lms_users assessment_orders
    assessment_packages ai_applications ai_career_sites ai_job_feeds ai_job_postings ai_submissions connect_links
    custom_fields integration_fields syncs avionte_synced_jobs datev_documents datev_eau_requests datev_files
    datev_payroll datev_pushes silae_supplements
    """.split()
)


def operation_suggestion(name: str, requests: Mapping[str, type]) -> str:
    """The end of an error message about an unknown operation: what *name*, perhaps a method's, may mean."""
    for id, request in requests.items():
        if re.sub(r"(?<=[a-z])(?=[A-Z])", "_", request.__name__).lower() == name:
            return f"; the method {name} is {id}"
    return suggestion(name, requests)


def suggestion(name: str, known: Iterable[str]) -> str:
    """Suggestions for a mistyped *name*, as the end of a message."""
    near = get_close_matches(name, list(known), n=3)
    return f"; did you mean {' or '.join(near)}?" if near else ""
