"""Columns that come and go, also while processes of another version of the app run on the same store."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from kombo_async import ats
from kombo_async.mirror import LeaseLost, Mirror, Nested, Table, TablesDiffer, _scheduler
from kombo_async.mirror._checks import candidate as record
from tests.mirror.stores import Place
from tests.mirror.test_tables import Candidates, candidate
from tests.support.wire import INTEGRATION, mock_client

pytestmark = pytest.mark.anyio

BARE = Table("candidates", ats.GetCandidates())
NAMED = Table("candidates", ats.GetCandidates(), columns=["first_name"])
NAMES = "SELECT id, first_name FROM candidates ORDER BY id"


async def test_a_column_that_is_added(place: Place) -> None:
    """A column that is asked for later is filled from the records that are there; none of them is written again."""
    source = Candidates(*(candidate(f"c{number}", first_name=f"Name {number}") for number in range(5)))
    async with Mirror(mock_client(source), place.store(), [BARE]) as mirror:
        await mirror.update(INTEGRATION)
    nested = [Nested("phones", "phone_numbers", columns=["phone_number"])]
    table = Table("candidates", ats.GetCandidates(), columns=["first_name"], nested=nested)
    for _ in range(2):
        async with Mirror(mock_client(source), place.store(), [table]) as mirror:
            (update,) = await mirror.update(INTEGRATION, full=True)
            assert update.changed == 0
            assert place.query(NAMES) == [(f"c{number}", f"Name {number}") for number in range(5)]
            assert place.query("SELECT count(*), min(phone_number) FROM phones") == [(5, "+49 30 1")]


async def test_a_column_that_is_added_in_a_rolling_deploy(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new version waits for the old one; then its column is right, also in what the old one wrote meanwhile."""
    monkeypatch.setattr(_scheduler, "LEASE", 1.0)
    source = Candidates(candidate("a", first_name="Frank"))
    old = Mirror(mock_client(source), place.store(), [BARE])
    new = Mirror(mock_client(source), place.store(), [NAMED])
    async with old, anyio.create_task_group() as news:
        async with anyio.create_task_group() as olds:
            await old.follow(INTEGRATION)
            olds.start_soon(old.run)
            await _until(place, "SELECT id FROM candidates", [("a",)])
            with pytest.raises(TablesDiffer, match="other requests or columns of candidates"):
                await new.update(INTEGRATION)
            news.start_soon(new.run)
            source.records[:] = [candidate("a", first_name="Franka"), candidate("b", first_name="Ben")]
            await old.store.tell(INTEGRATION)
            await _until(place, NAMES, [("a", None), ("b", None)])  # the old one does not know the column
            olds.cancel_scope.cancel()
        count = len(source.requests)
        await _until(place, NAMES, [("a", "Franka"), ("b", "Ben")])
        assert all("updated_after" in url.params for url in source.requests[count:])
        news.cancel_scope.cancel()
    await new.aclose()


async def _until(place: Place, sql: str, rows: list[tuple[Any, ...]]) -> None:
    with anyio.fail_after(30):
        while place.query(sql) != rows:  # noqa: ASYNC110 - it is in a database
            await anyio.sleep(0.05)


@pytest.mark.parametrize("back", [False, True])
async def test_a_paused_process_without_the_column(back: bool, place: Place) -> None:
    """A process that stood still while a version with other columns took over writes no more."""
    first, second = (NAMED, BARE) if back else (BARE, NAMED)
    old, new = place.store(), place.store()
    await old.open([first])
    await new.open([second])
    await old.add(INTEGRATION)
    (turn,) = await old.claim("old", {"long": 1}, 0.05)
    await old.write(turn, first, [record("a", [])], [])
    await anyio.sleep(0.1)
    await new.add("lever:other")
    assert await new.take("new", "lever:other", 60) is not None
    if not back:
        assert place.query(NAMES) == [("a", "Frank")]
    with pytest.raises(LeaseLost):
        await old.write(turn, first, [record("b", [])], [])
    await old.aclose()
    await new.aclose()


async def test_versions_in_turn(place: Place) -> None:
    """A column that one of two versions knows is right again whenever that version has run."""
    source = Candidates()
    for number in range(3):
        source.records.append(candidate(f"c{number}", first_name=f"Name {number}"))
        for table in (BARE, NAMED):
            source.records[0] = candidate("c0", first_name=f"Name {number} {len(table.columns)}")
            async with Mirror(mock_client(source), place.store(), [table]) as mirror:
                await mirror.update(INTEGRATION)
        expected = [(each["id"], each["first_name"]) for each in source.records]
        assert place.query(NAMES) == expected


async def test_a_column_that_is_no_longer_named(place: Place) -> None:
    """A column that is no longer named stays as it was, even if its record changes."""
    source = Candidates(candidate("a", first_name="Frank"))
    async with Mirror(mock_client(source), place.store(), [NAMED]) as mirror:
        await mirror.update(INTEGRATION)
    source.records[:] = [candidate("a", first_name="Franka"), candidate("b", first_name="Ben")]
    async with Mirror(mock_client(source), place.store(), [BARE]) as mirror:
        await mirror.update(INTEGRATION, full=True)
    assert place.query("SELECT id, first_name FROM candidates ORDER BY id") == [("a", "Frank"), ("b", None)]
    assert place.records("candidates")[INTEGRATION, "a"]["first_name"] == "Franka"
