"""Kombo's lists, from its copy of a connected system."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.simulation.system import Integration


def candidates(there: Integration, query: dict[str, str]) -> list[dict[str, Any]]:
    """The candidates that a request asks for."""
    found = [each for each in there.copy.candidates.values() if _passes(each, query)]
    if "email" in query:
        wanted = query["email"].lower()
        found = [e for e in found if any(a["email_address"].lower() == wanted for a in e["email_addresses"])]
    for name in ("first_name", "last_name"):
        if name in query:
            found = [each for each in found if each[name].lower() == query[name].lower()]
    full = [
        with_applications(each, [a for a in there.copy.applications.values() if a["candidate_id"] == each["id"]])
        for each in found
    ]
    if "job_ids" in query:
        jobs = query["job_ids"].split(",")
        full = [each for each in full if any(a["job"]["id"] in jobs for a in each["applications"])]
    return full


def with_applications(candidate: dict[str, Any], applications: list[dict[str, Any]]) -> dict[str, Any]:
    """*candidate* with these applications, of which deleted ones do not show."""
    names = [
        *("id", "remote_id", "outcome", "rejection_reason_name", "rejected_at", "remote_url", "changed_at"),
        *("remote_created_at", "remote_updated_at", "current_stage", "job"),
    ]
    living = [each for each in applications if each["remote_deleted_at"] is None]
    return {**candidate, "applications": [{name: each[name] for name in names} for each in living]}


def applications(there: Integration, query: dict[str, str]) -> list[dict[str, Any]]:
    """The applications that a request asks for."""
    found = [each for each in there.copy.applications.values() if _passes(each, query)]
    if "job_ids" in query:
        found = [each for each in found if each["job"]["id"] in query["job_ids"].split(",")]
    if "job_remote_ids" in query:
        found = [each for each in found if each["job"]["remote_id"] in query["job_remote_ids"].split(",")]
    if "remote_created_after" in query:
        after = _moment(query["remote_created_after"])
        found = [e for e in found if e["remote_created_at"] and _moment(e["remote_created_at"]) >= after]
    return found


def _passes(record: dict[str, Any], query: dict[str, str]) -> bool:
    if record["remote_deleted_at"] is not None and query.get("include_deleted") != "true":
        return False
    if "updated_after" in query and _moment(record["changed_at"]) < _moment(query["updated_after"]):
        return False
    if "ids" in query and record["id"] not in query["ids"].split(","):
        return False
    return "remote_ids" not in query or record["remote_id"] in query["remote_ids"].split(",")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
