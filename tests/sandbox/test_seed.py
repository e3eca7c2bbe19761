"""The records from the start: they add up, their order in time makes sense, and look-ups tell what they hold."""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from kombo_async.sandbox import GREENHOUSE, Sandbox, default_id
from kombo_async.sandbox._seed.quick_random import Random
from kombo_async.sandbox._seed.source import Source
from kombo_async.sandbox._state.ids import id_at, number_at, place_of, place_of_number
from kombo_async.sandbox._state.initial import Origin
from kombo_async.sandbox._state.models import MODELS
from kombo_async.sandbox._state.store import World

HRIS, LMS, ORDERS = default_id("workday"), default_id("docebo"), default_id("icims")


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    """Large enough for each kind of record."""
    return Sandbox(employees=60, candidates=40, jobs=11)


def data(world: World, table: str) -> list[dict[str, Any]]:
    return [row.data for row in world.table(table)]


def test_pay_runs_are_the_sums_of_their_payslips(sandbox: Sandbox) -> None:
    """Pay runs are the sums of their payslips, and payslips of their items, to the cent."""
    world = sandbox.world(HRIS)
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for payslip in data(world, "hris_payslips"):
        for name, total in payslip["totals"].items():
            sums[payslip["pay_run_id"], name] += Decimal(str(total["value"]))
        items = sum(Decimal(str(item["amount"]["value"])) for item in payslip["line_items"])
        assert items == Decimal(str(payslip["totals"]["net_pay"]["value"]))
    runs = data(world, "hris_pay_runs")
    assert runs
    for run in runs:
        for name, total in run["totals"].items():
            assert Decimal(str(total["value"])) == sums[run["id"], name]
    employees = {row["id"]: row for row in data(world, "hris_employees")}
    legal = {run["id"]: run["legal_entity_id"] for run in runs}
    for payslip in data(world, "hris_payslips"):
        assert legal[payslip["pay_run_id"]] == employees[payslip["employee_id"]]["legal_entity_id"]


def test_what_follows_is_not_older(sandbox: Sandbox) -> None:
    """Nobody applies for a job before it is there, and nothing is older than what it is about."""
    about = {
        "ats_applications": {"job_id": "ats_jobs", "candidate_id": "ats_candidates"},
        "ats_interviews": {"application_id": "ats_applications"},
        "ats_offers": {"application_id": "ats_applications"},
        "ats_notes": {"application_id": "ats_applications"},
        "ats_scorecards": {"application_id": "ats_applications", "interview_id": "ats_interviews"},
        "ats_attachments": {"candidate_id": "ats_candidates", "application_id": "ats_applications"},
        "lms_course_progressions": {"course_id": "lms_courses"},
        "ai_job_postings": {"career_site_id": "ai_career_sites"},
    }
    for table, fields in about.items():
        id = {"ats": GREENHOUSE, "lms": LMS, "ai": None}[table.partition("_")[0]]
        world = sandbox.world(id)
        assert len(world.table(table)), table
        for record in data(world, table):
            for field, other in fields.items():
                older = world.peek(other, record[field])
                assert older is not None, (table, field)
                assert record["remote_created_at"] >= older["remote_created_at"], (table, field)


@pytest.mark.parametrize("id", [GREENHOUSE, HRIS, LMS, ORDERS, None])
def test_nothing_is_of_the_future_and_ids_lead_somewhere(sandbox: Sandbox, id: str | None) -> None:
    """Times are past, IDs are unique, and each ID within a record is that of a record."""
    world = sandbox.world(id)
    known = {record["id"] for model in MODELS for record in data(world, model)}
    for model in sorted(MODELS):
        records = data(world, model)
        assert len({record["id"] for record in records}) == len(records)
        assert len({record["remote_id"] for record in records}) == len(records)
        for record in records:
            assert record["remote_created_at"] <= record["changed_at"] <= sandbox.clock.stamp(), model
            for field, value in record.items():
                if field.endswith("_id") and field not in (
                    "remote_id",
                    "provider_id",
                    "origin_id",
                    "course_revision_id",
                ):
                    assert value is None or value in known, (model, field)


def test_attachments_are_there_with_their_files(sandbox: Sandbox) -> None:
    """Initial attachments are PDFs with the person's name."""
    records = data(sandbox.world(GREENHOUSE), "ats_attachments")
    assert len(records) == 20
    for record in records:
        file = sandbox.file(record["id"])
        assert file is not None
        assert file.data.startswith(b"%PDF-1.4")
        assert file.data.endswith(b"%%EOF\n")
        assert file.name == record["file_name"]


def origins(sandbox: Sandbox, id: str | None) -> dict[str, Origin]:
    """The initial records of each model."""
    category = "" if id is None else sandbox.integration(id).category
    environment = sandbox.environment
    source = Source(sandbox.seed, id or "platform", environment.born, environment.sizes, category)
    return {model: source.origin(model) for model in sorted(MODELS)}


@pytest.mark.parametrize("id", [GREENHOUSE, HRIS, LMS, ORDERS, None])
@pytest.mark.parametrize(
    "sizes", [(60, 40, 11, 10), (9, 13, 1, 1), (17, 12, 2, 3), (11, 31, 60, 9), (3, 0, 5, 2), (4, 5, 0, 0)]
)
def test_look_ups_tell_what_records_hold(sizes: tuple[int, ...], id: str | None) -> None:
    """Look-up values agree with the records, though they are derived without generating them."""
    employees, candidates, jobs, courses = sizes
    sandbox = Sandbox(employees=employees, candidates=candidates, jobs=jobs, courses=courses)
    world = sandbox.world(id)
    for model, origin in origins(sandbox, id).items():
        table = world.table(model)
        records = [origin.make(place) for place in range(origin.count)]
        for field, tell in origin.values.items():
            for place, record in enumerate(records):
                assert set(tell(place)) == set(table.indexes.values(field, record)), (model, field, place)
        for field, places in origin.inverse.items():
            having: dict[Any, list[int]] = defaultdict(list)
            for place, record in enumerate(records):
                for value in set(table.indexes.values(field, record)):
                    having[value].append(place)
            for value, expected in [*having.items(), ("none", []), ("0", []), (world.integration_id, [])]:
                assert [each for each in places(value) if each < origin.count] == expected, (model, field, value)
        assert all(record["changed_at"] <= origin.touched for record in records), model


@pytest.mark.parametrize("id", [GREENHOUSE, HRIS, LMS, ORDERS, None])
@pytest.mark.parametrize("jobs", [1, 30_000])
def test_look_up_values_repeat(id: str | None, jobs: int) -> None:
    """After a period of places, so that those of the first period are enough to find records."""
    sandbox, random = Sandbox(employees=30_000, candidates=30_000, jobs=jobs, courses=30_000, orders=30_000), Random(1)
    for model, origin in origins(sandbox, id).items():
        for place in random.sample(range(origin.count), min(origin.count, 150)):
            record = origin.make(place)
            for field, tell in origin.values.items():
                told = set(tell(place % origin.period))
                assert told == set(sandbox.world(id).table(model).indexes.values(field, record)), (model, field, place)


@pytest.mark.parametrize(("table", "field"), [("ats_jobs", "team_ids"), ("ats_interviews", "user_ids")])
def test_nobody_is_in_a_team_twice(table: str, field: str) -> None:
    """A team has several people, however few there are."""
    world = Sandbox(candidates=90, jobs=8).world(GREENHOUSE)
    teams = [tuple(record[field]) for record in data(world, table)]
    assert all(len(set(team)) == 2 for team in teams)
    assert len(set(teams)) > 5


@pytest.mark.parametrize("seed", [0, 1, 2**47 + 12_345])
@pytest.mark.parametrize("end", [2, 3, 12, 54, 100])
def test_what_consecutive_records_draw_is_spread(seed: int, end: int) -> None:
    """The first and the second draw, as evenly as chance has it, and whatever the last record drew."""
    count = 200 * end
    draws = [(random.below(end), random.below(end)) for random in map(Random, range(seed, seed + count))]
    following = [(one[0], other[0]) for one, other in pairwise(draws)]
    for drawn in (Counter(first for first, _ in draws), Counter(second for _, second in draws)):
        assert set(drawn) == set(range(end))
        assert all(100 < times < 320 for times in drawn.values())
    assert max(Counter(following).values()) < 3 * (200 / end) + 15


def test_initial_people_have_addresses_and_numbers_of_their_own() -> None:
    """However much else repeats among many."""
    sandbox = Sandbox(employees=10_000, candidates=10_000, jobs=10_000)
    for id, model, field in (
        (HRIS, "hris_employees", "work_email"),
        (HRIS, "hris_employees", "employee_number"),
        (GREENHOUSE, "ats_candidates", "emails"),
        (GREENHOUSE, "ats_jobs", "job_code"),
        (GREENHOUSE, "ats_jobs", "remote_id"),
    ):
        origin = origins(sandbox, id)[model]
        assert len({str(origin.make(place)[field]) for place in range(origin.count)}) == origin.count, field


def test_people_are_of_all_kinds(sandbox: Sandbox) -> None:
    """Statuses, groups and outcomes are spread."""
    statuses = Counter(record["employment_status"] for record in data(sandbox.world(HRIS), "hris_employees"))
    assert set(statuses) == {"ACTIVE", "INACTIVE", "LEAVE"}
    outcomes = Counter(record["outcome"] for record in data(sandbox.world(GREENHOUSE), "ats_applications"))
    assert set(outcomes) == {"PENDING", "DECLINED", "HIRED"}
    names = {record["last_name"] for record in data(sandbox.world(GREENHOUSE), "ats_candidates")}
    assert len(names) > 15


@pytest.mark.parametrize("place", [0, 1, 2, 57, 58, 3363, 3364, 99_999, 49_999_999])
def test_ids_lead_back_to_places(place: int) -> None:
    """An ID leads back to its place in its own table, and in no other."""
    key, other = ("seed", "lever:x", "ats_jobs"), ("seed", "lever:x", "ats_users")
    id, number = id_at(key, place), number_at(key, place)
    assert (len(id), len(number)) == (24, 8)
    assert (place_of(key, id), place_of_number(key, number)) == (place, place)
    assert place_of(other, id) is None
    assert place_of(key, f"{id[:-1]}0") is None
    assert place_of_number(key, "1234567x") is None


@pytest.mark.parametrize(
    "sizes",
    [
        {"employees": 0, "candidates": 0, "jobs": 0, "courses": 0, "orders": 0},
        {"jobs": 1, "employees": 1, "candidates": 1, "courses": 1},
    ],
)
def test_the_smallest_sizes(sizes: dict[str, int]) -> None:
    """A sandbox with no records, and one with one of each, work."""
    small = Sandbox(**sizes)  # type: ignore[arg-type]
    for id in [*small.integrations, None]:
        for model in sorted(MODELS):
            assert len(data(small.world(id), model)) == len(small.world(id).table(model))
