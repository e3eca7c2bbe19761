"""Syncs of a list that changes: nothing is missed, whatever happens in between."""

from __future__ import annotations

import json
import re
import sqlite3
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kombo_async import ServerError, ats, general
from kombo_async.mirror import Mirror, Table
from tests.mirror.source import EPOCH, Source, rows, stamp
from tests.support.source import modules
from tests.support.wire import INTEGRATION, mock_client

pytestmark = pytest.mark.anyio

TAGS = Table("tags", ats.GetTags(), columns=["name"])


def mirror_of(source: Source, path: Path, **settings: Any) -> Mirror:
    """A mirror of *source* that makes full synces only when told to."""
    given = {"overlap": timedelta(seconds=5), "now": lambda: source.now, **settings}
    return Mirror(mock_client(source), path / "mirror.db", [TAGS], **given)


async def test_changes_and_deletions(tmp_path: Path) -> None:
    """The first sync reads everything; later ones fetch only what changed."""
    source = Source()
    for number in range(5):
        source.put(f"t{number}", f"Tag {number}")
    source.now += timedelta(minutes=10)
    began = source.now
    mirror = mirror_of(source, tmp_path)
    (first,) = await mirror.update(INTEGRATION)
    assert (first.full, first.changed, first.deleted) == (True, 5, 0)
    source.now += timedelta(minutes=10)
    source.put("t1", "Changed")
    source.put("t9", "New")
    source.delete("t2")
    (second,) = await mirror.update(INTEGRATION)
    assert (second.full, second.changed, second.deleted) == (False, 2, 1)
    await mirror.aclose()
    assert rows(tmp_path / "mirror.db") == source.live()
    asked = source.requests[-1]
    earlier = began + timedelta(seconds=1 - 5) - datetime.fromisoformat(asked["updated_after"])
    assert timedelta() <= earlier < timedelta(minutes=10)
    assert asked["include_deleted"] == "true"


async def test_a_crash_in_a_sync(tmp_path: Path) -> None:
    """A sync that fails leaves the watermark unchanged, so the next one misses nothing."""
    source = Source()
    mirror = mirror_of(source, tmp_path)
    await mirror.update(INTEGRATION)
    source.now += timedelta(minutes=10)
    for number in range(6):
        source.put(f"t{number}", "Old")
    source.fail_at = len(source.requests) + 1
    with pytest.raises(ServerError):
        await mirror.update(INTEGRATION)
    source.fail_at = None
    source.now += timedelta(minutes=10)
    await mirror.update(INTEGRATION)
    await mirror.aclose()
    assert rows(tmp_path / "mirror.db") == source.live()


async def test_a_change_behind_the_reader(tmp_path: Path) -> None:
    """A record that changes after its page was read is fetched by the next sync."""
    source = Source()
    for number in range(4):
        source.put(f"t{number}", "Old")
    mirror = mirror_of(source, tmp_path, overlap=timedelta())

    def meanwhile() -> None:
        source.now += timedelta(seconds=30)
        source.put("t0", "Behind the reader")
        source.now += timedelta(seconds=30)
        source.put("t3", "Before the reader")

    source.between.append((1, meanwhile))
    await mirror.update(INTEGRATION)
    assert rows(tmp_path / "mirror.db") == {"t0": "Old", "t1": "Old", "t2": "Old", "t3": "Before the reader"}
    await mirror.update(INTEGRATION)
    await mirror.aclose()
    assert rows(tmp_path / "mirror.db") == source.live()


async def test_a_full_sync(tmp_path: Path) -> None:
    """A full sync removes records that vanished without a trace; a failed one removes nothing."""
    source = Source()
    for number in range(4):
        source.put(f"t{number}", "Tag")
    mirror = mirror_of(source, tmp_path)
    await mirror.update(INTEGRATION)
    source.vanish("t1")
    await mirror.update(INTEGRATION)
    assert "t1" in rows(tmp_path / "mirror.db")
    source.fail_at = len(source.requests) + 1
    with pytest.raises(ServerError):
        await mirror.update(INTEGRATION, full=True)
    assert "t1" in rows(tmp_path / "mirror.db")
    source.fail_at = None
    (update,) = await mirror.update(INTEGRATION, full=True)
    await mirror.aclose()
    assert (update.full, update.deleted) == (True, 1)
    assert rows(tmp_path / "mirror.db") == source.live()


async def test_full_syncs_come_by_themselves(tmp_path: Path) -> None:
    """Once `full_every` has passed since the last full sync, the next one is full."""
    mirror = mirror_of(Source(), tmp_path, full_every=timedelta())
    for _ in range(2):
        (update,) = await mirror.update(INTEGRATION)
        assert update.full
    await mirror.aclose()


async def test_integrations_do_not_mix(tmp_path: Path) -> None:
    """Records of several integrations share a table; a full sync of one leaves the others' alone."""
    source = Source()
    source.put("t0", "Tag")
    mirror = mirror_of(source, tmp_path)
    await mirror.update("lever:1")
    await mirror.update("lever:2")
    source.vanish("t0")
    await mirror.update("lever:2", full=True)
    await mirror.aclose()
    with sqlite3.connect(tmp_path / "mirror.db") as database:
        assert database.execute("SELECT integration_id, id, name FROM tags").fetchall() == [("lever:1", "t0", "Tag")]
    database.close()


async def test_columns(tmp_path: Path) -> None:
    """Records are complete; named fields have columns, also in existing tables."""
    source = Source()
    source.put("t0", "Tag")
    before = Mirror(mock_client(source), tmp_path / "mirror.db", [Table("tags", ats.GetTags())])
    await before.update(INTEGRATION)
    await before.aclose()
    after = Mirror(mock_client(source), tmp_path / "mirror.db", [Table("tags", ats.GetTags(), columns=("name",))])
    await after.update(INTEGRATION)
    await after.aclose()
    with sqlite3.connect(tmp_path / "mirror.db") as database:
        ((name, data),) = database.execute("SELECT name, data FROM tags")
    database.close()
    assert name == "Tag"
    assert json.loads(data)["changed_at"] == stamp(EPOCH)


@pytest.mark.parametrize(
    ("name", "request_", "message"),
    [
        ("no name", ats.GetTags(), "name"),
        ("kombo_tags", ats.GetTags(), "name"),
        ('x"; DROP TABLE y', ats.GetTags(), "name"),
        ("tags", ats.GetTags(updated_after="2026-05-19"), "updated_after"),
        ("tools", general.GetTools(category="ats"), "is not a list"),
    ],
)
async def test_wrong_use(name: str, request_: Any, message: str) -> None:
    """An invalid name, or a request that cannot be mirrored, is refused at once."""
    with pytest.raises(ValueError, match=message):
        Table(name, request_)


async def test_two_tables_of_one_name(tmp_path: Path) -> None:
    """Two tables of the same name are refused."""
    with pytest.raises(ValueError, match="same name"):
        Mirror(mock_client(Source()), tmp_path / "mirror.db", [TAGS, TAGS])


IDS = st.sampled_from(["a", "b", "c", "d", "e"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), IDS, st.integers(0, 3)),
        st.tuples(st.just("delete"), IDS),
        st.tuples(st.just("wait"), st.integers(0, 60)),
        st.tuples(st.just("sync"), st.booleans(), st.none() | st.integers(0, 3)),
    ),
    max_size=12,
)


def act(source: Source, step: tuple[Any, ...]) -> None:
    """Do one step that is no sync."""
    if step[0] == "put":
        source.put(step[1], f"Name at {stamp(source.now)}", hidden_for=step[2])
    elif step[0] == "delete":
        source.delete(step[1])
    elif step[0] == "wait":
        source.now += timedelta(seconds=step[1])


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
def test_any_history(anyio_backend: str) -> None:
    """Whatever changes before, while and between syncs, whichever of them break off: in the end all is in step.

    Changes become visible up to three seconds late, and the overlap is five.
    """

    @settings(max_examples=60, deadline=None)
    @given(STEPS, st.lists(st.tuples(st.integers(0, 12), STEPS), max_size=4))
    def histories(steps: list[tuple[Any, ...]], meanwhile: list[tuple[int, list[tuple[Any, ...]]]]) -> None:
        anyio.run(_live, steps, meanwhile)

    histories()


async def _live(steps: list[tuple[Any, ...]], meanwhile: list[tuple[int, list[tuple[Any, ...]]]]) -> None:
    source = Source()
    for number, inner in meanwhile:
        source.between += [(number, lambda step=step: act(source, step)) for step in inner]
    with tempfile.TemporaryDirectory() as folder:
        mirror = mirror_of(source, Path(folder))
        for step in steps:
            if step[0] != "sync":
                act(source, step)
                continue
            source.fail_at = None if step[2] is None else len(source.requests) + step[2]
            try:
                await mirror.update(INTEGRATION, full=step[1])
            except ServerError:
                assert source.fail_at is not None
        source.fail_at, source.between = None, []
        source.now += timedelta(seconds=5)
        await mirror.update(INTEGRATION)
        await mirror.aclose()
        assert rows(Path(folder) / "mirror.db") == source.live()


def test_no_numbered_parameters() -> None:
    """SQL has no `?1`: Python 3.12.0 to 3.12.3 warn of them (https://github.com/python/cpython/issues/117995)."""
    assert [name for name, module in modules().items() if re.search(r"\?\d", module.text) and "sqlite" in name] == []
