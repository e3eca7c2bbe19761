"""With 100,000 records, only what is looked at is generated, and look-ups agree with reading everything."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from kombo_async.sandbox import GREENHOUSE, Sandbox, default_id
from kombo_async.sandbox._state.indexes import Record
from tests.sandbox.raw_calls import call, ids
from tests.sandbox.scale import page as look
from tests.sandbox.scale import paths

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio"])]

HRIS = default_id("workday")


@pytest.mark.parametrize("people", [100, 100_000])
async def test_a_look_at_the_page_is_as_light_among_many(people: int) -> None:
    """The page generates only the records that it shows."""
    sandbox = Sandbox(employees=people, candidates=people)
    await look(sandbox)
    table = sandbox.world(GREENHOUSE).table("ats_candidates")
    assert len(table._by_place) <= 60
    assert all(end <= table._count for end in table.indexes._indexed.values())


@pytest.mark.parametrize("place", range(21))
async def test_look_ups_find_what_a_walk_finds(place: int) -> None:
    """Filters find the same records as reading all of them, page by page."""
    sandbox = Sandbox(employees=300, candidates=300)
    what, integration, path = paths(sandbox)[place]
    _, found = await every_page(sandbox, integration, path)
    world = sandbox.world(integration)
    for table in list(world.tables.values()):
        for record in list(table):
            world.change(table.name, record, remote_deleted_at=None)  # now each is stored, and indexed anew
    if "updated_after" not in path:
        assert (await every_page(sandbox, integration, path))[1] == found, what


async def every_page(sandbox: Sandbox, integration: str, path: str) -> tuple[int, list[str]]:
    """How many pages there are, and the IDs on them."""
    found: list[str] = []
    pages, cursor = 0, ""
    joint = "&" if "?" in path else "?"
    while True:
        response = await call(sandbox, "GET", f"{path}{joint}page_size=40{cursor}", integration=integration)
        found += ids(response)
        pages += 1
        after = response.json()["data"]["next"]
        if after is None:
            return pages, found
        cursor = f"&cursor={after}"


async def test_the_first_list_and_look_ups_take_no_time() -> None:
    """The first list and look-ups are quick among 100,000 records, in CPU time."""
    sandbox = Sandbox(employees=100_000, candidates=100_000)
    hris = default_id("workday")
    employee = sandbox.world(hris).table("hris_employees")[50_000].data
    started = time.process_time()
    await call(sandbox, "GET", "/hris/employees", integration=hris)
    assert time.process_time() - started < 1
    started = time.process_time()
    for name, value in (("ids", "id"), ("remote_ids", "remote_id"), ("work_emails", "work_email")):
        found = await call(sandbox, "GET", f"/hris/employees?{name}={employee[value]}", integration=hris)
        assert ids(found) == [employee["id"]]
    world = sandbox.world(GREENHOUSE)
    world.change("ats_jobs", world.table("ats_jobs")[0], name="Renamed")
    assert time.process_time() - started < 0.5


@pytest.fixture(scope="module")
def company() -> Sandbox:
    """Large enough that no look-up is read at once."""
    return Sandbox(employees=3_000)


def filters(sandbox: Sandbox) -> dict[str, tuple[str, Callable[[Record], bool]]]:
    """What may be asked of employees: by name, the query, and who passes it."""
    rows = sandbox.world(HRIS).table("hris_employees")
    group, entity = rows[1].data["group_ids"][0], rows[0].data["legal_entity_id"]
    some, week = rows[500:2_600:3], (sandbox.clock.now() - timedelta(days=7)).strftime("%Y-%m-%dT%H:%M:%SZ")
    some_ids, some_remote_ids = {row.id for row in some}, {row.data["remote_id"] for row in some}
    groups = set(rows[0].data["group_ids"]) | set(rows[1].data["group_ids"])
    return {
        "common": ("employment_statuses=ACTIVE", lambda record: record["employment_status"] == "ACTIVE"),
        "rare": ("employment_statuses=INACTIVE", lambda record: record["employment_status"] == "INACTIVE"),
        "group": (f"group_ids={group}", lambda record: group in record["group_ids"]),
        "groups": (f"group_ids={','.join(groups)}", lambda record: bool(groups & set(record["group_ids"]))),
        "entity": (f"legal_entity_ids={entity}", lambda record: record["legal_entity_id"] == entity),
        "many ids": (f"ids={','.join(some_ids)}", lambda record: record["id"] in some_ids),
        "many remote ids": (
            f"remote_ids={','.join(some_remote_ids)}",
            lambda record: record["remote_id"] in some_remote_ids,
        ),
        "since": (f"updated_after={week}", lambda record: record["changed_at"] >= f"{week[:-1]}.000Z"),
    }


@pytest.mark.parametrize(
    "names",
    [
        ("common", "group"), ("rare", "group"), ("groups", "entity", "common"), ("common", "many ids"), ("groups",),
        ("many ids", "many remote ids"), ("since", "group"), ("since", "rare", "groups"), ("many remote ids", "rare"),
    ],
    ids=" and ".join,
)  # fmt: skip
async def test_filters_at_once_find_who_passes_all_of_them(company: Sandbox, names: tuple[str, ...]) -> None:
    """Combined filters find each record that passes all of them, once and in order."""
    asked = [filters(company)[name] for name in names]
    everybody = [row.data for row in company.world(HRIS).table("hris_employees")]
    passing = [record["id"] for record in everybody if all(passes(record) for _, passes in asked)]
    _, found = await every_page(company, HRIS, f"/hris/employees?{'&'.join(query for query, _ in asked)}")
    assert found == passing


async def test_what_changed_comes_once_and_in_order() -> None:
    """Whether it is stored, as it was made, or nests what changed; over all pages, however many there are."""
    sandbox = Sandbox(employees=1_200)
    sandbox.clock.stop()
    world = sandbox.world(HRIS)
    table = world.table("hris_employees")
    week, now = (sandbox.clock.now() - timedelta(days=days) for days in (7, 0))
    for place in (1_100, 3, 700):
        world.change("hris_employees", table[place], job_title="Clerk")
    managed = table.where("manager_id", table[3].id)
    assert managed
    for since, expected in (
        (now, {table[place].id for place in (3, 700, 1_100)} | {each.id for each in managed}),
        (week, {each.id for each in table if each.touched >= f"{week:%Y-%m-%dT%H:%M:%S}.000Z" or each in managed}),
        (week - timedelta(days=365), {record.id for record in table}),
    ):
        query = f"updated_after={since:%Y-%m-%dT%H:%M:%S}.000Z"
        _, found = await every_page(sandbox, HRIS, f"/hris/employees?{query}")
        assert found == [record.id for record in table if record.id in expected], query
