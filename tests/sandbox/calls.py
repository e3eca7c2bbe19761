"""Valid calls to every operation, made from the OpenAPI document; IDs are those of records that are there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import attrs

from kombo_async.sandbox import Sandbox
from kombo_async.sandbox._handlers.hris_provisioning import GROUP
from kombo_async.sandbox._state.store import World
from tests.support.schemas import EXAMPLES, FORMATS, Facts, resolve, types, variants

LEFT_OUT: Any = object()
# Formats and patterns of the document allow more than what exists; a file comes as data or by its address, not both.
NAMED: Mapping[str, Any] = {
    "data": "SGVsbG8=",
    "data_url": LEFT_OUT,
    "postal_code": "10115",
    "screening_question_answers": LEFT_OUT,
    "page_size": 3,
    "category": "ats",
    "start_date": "2026-05-18",
    "end_date": "2026-05-19",
    "start_half_day": False,
    "end_half_day": False,
    "tracked_at": "2026-05-19",
    "current_level": "Expert",
    "cursor": LEFT_OUT,
}
IDS: Mapping[str, tuple[str, int]] = {
    "candidate_id": ("ats_candidates", 0),
    "job_id": ("ats_jobs", 0),
    "stage_id": ("ats_application_stages", 1),
    "rejection_reason_id": ("ats_rejection_reasons", 0),
    "user_id": ("ats_users", 0),
    "organizer_user_id": ("ats_users", 0),
    "employee_id": ("hris_employees", 1),
    "absence_type_id": ("hris_absence_types", 0),
    "absence_id": ("hris_absences", 0),
    "category_id": ("hris_employee_document_categories", 0),
    "location_id": ("hris_locations", 0),
    "legal_entity_id": ("hris_legal_entities", 0),
    "staffing_entity_id": ("hris_staffing_entities", 0),
    "skill_id": ("hris_skills", 0),
    "employee_skill_assignment_id": ("hris_employee_skill_assignments", 0),
    "assessment_order_id": ("assessment_orders", 0),
    "course_id": ("lms_courses", 0),
    "integration_field_id": ("integration_fields", 0),
    "custom_field_id": ("custom_fields", 0),
}
PLATFORM_IDS = {
    "career_site_id": ("ai_career_sites", 0),
    "posting_id": ("ai_job_postings", 0),
    "job_id": ("ai_job_postings", 0),
    "job_feed_id": ("ai_job_feeds", 0),
}
TOOLS = {"ats": "greenhouse", "hris": "workday", "lms": "docebo", "assessment": "icims"}


@attrs.frozen
class Prepared:
    """A call, ready to be sent."""

    facts: Facts
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes | None
    values: dict[str, Any]
    """All that is sent, by name: of the path, the query and the body."""


def integration_of(sandbox: Sandbox, path: str) -> str:
    """The ID of the integration that can do what is at *path*."""
    segments = path.strip("/").split("/")
    tool = TOOLS.get(segments[0], "greenhouse")
    if "custom" in segments:
        tool = segments[segments.index("custom") + 1]
    return next(id for id in sandbox.integrations if id.startswith(f"{tool}:"))


def prepare(sandbox: Sandbox, facts: Facts, *, full: bool) -> Prepared:
    """A valid call: with all that may be sent, or only with what must be."""
    id = integration_of(sandbox, facts.path)
    world = sandbox.world(None if facts.path.startswith(("/ai-apply", "/connect")) else id)
    maker = _Maker(sandbox, world, id, full=full)
    maker.special.update(_special(sandbox, world, facts))
    path = facts.path
    values: dict[str, Any] = {}
    for parameter in facts.parameters["path"]:
        value = values[parameter["name"]] = maker.value(parameter["name"], parameter["schema"])
        path = path.replace(f"{{{parameter['name']}}}", quote(str(value), safe=""))
    query: dict[str, str] = {}
    for parameter in facts.parameters["query"]:
        if full or parameter.get("required"):
            value = maker.value(parameter["name"], parameter["schema"])
            if value is not LEFT_OUT:
                query[parameter["name"]] = _in_query(value)
                values[parameter["name"]] = value
    headers = {"Authorization": f"Bearer {sandbox.api_key}", "X-Integration-Id": id}
    body: bytes | None = None
    if facts.body is not None:
        plain = maker.value("", facts.body)
        values |= plain
        body = json.dumps(plain).encode()
        headers["Content-Type"] = "application/x-ndjson" if facts.ndjson else "application/json"
    return Prepared(facts, path, query, headers, body, values)


def _in_query(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _special(sandbox: Sandbox, world: World, facts: Facts) -> dict[str, Any]:
    """Values that only make sense for one operation."""
    if facts.id.startswith("GetAts"):
        return {}
    makers: dict[str, Callable[[], dict[str, Any]]] = {
        "GetHrisEmployees": lambda: {"custom_fields": '{"shirt_size": "M"}'},
        "PostAtsApplicationsApplicationIdInterviews": lambda: MEETING,
        "PatchAtsApplicationsApplicationIdInterviews": lambda: {
            **MEETING,
            "interview_id": world.table("ats_interviews")[0].id,
            "application_id": world.table("ats_interviews")[0].data["application_id"],
        },
        "DeleteAtsCandidatesCandidateIdTags": lambda: _tagged(world),
        "GetLmsCoursesBulkTaskId": lambda: {"task_id": _task(world)},
        "PostLmsCourseProgressions": lambda: _to_enroll(world),
        "PostLmsCourseProgressionsCourseProgressionIdComplete": lambda: _open_progression(world),
        "PostHrisEmployeeSkillAssignments": lambda: _to_assign(world),
        "PatchHrisSkillsSkillId": lambda: {"name": "Juggling"},
        "PostHrisEmployeesForm": lambda: {"properties": FORM},
        "PostHrisProvisioningGroupsGroupIdDiff": lambda: {"group_id": GROUP},
        "PostHrisProvisioningGroupsGroupIdSetupLinks": lambda: {"group_id": GROUP},
        "PostPassthroughToolApi": lambda: {"tool": "greenhouse"},
        "PostAtsImportTrackedApplication": lambda: (
            dict.fromkeys(
                ("erecruiter", "successfactors", "recruitee", "onlyfy", "smartrecruiters", "greenhousev3"), LEFT_OUT
            )
            | {"greenhouse": {"id_type": "application_id", "application_id": "1"}}
        ),
        "PostAiApplyApply": lambda: {"submission_token": _submission(world), "screening_question_answers": ANSWERS},
        "GetConnectIntegrationByTokenToken": lambda: {"token": _token(sandbox)},
        "PostConnectActivateIntegration": lambda: {"token": _token(sandbox)},
        "GetCustomDatevEauRequestsEauId": lambda: {
            "eau_id": world.add("datev_eau_requests", {"start_work_incapacity": "2026-05-19"}).id
        },
        "PostCustomDatevDownloadDocument": lambda: {"document_type": "LOBN"},
        "PostCustomDatevEmployeesEmployeeIdDownloadDocument": lambda: {"document_type": "LOBN"},
        "DeleteAtsCustomAvionteSyncedJobsJobRemoteId": lambda: {
            "job_remote_id": world.add("avionte_synced_jobs", {"job_remote_id": "7"}).data["job_remote_id"]
        },
        "PostIntegrationsIntegrationIdSetupLink": lambda: {
            "integration_id": next(each.id for each in sandbox.integrations.values() if not each.setup_complete)
        },
        "PutAssessmentOrdersAssessmentOrderIdResult": lambda: {"completed_at": "2026-05-19T08:00:00Z"},
        "PostHrisAbsences": lambda: {"start_time": LEFT_OUT, "end_time": LEFT_OUT},
    }
    return makers[facts.id]() if facts.id in makers else {}


MEETING = {"start_time": "2026-05-19T08:00:00Z", "end_time": "2026-05-19T09:00:00Z"}
FORM = {"first_name": "Frank", "last_name": "Doe", "start_date": "2026-05-19", "home_address": {"city": "Berlin"}}
ANSWERS = [{"question_id": id, "answer": "Frank"} for id in ("first_name", "last_name", "email")]


def _tagged(world: World) -> dict[str, Any]:
    candidate = next(row for row in world.table("ats_candidates") if row.data["tag_ids"])
    tag = world.get("ats_tags", candidate.data["tag_ids"][0], "tag")
    return {"candidate_id": candidate.id, "tag": {"name": tag.data["name"]}}


def _task(world: World) -> str:
    created = world.clock.stamp()
    return world.add("lms_tasks", {"created_at": created, "results": []}).id


def _to_enroll(world: World) -> dict[str, Any]:
    user = world.add("lms_users", {"first_name": "F", "last_name": "D", "work_email": None, "status": "ACTIVE"})
    return {"user_id": user.id, "course_revision_id": world.table("lms_courses")[0].data["revisions"][0]["id"]}


def _open_progression(world: World) -> dict[str, Any]:
    rows = world.table("lms_course_progressions")
    return {"course_progression_id": next(row.id for row in rows if row.data["status"] == "ENROLLED")}


def _to_assign(world: World) -> dict[str, Any]:
    skill = world.add("hris_skills", {"name": "Juggling", "description": None, "ordered_levels": ["Expert"]})
    return {"skill_id": skill.id}


def _submission(world: World) -> str:
    posting = world.table("ai_job_postings")[0]
    world.add("ai_submissions", {"token": "token", "posting_id": posting.id})
    return "token"


def _token(sandbox: Sandbox) -> str:
    integration = next(iter(sandbox.integrations.values()))
    integration.token = "token"
    return "token"


class _Maker:
    """Makes values of schemas."""

    def __init__(self, sandbox: Sandbox, world: World, integration_id: str, *, full: bool) -> None:
        self.special: dict[str, Any] = {"integration_id": integration_id}
        self._world = world
        self._full = full
        self._ids = PLATFORM_IDS if world.integration_id == "platform" else IDS
        self._sandbox = sandbox

    def value(self, name: str, schema: Any) -> Any:
        """A value for the property *name*."""
        if name in self.special:
            return self.special[name]
        if name in NAMED:
            return NAMED[name]
        if name == "application_id":
            rows = self._world.table("ats_applications")
            return next(row.id for row in rows if row.data["outcome"] == "PENDING")
        if name == "interviewer_user_ids":
            return [self._world.table("ats_users")[1].id]
        if name in self._ids:
            return self._id(*self._ids[name])
        return self._made(name, resolve(schema))

    def _id(self, table: str, place: int) -> str:
        return self._world.table(table)[place].id

    def _made(self, name: str, schema: Any) -> Any:
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][0]
        found = variants(schema)
        if found:
            return self.value("", found[0])
        kinds = types(schema)
        if "object" in kinds:
            required = schema.get("required", [])
            wanted = {*required, "data", *self.special}  # a file without data would be no file
            if "data" in schema.get("properties", {}):
                wanted.add("content_type")
            items = schema.get("properties", {}).items()
            pairs = ((key, self.value(key, inner)) for key, inner in items if self._full or key in wanted)
            return {key: value for key, value in pairs if value is not LEFT_OUT}
        if "array" in kinds:
            return [self.value("", schema["items"])]
        return _scalar(name, schema, kinds)


def _scalar(name: str, schema: Any, kinds: list[str]) -> Any:
    if "string" in kinds:
        if schema.get("format") == "date-time":
            return FORMATS["date-time"]
        pattern = schema.get("pattern")
        if pattern in EXAMPLES:
            return EXAMPLES[pattern][0]
        return FORMATS.get(schema.get("format", ""), FORMATS["date-time"] if pattern else "word")
    if "integer" in kinds or "number" in kinds:
        lowest: int = schema.get("minimum", 0)
        return lowest + 1
    return "boolean" in kinds or None
