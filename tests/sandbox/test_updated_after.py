"""What `updated_after` returns when something nested changes: by the tables in the official client's descriptions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from kombo_async._generated.operations import REQUESTS
from kombo_async.sandbox import Sandbox, default_id
from kombo_async.sandbox._state.refusals import Refusal
from kombo_async.sandbox._state.store import World
from kombo_async.sandbox._state.table import StoredRecord

pytestmark = pytest.mark.anyio

TOOLS = {"ats": "greenhouse", "hris": "workday", "lms": "docebo"}
Change: TypeAlias = Callable[[World, StoredRecord], Any]


def first(world: World, table: str, field: str = "", value: str = "") -> StoredRecord:
    """A record of *table*, one with *value* in *field*."""
    return (world.table(table).where(field, value) if field else world.table(table))[0]


def linked(table: str, field: str) -> Change:
    """The record of *table* whose ID is in *field* changes."""

    def change(world: World, holder: StoredRecord) -> None:
        value = holder.data[field]
        id = value[0] if isinstance(value, list) else value
        world.change(table, world.get(table, id, table), remote_id="changed")

    return change


def owned(table: str, field: str) -> Change:
    """A record of *table* that belongs to the holder changes."""
    return lambda world, holder: world.change(table, first(world, table, field, holder.id), remote_id="changed")


def added(table: str, field: str) -> Change:
    """Another record of *table* comes to belong to the holder."""

    def add(world: World, holder: StoredRecord) -> None:
        data = {**first(world, table).data, field: holder.id}
        for name in ("id", "remote_id", "changed_at"):
            data.pop(name)
        world.add(table, data)

    return add


def membership(field: str, table: str) -> Change:
    """The holder's list of IDs loses or gains one."""

    def change(world: World, holder: StoredRecord) -> None:
        ids = holder.data[field]
        if not ids:
            raise LookupError(field)
        world.change(holder.table.name, holder, **{field: ids[1:] or [first(world, table).id]})

    return change


def through(*steps: tuple[str, str], change: Change) -> Change:
    """Follow IDs (table, field) from the holder, and change what the last one leads to."""

    def follow(world: World, holder: StoredRecord) -> None:
        for table, field in steps:
            holder = world.get(table, holder.data[field], table)
        change(world, holder)

    return follow


def of_application(table: str) -> Change:
    """A record of *table* that an application of the candidate leads to changes."""
    field = {"ats_jobs": "job_id", "ats_application_stages": "current_stage_id"}[table]
    return lambda world, holder: linked(table, field)(
        world, first(world, "ats_applications", "candidate_id", holder.id)
    )


APPLICATION = ("ats_applications", "application_id")
# (operation, table, what changes, how, whether the holder is returned)
CASES: list[tuple[str, str, str, Change, bool]] = [
    ("GetAtsApplications", "ats_applications", "candidate", linked("ats_candidates", "candidate_id"), True),
    (
        "GetAtsApplications",
        "ats_applications",
        "candidate.tags",
        through(("ats_candidates", "candidate_id"), change=linked("ats_tags", "tag_ids")),
        False,
    ),
    ("GetAtsApplications", "ats_applications", "stage", linked("ats_application_stages", "current_stage_id"), False),
    ("GetAtsApplications", "ats_applications", "job", linked("ats_jobs", "job_id"), False),
    ("GetAtsApplications", "ats_applications", "interviews", owned("ats_interviews", "application_id"), True),
    ("GetAtsApplications", "ats_applications", "interviews added", added("ats_interviews", "application_id"), True),
    ("GetAtsApplications", "ats_applications", "offers", owned("ats_offers", "application_id"), True),
    ("GetAtsApplications", "ats_applications", "offers added", added("ats_offers", "application_id"), True),
    ("GetAtsCandidates", "ats_candidates", "applications", owned("ats_applications", "candidate_id"), True),
    ("GetAtsCandidates", "ats_candidates", "applications added", added("ats_applications", "candidate_id"), True),
    ("GetAtsCandidates", "ats_candidates", "applications.stage", of_application("ats_application_stages"), False),
    ("GetAtsCandidates", "ats_candidates", "applications.job", of_application("ats_jobs"), False),
    ("GetAtsCandidates", "ats_candidates", "tags", linked("ats_tags", "tag_ids"), False),
    ("GetAtsCandidates", "ats_candidates", "tags removed", membership("tag_ids", "ats_tags"), True),
    ("GetAtsInterviews", "ats_interviews", "users", linked("ats_users", "user_ids"), False),
    ("GetAtsInterviews", "ats_interviews", "users removed", membership("user_ids", "ats_users"), True),
    ("GetAtsInterviews", "ats_interviews", "application", linked("ats_applications", "application_id"), True),
    (
        "GetAtsInterviews",
        "ats_interviews",
        "application.candidate",
        through(APPLICATION, change=linked("ats_candidates", "candidate_id")),
        False,
    ),
    (
        "GetAtsInterviews",
        "ats_interviews",
        "application.job",
        through(APPLICATION, change=linked("ats_jobs", "job_id")),
        False,
    ),
    ("GetAtsOffers", "ats_offers", "application", linked("ats_applications", "application_id"), True),
    (
        "GetAtsOffers",
        "ats_offers",
        "application.candidate",
        through(APPLICATION, change=linked("ats_candidates", "candidate_id")),
        False,
    ),
    (
        "GetAtsOffers",
        "ats_offers",
        "application.job",
        through(APPLICATION, change=linked("ats_jobs", "job_id")),
        False,
    ),
    ("GetAtsJobs", "ats_jobs", "stages", linked("ats_application_stages", "stage_ids"), False),
    ("GetAtsJobs", "ats_jobs", "stages removed", membership("stage_ids", "ats_application_stages"), True),
    ("GetAtsJobs", "ats_jobs", "hiring_team", linked("ats_users", "team_ids"), False),
    ("GetAtsJobs", "ats_jobs", "hiring_team removed", membership("team_ids", "ats_users"), True),
    ("GetAtsNotes", "ats_notes", "author", linked("ats_users", "author_id"), False),
    ("GetAtsNotes", "ats_notes", "application", linked("ats_applications", "application_id"), False),
    ("GetAtsNotes", "ats_notes", "candidate", linked("ats_candidates", "candidate_id"), False),
    ("GetAtsScorecards", "ats_scorecards", "author", linked("ats_users", "author_id"), False),
    ("GetAtsScorecards", "ats_scorecards", "application", linked("ats_applications", "application_id"), False),
    ("GetAtsScorecards", "ats_scorecards", "candidate", linked("ats_candidates", "candidate_id"), False),
    ("GetAtsScorecards", "ats_scorecards", "interview", linked("ats_interviews", "interview_id"), False),
    ("GetAtsUsers", "ats_users", "system_roles", linked("ats_roles", "role_ids"), True),
    ("GetHrisAbsences", "hris_absences", "type", linked("hris_absence_types", "type_id"), True),
    ("GetHrisTimeOffBalances", "hris_time_off_balances", "type", linked("hris_absence_types", "type_id"), True),
    ("GetHrisEmployees", "hris_employees", "employments", owned("hris_employments", "employee_id"), True),
    ("GetHrisEmployees", "hris_employees", "employments added", added("hris_employments", "employee_id"), True),
    ("GetHrisEmployees", "hris_employees", "balances", owned("hris_time_off_balances", "employee_id"), True),
    ("GetHrisEmployees", "hris_employees", "manager", linked("hris_employees", "manager_id"), True),
    ("GetHrisEmployees", "hris_employees", "groups", linked("hris_groups", "group_ids"), False),
    ("GetHrisEmployees", "hris_employees", "groups removed", membership("group_ids", "hris_groups"), True),
    ("GetHrisEmployees", "hris_employees", "legal_entity", linked("hris_legal_entities", "legal_entity_id"), True),
    ("GetHrisEmployees", "hris_employees", "work_location", linked("hris_locations", "work_location_id"), True),
    ("GetHrisPayslips", "hris_payslips", "employee", linked("hris_employees", "employee_id"), False),
    ("GetHrisPayslips", "hris_payslips", "pay_run", linked("hris_pay_runs", "pay_run_id"), False),
    (
        "GetHrisPerformanceReviews",
        "hris_performance_reviews",
        "review_cycle",
        linked("hris_performance_review_cycles", "review_cycle_id"),
        True,
    ),
    (
        "GetHrisPerformanceReviews",
        "hris_performance_reviews",
        "reviewee",
        linked("hris_employees", "reviewee_id"),
        True,
    ),
    (
        "GetHrisPerformanceReviews",
        "hris_performance_reviews",
        "reviewer",
        linked("hris_employees", "reviewer_id"),
        True,
    ),
    ("GetHrisStaffingEntities", "hris_staffing_entities", "locations", linked("hris_locations", "location_ids"), True),
    (
        "GetHrisStaffingEntities",
        "hris_staffing_entities",
        "legal_entities",
        linked("hris_legal_entities", "legal_entity_ids"),
        True,
    ),
    ("GetHrisStaffingEntities", "hris_staffing_entities", "groups", linked("hris_groups", "group_ids"), True),
]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize(
    ("operation", "table", "change", "seen"),
    [pytest.param(op, table, change, seen, id=f"{op}-{what}") for op, table, what, change, seen in CASES],
)
async def test_updated_after_sees_what_kombo_sees(operation: str, table: str, change: Change, seen: bool) -> None:
    """The record is in the list with `updated_after` if Kombo would return it, and shows the change in any case."""
    sandbox = Sandbox(employees=30, candidates=20, jobs=10)
    sandbox.clock.stop()
    id = default_id(TOOLS[table.partition("_")[0]])
    world, kombo = sandbox.world(id), sandbox.client(id)
    holder = next(row for row in world.table(table) if _can(change, world, row))
    sandbox.clock.advance(60)
    since = sandbox.clock.now()
    request: Any = REQUESTS[operation]
    before = (await kombo.send(request(ids=[holder.id]))).unwrap().results[0]
    assert (await kombo.send(request(updated_after=since))).unwrap().results == []
    change(world, holder)
    found = (await kombo.send(request(updated_after=since))).unwrap().results
    assert (holder.id in {each.id for each in found}) == seen
    if not seen and operation not in ("GetAtsNotes", "GetAtsScorecards"):
        after = (await kombo.send(request(ids=[holder.id]))).unwrap().results[0]
        assert before.changed_at == after.changed_at


def _can(change: Change, world: World, holder: StoredRecord) -> bool:
    """Whether *holder* has something that can change: tried on a twin of its world."""
    twin = Sandbox(employees=30, candidates=20, jobs=10)
    try:
        other = twin.world(world.integration_id)
        change(other, other.table(holder.table.name)[holder.place])
    except (LookupError, TypeError, AttributeError, Refusal):
        return False
    return True


@pytest.mark.parametrize("operation", [id for id in REQUESTS if REQUESTS[id].operation.blind_spots])
def test_every_blind_spot_has_its_case(operation: str) -> None:
    """What the generated operations call blind stands in the table above as such."""
    blind = {what for op, _, what, _, seen in CASES if op == operation and not seen}
    names = {"current_stage": "stage", "teams": "groups"}
    for path, _ in REQUESTS[operation].operation.blind_spots:
        assert names.get(path, path) in blind
