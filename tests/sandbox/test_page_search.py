"""The page's search for a text: in all records, however many, while others are answered."""

from __future__ import annotations

import re

import anyio.lowlevel
import httpx
import pytest

from kombo_async.sandbox import GREENHOUSE, Sandbox
from kombo_async.sandbox._page import record_search
from kombo_async.sandbox._page.records_part import FRAGMENT
from tests.sandbox.raw_calls import admin, call

pytestmark = pytest.mark.anyio


async def look(http: httpx.AsyncClient, text: str) -> str:
    """What the page shows of candidates with *text* in them."""
    query = {"integration": GREENHOUSE, "model": "ats_candidates", "q": text}
    response = await http.get(FRAGMENT, params=query)
    assert response.status_code == 200
    return response.text


def count(drawn: str) -> str:
    """What stands between the list and its buttons."""
    found = re.search(r'class="count">([^<]*)<', drawn)
    assert found is not None
    return found[1]


async def test_the_oldest_of_many_is_found_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request continues the search, and shows its progress."""
    monkeypatch.setattr(record_search, "LOOK_SECONDS", 0.01)
    sandbox = Sandbox(candidates=3_000)
    oldest = sandbox.world(GREENHOUSE).table("ats_candidates")[0].data
    async with admin(sandbox) as http:
        looks = [await look(http, oldest["emails"][0].upper())]
        while "searched" in looks[-1]:
            looks.append(await look(http, oldest["emails"][0].upper()))
    assert re.fullmatch(r"0 records so far, [\d,]+ of 3,000 searched", count(looks[0]))
    assert len(looks) > 2
    assert count(looks[-1]) == "1 to 1 of 1 records"
    assert oldest["id"] in looks[-1]


async def test_what_is_new_is_found_at_once_and_what_was_renamed_no_longer(sandbox: Sandbox) -> None:
    """A finished search starts again after a change."""
    world = sandbox.world(GREENHOUSE)
    first = world.table("ats_candidates")[0]
    async with admin(sandbox) as http:
        assert count(await look(http, "zebra")) == "0 records"
        world.change("ats_candidates", first, last_name="Zebra")
        assert count(await look(http, "zebra")) == "1 to 1 of 1 records"
        world.change("ats_candidates", first, last_name="Lion")
        assert count(await look(http, "zebra")) == "0 records"
        assert count(await look(http, first.id)) == "1 to 1 of 1 records"


async def test_calls_are_answered_while_somebody_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls are answered during a search, and a reset in the middle breaks nothing."""
    monkeypatch.setattr(record_search, "LOOK_SECONDS", 60.0)
    sandbox = Sandbox(candidates=5_000)
    drawn: list[str] = []

    async def search() -> None:
        async with admin(sandbox) as http:
            drawn.append(await look(http, "nowhere to be found"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(search)
        while sandbox.world(GREENHOUSE) not in record_search._searches:
            await anyio.lowlevel.checkpoint()
        for _ in range(5):
            assert (await call(sandbox, "GET", "/ats/tags")).status_code == 200
        assert drawn == []
        sandbox.reset()
    assert "was reset" in drawn[0]
