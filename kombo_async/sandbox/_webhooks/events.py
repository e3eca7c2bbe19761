"""The `data` of each type of event."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import Any, get_args

from kombo_async.sandbox._state.clock import stamp
from kombo_async.sandbox._state.ids import make_id
from kombo_async.sandbox._state.integrations import Integration

_NAMES = {
    "hris_groups": "hris_teams",
    # No public document names these; they are derived from the paths of their lists.
    "ai_career_sites": "ai_apply_career_sites",
    "ai_job_postings": "ai_apply_job_postings",
    "ai_applications": "ai_apply_applications",
    "ai_job_feeds": "ai_apply_job_feeds",
}
_JOINS: dict[tuple[str, str], str] = {
    ("ats_candidates", "tag_ids"): "ats_join_candidates_tags",
    ("ats_jobs", "stage_ids"): "ats_join_jobs_application_stages",
    ("ats_jobs", "team_ids"): "ats_join_jobs_users",
    ("ats_jobs", "screening_questions"): "ats_screening_questions",
    ("ats_jobs", "job_postings"): "ats_job_postings",
    ("ats_users", "role_ids"): "ats_join_users_roles",
    ("ats_interviews", "user_ids"): "ats_join_interviews_users",
    ("hris_employees", "group_ids"): "hris_join_employees_teams",
    ("hris_payslips", "line_items"): "hris_payslip_line_items",
    ("hris_staffing_entities", "group_ids"): "hris_join_staffing_entities_groups",
    ("hris_staffing_entities", "legal_entity_ids"): "hris_join_staffing_entities_legal_entities",
    ("hris_staffing_entities", "location_ids"): "hris_join_staffing_entities_locations",
    ("lms_courses", "revisions"): "lms_course_revisions",
}
"""Separate models at Kombo that are fields of a record here."""


@cache
def known_models() -> frozenset[str]:
    """Kombo's closed list of models in `data-changed`; nothing else goes out."""
    from kombo_async._generated.events import ModelName  # most tests need no classes of events

    return frozenset(word for part in get_args(ModelName) for word in get_args(part))


def model_names(changes: dict[str, set[str]]) -> list[str]:
    """Kombo's names for *changes*, the changed fields of each table."""
    names = {_NAMES.get(table, table) for table in changes}
    names |= {join for (table, field), join in _JOINS.items() if field in changes.get(table, ())}
    return sorted(names)


def end_user(integration: Integration) -> dict[str, Any]:
    """The customer of an integration."""
    return {
        "organization_name": integration.organization,
        "creator_email": integration.email,
        "origin_id": integration.origin_id,
    }


def about(integration: Integration) -> dict[str, Any]:
    """A summary of an integration."""
    return {
        "id": integration.id,
        "tool": integration.tool,
        "category": integration.category,
        "end_user": end_user(integration),
    }


def _named(integration: Integration) -> dict[str, Any]:
    return {
        "integration_id": integration.id,
        "integration_tool": integration.tool,
        "integration_category": integration.category,
    }


def data_changed(integration: Integration, names: list[str]) -> dict[str, Any]:
    """The data of `data-changed`."""
    return {**_named(integration), "changed_models": [{"name": name} for name in names]}


def sync_finished(integration: Integration, sync_id: str, now: datetime, seconds: int) -> dict[str, Any]:
    """The data of `sync-finished`."""
    return {
        "sync_id": sync_id,
        "sync_state": "SUCCEEDED",
        "sync_started_at": stamp(now - timedelta(seconds=seconds)),
        "sync_ended_at": stamp(now),
        "sync_duration_seconds": seconds,
        **_named(integration),
        "end_user": end_user(integration),
        "log_url": f"https://sandbox.localhost/syncs/{sync_id}",
    }


def state_changed(integration: Integration, now: datetime) -> dict[str, Any]:
    """The data of `integration-state-changed`."""
    return {
        **_named(integration),
        "end_user": end_user(integration),
        "qa_status": "PASSED" if integration.qa_passed else "FAILED",
        "setup_status": integration.setup_status,
        "state": integration.status,
        "updated_at": stamp(now),
    }


def connection_failed(tool: str, category: str, customer: dict[str, Any], log_url: str) -> dict[str, Any]:
    """The data of `connection-flow-failed`."""
    return {"integration_tool": tool, "integration_category": category, "end_user": customer, "log_url": log_url}


_ISSUES: dict[str, tuple[str, str]] = {
    "INTEGRATION_INACTIVE": ("Integration inactive", "The integration was switched off."),
    "AUTHENTICATION_INVALID": (
        "Credentials invalid",
        "The connected system **refuses** the integration's credentials.",
    ),
    "QA_FAILED": ("Quality check failed", "The integration did not pass quality assurance."),
    "SETUP_INCOMPLETE": ("Setup incomplete", "Somebody has to finish the setup of the integration."),
    "PERMISSION_MISSING": ("Permission missing", "The connected system does not allow everything that is needed."),
}


def issues_of(integration: Integration) -> set[str]:
    """The types of issues that the integration has now."""
    bad = {
        "INTEGRATION_INACTIVE": not integration.active,
        "AUTHENTICATION_INVALID": not integration.authenticated,
        "QA_FAILED": not integration.qa_passed,
        "SETUP_INCOMPLETE": not integration.setup_complete,
        "PERMISSION_MISSING": "MISSING" in integration.permissions.values(),
    }
    return {type for type, is_so in bad.items() if is_so}


def new_issue(seed: int, integration: Integration, type: str, now: datetime) -> dict[str, Any]:
    """A newly observed issue."""
    title, message = _ISSUES[type]
    return {
        "id": make_id(seed, "issue", integration.id, type, stamp(now)),
        "type": type,
        "title": title,
        "status": "OPEN",
        "markdown_message": message,
        "first_observed_at": stamp(now),
        "resolved_at": None,
    }


def issue_changed(integration: Integration, issue: dict[str, Any]) -> dict[str, Any]:
    """The data of `issue-status-changed`."""
    change = "raised" if issue["resolved_at"] is None else "resolved"
    return {"change": change, "issue": issue, "integration": about(integration)}
