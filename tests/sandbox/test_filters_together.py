"""Filters at once, of every list, find what a reading of all records finds, whatever has changed meanwhile."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from random import Random
from urllib.parse import unquote

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kombo_async._generated.operations import REQUESTS
from kombo_async.sandbox import GREENHOUSE, Sandbox
from kombo_async.sandbox._api.filters import COMMON
from kombo_async.sandbox._handlers.registry import LISTINGS
from kombo_async.sandbox._state import bitmaps, indexes, initial, touches
from kombo_async.sandbox._state.bitmaps import SPAN, Ordered, Places, repeated, walk
from kombo_async.sandbox._state.clock import stamp
from kombo_async.sandbox._state.dependents import REFERENCES
from kombo_async.sandbox._state.fields import mapped_fields, value_of
from kombo_async.sandbox._state.store import World
from kombo_async.sandbox._state.table import StoredRecord
from tests.sandbox.raw_calls import call, ids
from tests.sandbox.scale_filters import FIELDS, filters_of, integration_of, request_of, values_of

pytestmark = pytest.mark.anyio

LISTS = [
    "GetAtsApplications", "GetAtsCandidates", "GetAtsJobs", "GetAtsUsers", "GetAtsRoles", "GetAtsOffers",
    "GetAtsInterviews", "GetAtsNotes", "GetAtsScorecards", "GetAtsAttachments", "GetHrisEmployees", "GetHrisGroups",
    "GetHrisEmployments", "GetHrisLocations", "GetHrisTimeOffBalances", "GetHrisAbsences", "GetHrisLegalEntities",
    "GetHrisTimesheets", "GetHrisPerformanceReviews", "GetHrisSkills", "GetHrisEmployeeSkillAssignments",
    "GetHrisStaffingEntities", "GetHrisPayRuns", "GetHrisPayslips", "GetLmsUsers", "GetLmsCourseProgressions",
    "GetLmsCourses", "GetAssessmentOrders", "GetAssessmentOrdersOpen", "GetAiApplyPostings", "GetAiApplyPostingsForms",
    "GetAiApplyUnifiedApiJobs", "GetAiApplyApplications",
]  # fmt: skip


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Small limits, so that few records have several blocks, common values, and indexes that are built in slices."""
    if "operation" in request.fixturenames:
        monkeypatch.setattr(bitmaps, "SPAN", 64)
        monkeypatch.setattr(bitmaps, "_ALL", (1 << 64) - 1)
        for module in (indexes, initial, touches):
            monkeypatch.setattr(module, "FEW", 8)
        monkeypatch.setattr(indexes, "AT_ONCE", 20)
        monkeypatch.setattr(touches, "AT_ONCE", 1)


def _values(world: World, record: StoredRecord, name: str) -> set[str]:
    """The values of a record that a filter compares."""
    if name == "job_remote_ids":
        job = world.peek("ats_jobs", record.data["job_id"])
        return set() if job is None else {job["remote_id"]}
    if name == "job_ids" and record.table.name == "ats_candidates":
        return _jobs(world)[record.id]
    if name == "job_ids" and record.table.name == "ats_interviews":
        return _jobs(world)[record.data["application_id"]]
    if name == "post_url":
        return {record.data["post_url"], *(each["url"] for each in record.data["job_postings"])}
    value = record.data.get(FIELDS.get(name, name.removesuffix("s")), record.data.get(name))
    return set(value) if isinstance(value, list) else {"null" if value is None else value}


def _jobs(world: World) -> Mapping[str, set[str]]:
    """By candidate and by application: the jobs of the applications."""

    def read() -> dict[str, set[str]]:
        jobs: dict[str, set[str]] = defaultdict(set)
        table = world.table("ats_applications")
        for each in map(table.read, range(len(table))):
            jobs[each["id"]].add(each["job_id"])
            if each["remote_deleted_at"] is None:
                jobs[each["candidate_id"]].add(each["job_id"])
        return jobs

    return world.remember("jobs, for this test", ("ats_applications",), read)


def _touched(world: World, record: StoredRecord) -> str:
    """When a record, or what it nests, last changed."""
    nested = [
        world.peek(name, id)
        for name, holders in REFERENCES.items()
        for holder, field, counts in holders
        if holder == record.table.name and counts
        for id in (record.data[field] if isinstance(record.data[field], list) else [record.data[field]])
    ]
    changed: list[str] = [each["changed_at"] for each in nested if each is not None]
    return max((record.touched, *(at for at in changed if at > stamp(world.born))))


def passes(world: World, record: StoredRecord, name: str, value: str) -> bool:
    """Whether a record passes a filter."""
    found = record.data.get(FIELDS.get(name, ""))
    if name == "updated_after":
        return _touched(world, record) >= value
    if name == "custom_fields":
        ((key, wanted),) = json.loads(value).items()
        field = mapped_fields(world, "hris_employees").get(key)
        return field is not None and value_of(world, "hris_employees", record.data, field) == wanted
    if name == "name_contains":
        return value.lower() in record.data["name"].lower()
    if name in ("date_from", "time_from"):
        return found is None or found >= value[:10]
    if name in ("date_until", "time_until"):
        return found is not None and found <= value[:10]
    if name.endswith(("_after", "_before")):
        return found is not None and (found >= value if name.endswith("_after") else found <= value)
    ignores_case = "email" in name or name in ("outcome", "status", "employment_status", "first_name", "last_name")
    of_record, wanted = _values(world, record, name), set(value.split(","))
    if ignores_case:
        of_record, wanted = {each.lower() for each in of_record}, {each.lower() for each in wanted}
    return not of_record.isdisjoint(wanted)


def expected(world: World, operation: str, given: dict[str, str], *, deleted_too: bool) -> Iterator[str]:
    """The IDs of the records that a list should show."""
    long_ago = stamp(world.clock.now() - timedelta(days=14))
    needs_fields = bool(given.keys() - COMMON.keys()) or operation == "GetAssessmentOrdersOpen"
    for record in world.table(LISTINGS[operation].table):
        deleted_at = record.data["remote_deleted_at"]
        if deleted_at and (not deleted_too or (needs_fields and deleted_at <= long_ago)):
            continue
        if operation == "GetAssessmentOrdersOpen" and record.data["status"] != "OPEN":
            continue
        if all(passes(world, record, name, value) for name, value in given.items()):
            yield record.id


def change_some(world: World, name: str, random: Random) -> None:
    """Change, delete, restore and add some records, and change some that these nest."""
    table = world.table(name)
    fields = sorted({*FIELDS.values(), "employee_id", "job_id", "job_posting_id", "type_id", "user_id"})
    for _ in range(15):
        record, other = random.choice(table), random.choice(table)
        taken = {field: other.data[field] for field in fields if field in other.data and random.random() < 0.3}
        taken = {field: value for field, value in taken.items() if field not in ("id", "changed_at", "remote_id")}
        match random.randrange(5):
            case 0:
                world.delete(name, record)
            case 1:
                at = stamp(world.clock.now() - timedelta(days=random.choice((13, 15))))
                world.change(name, record, remote_deleted_at=random.choice((at, None)))
            case 2:
                new = {key: value for key, value in other.data.items() if key not in ("id", "remote_id")}
                world.add(name, {**new, "remote_deleted_at": None, "remote_id": f"new-{len(table)}"})
            case _:
                world.change(name, record, **taken)
    if name in ("ats_candidates", "ats_interviews"):  # their jobs are those of their applications
        change_some(world, "ats_applications", random)
    for nested, holders in REFERENCES.items():
        if any(holder == name for holder, _, _ in holders):
            for _ in range(3):
                world.change(nested, random.choice(world.table(nested)), x=1)


def apply(world: World, random: Random) -> None:
    """Apply for some postings of AI Apply."""
    for number in range(30):
        posting = random.choice(world.table("ai_job_postings")[:6]).id
        times = dict.fromkeys(("created_at", "updated_at"), world.clock.stamp())
        email = f"{number}@example.com"
        world.add("ai_applications", {"job_posting_id": posting, "email": email, "status": "SUBMITTED", **times})


async def listed(sandbox: Sandbox, operation: str, query: str, random: Random) -> list[str]:
    """The IDs on all pages of a list."""
    found: list[str] = []
    cursor: str | None = ""
    largest = LISTINGS[operation].largest_page
    while cursor is not None:
        page = f"page_size={min(random.choice((1, 7, 60, largest)), largest)}"
        page += f"&cursor={cursor}" if cursor else ""
        path = f"{request_of(operation).operation.path}?{query}&{page}"
        response = await call(sandbox, "GET", path, integration=integration_of(operation) or GREENHOUSE)
        found += ids(response)
        cursor = response.json()["data"]["next"]
    return found


def some_filters(world: World, operation: str, random: Random) -> dict[str, str]:
    """Up to three filters of a list, with values."""
    names = filters_of(operation)
    chosen = random.sample(names, min(len(names), random.randrange(4)))
    sample = [each.data for each in world.table(LISTINGS[operation].table)]
    given = {name: unquote(random.choice(values_of(world, LISTINGS[operation], name, sample))) for name in chosen}
    if given.get("updated_after") and random.random() < 0.5:
        given["updated_after"] = stamp(world.clock.now() - timedelta(seconds=random.choice((30, 90, 150))))
    return {name: value for name, value in given.items() if value not in ("none", "null") or "ids" in name}


@pytest.fixture(params=["checked", "by indexes alone"])
def checking(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, operation: str) -> str:
    """Whether lists check each record that the indexes have found, as they do, or trust the indexes."""
    request_of(operation)
    if request.param == "by indexes alone":
        listing = LISTINGS[operation]
        filters = {name: attrs.evolve(each, test=lambda *_: True) for name, each in listing.filters.items()}
        monkeypatch.setitem(LISTINGS, operation, attrs.evolve(listing, filters=filters))
        for name, each in list(COMMON.items()):
            monkeypatch.setitem(COMMON, name, attrs.evolve(each, test=lambda *_: True))
    return str(request.param)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("operation", LISTS)
async def test_filters_at_once_find_what_a_walk_finds(operation: str, checking: str) -> None:
    """Up to three filters, on pages of any size, with and without deleted records, before and after changes."""
    random = Random(f"{operation} {checking}")
    sandbox = Sandbox(employees=90, candidates=90, jobs=20, orders=90, courses=12)
    sandbox.clock.stop()
    world = sandbox.world(integration_of(operation))
    if operation == "GetAiApplyApplications":  # there are none at first
        apply(world, random)
    several = 0
    for turn in range(4):
        if turn:
            sandbox.clock.advance(60)
            change_some(world, LISTINGS[operation].table, random)
        for _ in range(20):
            given = some_filters(world, operation, random)
            deleted_too = random.random() < 0.4 and "include_deleted" in request_of(operation).operation.query
            parameters = [f"{name}={value}" for name, value in given.items()]
            query = "&".join([*parameters, *(["include_deleted=true"] if deleted_too else [])])
            found = await listed(sandbox, operation, query, random)
            wanted = list(expected(world, operation, given, deleted_too=deleted_too))
            assert found == wanted, (turn, given, deleted_too)
            several += len(given) > 1 and 0 < len(found) < len(world.table(LISTINGS[operation].table))
    assert several > 1 or len(filters_of(operation)) < 2, "hardly any query found some records, but not all"


def test_every_list_with_filters_is_tried() -> None:
    """A new list, or one that gets filters, must be tried, too."""
    for operation in REQUESTS:
        request_of(operation)
    own = {each for each in LISTINGS if set(filters_of(each)) - {"ids", "remote_ids", "updated_after"}}
    assert own <= set(LISTS)


TEXTS = st.one_of(
    st.none(), st.sampled_from(["", "null", "2026-05-19", "2026-05-19T00:00:00.000Z", "~", "é"]), st.text(max_size=24)
).filter(lambda text: text is None or len(text.encode(errors="replace")) <= 24)


@given(
    before=st.lists(TEXTS, max_size=20),
    start=st.integers(0, 3 * SPAN),
    later=st.dictionaries(st.integers(0, 4 * SPAN), TEXTS, max_size=20),
    low=st.text(max_size=3),
    high=st.text(max_size=3),
    first=st.integers(0, 3 * SPAN),
)
@settings(max_examples=200, deadline=None)
def test_ranges_of_texts_are_what_comparisons_say(
    before: list[str | None], start: int, later: dict[int, str | None], low: str, high: str, first: int
) -> None:
    """Texts are compared as Python compares them, whether they were filled in or set later."""
    ordered = Ordered()
    ordered.fill(start, before)
    texts = {start + place: text for place, text in enumerate(before)}
    for place, text in later.items():
        ordered.set(place, text)
        texts[place] = text
    known = sorted((place, text) for place, text in texts.items() if text is not None and place >= first)
    end = 5 * SPAN

    def found(bits: Callable[[int], int]) -> list[int]:
        return list(walk([bits], first, end))

    assert found(ordered.present) == [place for place, _ in known]
    for lowest, highest in ((low, high), (low, "~"), ("", high), (high, high)):
        between = [place for place, text in known if lowest <= text <= highest]
        assert found(ordered.between(lowest, highest)) == between
    assert found(ordered.at_least(low)) == [place for place, text in known if text >= low]


@given(
    first=st.sets(st.integers(0, 3 * SPAN)),
    steps=st.lists(st.tuples(st.booleans(), st.integers(0, 3 * SPAN))),
    start=st.integers(0, SPAN),
    end=st.integers(0, 4 * SPAN),
)
@settings(max_examples=100, deadline=None)
def test_places_can_be_added_and_removed(first: set[int], steps: list[tuple[bool, int]], start: int, end: int) -> None:
    """As with any set of numbers."""
    places, known = Places(first), set(first)
    for added, place in steps:
        (places.add if added else places.remove)(place)
        (known.add if added else known.discard)(place)
    assert list(walk([places.bits], start, end)) == sorted(place for place in known if start <= place < end)


@given(
    cycle=st.sets(st.integers(0, 99)),
    period=st.integers(1, 4 * SPAN),
    count=st.integers(0, 5 * SPAN),
    start=st.integers(0, 5 * SPAN),
)
@settings(max_examples=100, deadline=None)
def test_a_set_of_places_repeats(cycle: set[int], period: int, count: int, start: int) -> None:
    """From one period to the next, up to the last place."""
    cycle = {place for place in cycle if place < period}
    found = list(walk([repeated(cycle, period, count)], start, 6 * SPAN))
    assert found == [place for place in range(start, count) if place % period in cycle]


@pytest.mark.parametrize("query", ["", "updated_after=2020-01-01T00:00:00.000Z"])
async def test_a_page_looks_at_few_places(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    """No more places are looked at than the page has records and the next one, though a block has thousands."""
    looked_at: list[int] = []
    offsets = bitmaps._offsets

    def noted(bits: int) -> Iterator[int]:
        for offset in offsets(bits):
            looked_at.append(offset)
            yield offset

    last = sandbox.world(GREENHOUSE).table("ats_application_stages")[-1]
    sandbox.delete_record(GREENHOUSE, "ats_application_stages", last.id)  # or the list needs no index
    monkeypatch.setattr(bitmaps, "_offsets", noted)
    stages = ids(await call(sandbox, "GET", f"/ats/application-stages?{query}"))
    assert looked_at == list(range(len(stages)))
    looked_at.clear()
    assert len(ids(await call(sandbox, "GET", f"/ats/application-stages?{query}&page_size=2"))) == 2
    assert looked_at == [0, 1, 2]
