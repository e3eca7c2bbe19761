"""Among 100,000 records: what is looked at is made, and no more; look-ups tell the same as a walk over all."""

from __future__ import annotations

import time

import pytest

from kombo_async.sandbox import GREENHOUSE, Sandbox, default_id
from tests.sandbox.raw_calls import call, ids
from tests.sandbox.scale import page as look
from tests.sandbox.scale import paths

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio"])]


@pytest.mark.parametrize("people", [100, 100_000])
async def test_a_look_at_the_page_is_as_light_among_many(people: int) -> None:
    """It makes what it shows, and no more."""
    sandbox = Sandbox(employees=people, candidates=people)
    await look(sandbox)
    table = sandbox.world(GREENHOUSE).table("ats_candidates")
    assert len(table._by_place) <= 60
    assert table._indexed == {} or max(table._indexed.values()) <= table._count


@pytest.mark.parametrize("place", range(19))
async def test_look_ups_find_what_a_walk_finds(place: int) -> None:
    """Each of the filters that the measurements use, on a size that can be walked over, page by page."""
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
    """In seconds of the processor, generously: 43 s, 3 s and 9.5 s it was when all was made first."""
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
