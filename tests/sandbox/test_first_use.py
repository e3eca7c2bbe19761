"""The first use of a filter: it generates few records, and finds what a reading of all records finds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import attrs
import pytest

from kombo_async.sandbox import GREENHOUSE, Sandbox
from kombo_async.sandbox._api import lists
from kombo_async.sandbox._api.request_parsing import read_request
from kombo_async.sandbox._handlers.registry import LISTINGS
from kombo_async.sandbox._seed.source import Source
from kombo_async.sandbox._state import bitmaps, indexes
from kombo_async.sandbox._state.bitmaps import SPAN, walk
from kombo_async.sandbox._state.dependents import REFERENCES
from kombo_async.sandbox._state.initial import PERIOD, Origin
from kombo_async.sandbox._state.store import World
from tests.sandbox.raw_calls import call
from tests.sandbox.scale_filters import filters_of, integration_of, request_of, values_of
from tests.sandbox.scale_first import counting, new_sandbox, queries_of
from tests.sandbox.test_filters_together import LISTS, change_some, passes

INITIAL = [each for each in LISTS if each != "GetAiApplyApplications"]
"""The lists that have records at first."""
ALWAYS_FEW = (
    "GetAtsRoles",
    "GetHrisGroups",
    "GetHrisLocations",
    "GetHrisLegalEntities",
    "GetHrisSkills",
    "GetHrisPayRuns",
)
"""The lists that have few records, whatever the sizes."""
MANY = SPAN + 1_000
"""So many records take two blocks of bits, and repeat more than twice."""
SMALL_SPAN, SEVERAL = 1_024, 5_000
"""So many records take five smaller blocks, and repeat: enough for every filter of every list."""


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several blocks of bits for fewer records."""
    monkeypatch.setattr(bitmaps, "SPAN", SMALL_SPAN)
    monkeypatch.setattr(bitmaps, "_ALL", (1 << SMALL_SPAN) - 1)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """By field: for how many places its values have been told."""
    counter: Counter[str] = Counter()
    origin_of = Source.origin

    def origin(source: Source, name: str) -> Origin:
        origin = origin_of(source, name)

        def tell(place: int, *, field: str, values: Callable[[int], Iterable[Any]]) -> Iterable[Any]:
            counter[field] += 1
            return values(place)

        values = {field: partial(tell, field=field, values=values) for field, values in origin.values.items()}
        return attrs.evolve(origin, values=values)

    monkeypatch.setattr(Source, "origin", origin)
    return counter


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("operation", INITIAL)
async def test_the_first_use_of_a_filter_looks_at_few_records(operation: str, told: Counter[str]) -> None:
    """Among 100,000, it generates those on the page and what they nest, and tells the values of one period."""
    with counting() as generated:
        sandbox = new_sandbox(100_000)
        for query in queries_of(sandbox, operation):
            generated.clear()
            told.clear()
            path = f"{request_of(operation).operation.path}?{query}&page_size=1"
            response = await call(sandbox, "GET", path, integration=integration_of(operation) or GREENHOUSE)
            assert response.status_code in (200, 400), query
            assert len(generated) < 150, (query, Counter(generated))
            assert max(told.values(), default=0) < 1.5 * PERIOD, query


def sizes_for(operation: str, many: int = SEVERAL) -> Any:
    """Sizes for which a list has *many* records."""
    request_of(operation)

    def sizes(size: int) -> dict[str, int]:
        return dict.fromkeys(("employees", "candidates", "jobs", "courses", "orders"), size)

    sandbox = Sandbox(**sizes(many))  # type: ignore[arg-type]
    count = len(sandbox.world(integration_of(operation)).table(LISTINGS[operation].table))
    return sizes(many * many // count + 2)


def compare(world: World, operation: str, random: Random, names: Iterable[str]) -> None:
    """Compare what these filters find by the look-ups alone with what a reading of all records finds."""
    listing, request = attrs.evolve(LISTINGS[operation], only=None), request_of(operation)
    table = world.table(listing.table)
    sample = [table[place].data for place in random.sample(range(len(table)), 40)]
    values = {name: values_of(world, listing, name, sample) for name in names}
    asked = [(name, value) for name in names for value in random.sample(values[name], min(2, len(values[name])))]
    records = list(table)
    for name, value in asked:
        if value not in ("none", "null"):
            parsed = read_request(request, {}, f"{name}={quote(value)}", "", b"")
            ((filter, wanted),) = lists._filters(listing, parsed)
            found = list(walk([filter.places(world, table, wanted)], 0, len(table)))
            assert found == [each.place for each in records if passes(world, each, name, value)], (name, value)


def change(sandbox: Sandbox, operation: str, random: Random) -> None:
    """Change, delete and add some records of a list."""
    for _ in range(3):
        sandbox.clock.advance(60)
        change_some(sandbox.world(integration_of(operation)), LISTINGS[operation].table, random)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("operation", [each for each in INITIAL if each not in ALWAYS_FEW])
def test_filters_find_what_a_walk_finds_among_many(operation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over several blocks of bits and periods of values, whether they were used before records changed or not."""
    monkeypatch.setattr(indexes, "SLOW_STEP", 7)
    sandbox = Sandbox(**sizes_for(operation))
    sandbox.clock.stop()
    world, random, names = sandbox.world(integration_of(operation)), Random(operation), filters_of(operation)
    compare(world, operation, random, names[::3])
    change(sandbox, operation, random)
    compare(world, operation, random, names)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("operation", ["GetHrisEmployees", "GetHrisAbsences", "GetAtsCandidates"])
def test_filters_find_what_a_walk_finds_in_a_file(operation: str, tmp_path: Path) -> None:
    """What changed before the sandbox was closed is found after it was opened again."""
    first = Sandbox(**sizes_for(operation), state=tmp_path / "state.db")
    change(first, operation, Random(operation))
    first.close()
    second = Sandbox(state=tmp_path / "state.db")
    compare(second.world(integration_of(operation)), operation, Random(operation), filters_of(operation))
    second.close()


@pytest.mark.parametrize("asked_before", [True, False])
def test_look_ups_find_what_a_walk_finds_among_many(asked_before: bool) -> None:
    """By values that many have, few, and one, whether they were used before records changed or not."""
    sandbox, random = Sandbox(**sizes_for("GetHrisEmployees", MANY)), Random(1)
    world = sandbox.world(integration_of("GetHrisEmployees"))
    table = world.table("hris_employees")

    def check() -> None:
        records = list(table)
        for field in ("legal_entity_id", "manager_id", "group_ids", "work_email", "remote_id"):
            having: dict[Any, list[int]] = defaultdict(list)
            for record in records:
                for value in table.indexes.values(field, record.data):
                    having[value].append(record.place)
            for value in [*random.sample(list(having), min(len(having), 10)), *list(having)[-4:]]:
                assert table.indexes.places(field, value) == having[value], field
                assert table.indexes.places(field, value, 3) == having[value][:3], field
        led = table[3].id
        assert table.where("manager_id", led) == [each for each in records if each.data["manager_id"] == led]

    if asked_before:
        check()
    world.change(table.name, table[9], manager_id=table[3].id)
    change(sandbox, "GetHrisEmployees", random)
    check()


@pytest.mark.parametrize("asked_before", [True, False])
@pytest.mark.parametrize("operation", ["GetAtsCandidates", "GetAtsInterviews"])
def test_who_applies_for_another_job_is_found_by_that(operation: str, asked_before: bool) -> None:
    """A candidate and an interview have the jobs of their applications, though they did not change themselves."""
    sandbox = Sandbox(candidates=30, jobs=10)
    sandbox.clock.advance(-86_400 * 365)  # nothing is touched by a change in the past
    world = sandbox.world(GREENHOUSE)
    table, jobs = world.table(LISTINGS[operation].table), world.table("ats_jobs")
    application = world.table("ats_applications")[3]
    before, after = application.data["job_id"], jobs[9 if application.data["job_id"] != jobs[9].id else 8].id
    field = "candidate_id" if operation == "GetAtsCandidates" else "id"
    own = "id" if operation == "GetAtsCandidates" else "application_id"
    (holder,) = table.where(own, application.data[field])

    def found(job: str) -> bool:
        return holder.place in table.indexes.places("job_ids", job)

    assert not asked_before or (found(before) and not found(after))
    world.change("ats_applications", application, job_id=after)
    assert not found(before)
    assert found(after)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("operation", ["GetHrisEmployees", "GetAtsCandidates"])
def test_filters_find_what_a_walk_finds_in_a_lagging_copy(operation: str) -> None:
    """Before the changes arrive, and after that."""
    sandbox, random = Sandbox(**sizes_for(operation), copy_lag=3_600), Random(operation)
    sandbox.clock.stop()
    integration, names = integration_of(operation), filters_of(operation)
    change(sandbox, operation, random)
    sandbox.environment.copy(integration)  # begins with what there is
    change(sandbox, operation, random)
    compare(sandbox.environment.copy(integration), operation, random, names[::3])
    sandbox.clock.advance(3_600)
    copied, world = sandbox.environment.copy(integration), sandbox.world(integration)
    assert len(copied.table(LISTINGS[operation].table)) == len(world.table(LISTINGS[operation].table))
    compare(copied, operation, random, names)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("operation", [each for each in INITIAL if each not in ALWAYS_FEW])
async def test_what_nests_a_changed_record_is_found_without_reading_all(operation: str, told: Counter[str]) -> None:
    """Though nearly every record may nest it."""
    with counting() as generated:
        sandbox = new_sandbox(100_000)
        sandbox.clock.stop()
        sandbox.clock.advance(60)
        request_of(operation)
        world, table = sandbox.world(integration_of(operation)), LISTINGS[operation].table
        nested = [name for name, holders in REFERENCES.items() for holder, _, _ in holders if holder == table]
        for name in nested:
            world.change(name, world.table(name)[0], x=1)
        generated.clear()
        path = f"{request_of(operation).operation.path}?updated_after={quote(world.clock.stamp())}&page_size=1"
        response = await call(sandbox, "GET", path, integration=world.integration_id)
    assert response.status_code == 200, response.text
    assert len(generated) < 150, Counter(generated)
    assert max(told.values(), default=0) < 1.5 * PERIOD, told


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_enrolling_and_updating_look_at_one_course() -> None:
    """Not for the one that is meant at all of them."""
    with counting() as generated:
        sandbox = new_sandbox(100_000)
        world = sandbox.world(integration_of("GetLmsCourses"))
        course, user = world.table("lms_courses")[70_000], world.table("lms_users")[9]
        revision = course.data["revisions"][0]["id"]
        content = {"title": "Chess", "course_url": "https://example.com", "type": "EXTERNAL"}
        calls = {
            "/lms/course-progressions": {"user_id": user.id, "course_revision_id": revision},
            "/lms/courses/bulk": {"items": [{"origin_id": "x", "course": content}]},
        }
        generated.clear()
        for path, body in calls.items():
            response = await call(sandbox, "POST", path, json=body, integration=world.integration_id)
            assert response.status_code == 200, response.text
    assert len(generated) < 20, Counter(generated)
