"""A thousand integrations, on virtual time: who waits for whom, and how many requests it takes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from kombo_async import ats, hris
from kombo_async.mirror import Mirror, Table, TablesDiffer, _mirror, _scheduler
from kombo_async.mirror._lanes import Lanes
from kombo_async.mirror._look import next_full
from kombo_async.webhooks import parse
from tests.mirror.virtual import EPOCH, InlineStore, anyio_backend, dated, now
from tests.support.wire import failure, mock_client, page

__all__ = ["anyio_backend"]
pytestmark = pytest.mark.anyio

HEALTHY = "lever:healthy"
OTHERS = [f"lever:{number:03}" for number in range(999)]

Answer = Callable[[httpx.Request], Awaitable[httpx.Response]]


class Kombo:
    """Answers lists of tags: the healthy integration's in 50 ms, the others' by *others*, once they are *bad*."""

    def __init__(self, others: Answer) -> None:
        self.others = others
        self.bad = False
        self.names: dict[str, str] = {}
        self.requests: Counter[str] = Counter()
        self.seen_at: dict[tuple[str, str], datetime] = {}

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one page."""
        integration_id = request.headers["X-Integration-Id"]
        self.requests[integration_id] += 1
        if integration_id != HEALTHY and self.bad:
            return dated(await self.others(request))
        await anyio.sleep(0.05)
        return dated(page(tag(self.names.get(integration_id, "old"))))


def tag(name: str) -> dict[str, Any]:
    """The only tag that each integration has."""
    return {"id": "t", "name": name, "changed_at": "2026-11-02T09:00:00.000Z", "remote_deleted_at": None}


async def hangs(request: httpx.Request) -> httpx.Response:
    """Kombo does not answer, until the client gives up."""
    await anyio.sleep(3600)
    raise AssertionError("the client waits no longer than its timeout")


async def is_pending(request: httpx.Request) -> httpx.Response:
    """The first sync is not over."""
    await anyio.sleep(0.05)
    return failure(409, "INTEGRATION.SETUP_SYNC_PENDING")


async def fails(request: httpx.Request) -> httpx.Response:
    """Kombo fails, slowly."""
    await anyio.sleep(5)
    return failure(500, "PLATFORM.UNKNOWN_ERROR")


async def is_limited(request: httpx.Request) -> httpx.Response:
    """Too many requests for this integration's system."""
    await anyio.sleep(0.05)
    return failure(429, "REMOTE.RATE_LIMIT_EXCEEDED", headers={"Retry-After": "30"})


async def is_slow(request: httpx.Request) -> httpx.Response:
    """Each page takes 20 seconds."""
    await anyio.sleep(20)
    return page(tag("slow"))


def data_changed(integration_id: str, *models: str) -> bytes:
    """The webhook that says that records changed."""
    data = {
        "integration_id": integration_id,
        "integration_tool": "lever",
        "integration_category": "ATS",
        "changed_models": [{"name": name} for name in models or ("ats_tags",)],
    }
    return json.dumps({"id": f"event {integration_id}", "type": "data-changed", "data": data}).encode()


@asynccontextmanager
async def running(kombo: Kombo, others: list[str] = OTHERS, **settings: Any) -> AsyncGenerator[Mirror]:
    """An idle mirror of all integrations."""
    store = InlineStore()
    settings = {"every": timedelta(hours=3), **settings}
    tables = [Table("tags", ats.GetTags(), columns=["name"])]
    async with (
        mock_client(kombo, retry=None) as client,
        Mirror(client, store, tables, integrations=[HEALTHY, *others], now=now, **settings) as mirror,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(mirror.run)
        await anyio.sleep(60)
        yield mirror
        tasks.cancel_scope.cancel()


async def name_of(mirror: Mirror, integration_id: str) -> str | None:
    """The name of an integration's tag in the table."""
    rows = query(mirror, "SELECT name FROM tags WHERE integration_id = ?", integration_id)
    return rows[0][0] if rows else None


def query(mirror: Mirror, sql: str, *values: str) -> list[tuple[Any, ...]]:
    """Rows of the mirror's store."""
    store = mirror.store
    assert isinstance(store, InlineStore)
    assert store._tables is not None
    rows: list[tuple[Any, ...]] = store._tables._db.execute(sql, values).fetchall()
    return rows


async def followed_in(mirror: Mirror, kombo: Kombo, name: str) -> float:
    """Change the healthy integration's tag, tell the mirror of it, and measure until it is in the table."""
    kombo.names[HEALTHY] = name
    await mirror.handle(parse(data_changed(HEALTHY)))
    begin = anyio.current_time()
    for _ in range(60_000):
        if await name_of(mirror, HEALTHY) == name:
            return anyio.current_time() - begin
        await anyio.sleep(0.01)
    raise AssertionError("it was not followed in ten minutes")


@pytest.mark.parametrize("answer", [hangs, is_pending, fails, is_limited, is_slow])
async def test_nobody_waits_for_others(answer: Answer) -> None:
    """A healthy integration is followed within a second, whatever 999 others do."""
    kombo = Kombo(answer)
    async with running(kombo) as mirror:
        kombo.bad = True
        for each in OTHERS:
            await mirror.handle(parse(data_changed(each)))
        # All 999 turn bad, and are told of, in the same moment: until each was found out, it is one of a thousand.
        assert await followed_in(mirror, kombo, "at once") < 20.0
        took = []
        # Later moments cost minutes of a thousand integrations' retries: one of the kinds shows that it stays so.
        for moment in (0.7, 5.0, 20.0, 61.0, 300.0) if answer is hangs else (0.7, 5.0, 61.0):
            await anyio.sleep(moment)
            for each in OTHERS[::7]:
                await mirror.handle(parse(data_changed(each)))
            took.append(await followed_in(mirror, kombo, f"after {moment}"))
        assert max(took) < 1.0, took


@pytest.mark.parametrize("answer", [hangs, is_pending])
async def test_bad_from_the_start(answer: Answer) -> None:
    """A healthy integration's first sync does not wait long if the others have never worked."""
    kombo = Kombo(answer)
    kombo.bad = True
    async with running(kombo) as mirror:
        await anyio.sleep(120)
        assert await name_of(mirror, HEALTHY) == "old"
        for moment in (0.0, 0.7, 5.0):
            await anyio.sleep(moment)
            for each in OTHERS[::3]:
                await mirror.handle(parse(data_changed(each)))
            assert await followed_in(mirror, kombo, f"after {moment}") < 1.0


async def test_a_long_read_of_its_own() -> None:
    """Changes during a full sync are fetched between two pages."""
    kombo = Kombo(is_slow)
    pages = 200
    changed: dict[str, str] = {}

    async def answer(request: httpx.Request) -> httpx.Response:
        await anyio.sleep(0.05)
        query = request.url.params
        if "updated_after" in query:
            changes = [tag_of(id, name) for id, name in changed.items()]
            return dated(page(*changes))
        number = int(query.get("cursor", "0"))
        return dated(page(tag_of(f"t{number}", "old"), next=str(number + 1) if number + 1 < pages else None))

    def tag_of(id: str, name: str) -> dict[str, Any]:
        return {**tag(name), "id": id}

    store = InlineStore()
    tables = [Table("tags", ats.GetTags())]
    async with (
        mock_client(answer) as client,
        Mirror(client, store, tables, integrations=[HEALTHY], now=now) as mirror,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(mirror.run)
        await anyio.sleep(30)
        tasks.start_soon(lambda: mirror.update(HEALTHY, full=True))
        await anyio.sleep(2)
        changed["t3"] = "new"
        await mirror.handle(parse(data_changed(HEALTHY)))
        await anyio.sleep(1)
        assert query(mirror, "SELECT data ->> '$.name' FROM tags WHERE id = 't3'") == [("new",)]
        tasks.cancel_scope.cancel()
    assert kombo.requests == {}


async def test_a_process_that_dies() -> None:
    """Another process takes over a dead process's work within a minute."""
    kombo = Kombo(hangs)
    store = InlineStore()
    tables = [Table("tags", ats.GetTags(), columns=["name"])]
    async with (
        mock_client(kombo) as client,
        Mirror(client, store, tables, now=now) as mirror,
        anyio.create_task_group() as tasks,
    ):
        await store.add(HEALTHY)
        assert await store.claim("one that dies", {"long": 1}, _scheduler.LEASE) != []
        tasks.start_soon(mirror.run)
        begin = anyio.current_time()
        while await name_of(mirror, HEALTHY) is None:  # noqa: ASYNC110 - it is in a table
            await anyio.sleep(0.1)
        assert 25 < anyio.current_time() - begin < 60
        tasks.cancel_scope.cancel()


async def test_a_quiet_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quiet round costs one request for each list, within a few seconds, and none in between."""
    monkeypatch.setattr(_scheduler, "POLL", 5.0)
    kombo = Kombo(hangs)
    async with running(kombo, OTHERS[:199]) as mirror:
        await anyio.sleep(600)  # what is read again after the first full sync
        kombo.requests.clear()
        await anyio.sleep(3 * 3600 - 700)
        assert kombo.requests.total() == 0
        await anyio.sleep(1300)
        assert kombo.requests.total() < 215  # for some of them, the weekly full sync fell due
        assert (await mirror.status()).ok


async def test_status() -> None:
    """The status has lag and failures; its JSON is for a health check."""
    kombo = Kombo(is_pending)
    async with running(kombo, OTHERS[:99]) as mirror:
        kombo.bad = True
        await mirror.handle(parse(data_changed(OTHERS[0])))
        await anyio.sleep(30)
        status = await mirror.status()
        assert status.ok
        (failing,) = status.failing
        assert (failing.integration_id, failing.error) == (OTHERS[0], "INTEGRATION.SETUP_SYNC_PENDING")
        plain = json.loads(json.dumps(status.as_dict()))
        assert plain["status"] == "ok"
        assert plain["states"] == {"failing": 1, "ok": 99}
        assert [each["integration_id"] for each in plain["troubled"]] == [OTHERS[0]]
        assert 0 < plain["max_lag_seconds"] < 100


async def test_behind_is_told() -> None:
    """Without a running process, overdue work shows as behind."""
    tables = [Table("tags", ats.GetTags())]
    async with (
        mock_client(Kombo(hangs)) as client,
        Mirror(client, InlineStore(), tables, integrations=[HEALTHY, *OTHERS[:9]], now=now) as mirror,
    ):
        with anyio.move_on_after(60):
            await mirror.run()
        assert (await mirror.status()).ok
        await mirror.store.tell(HEALTHY)
        await anyio.sleep(61)
        status = await mirror.status()
    assert not status.ok
    assert status.as_dict()["troubled"][0]["integration_id"] == HEALTHY


def test_places() -> None:
    """There are half as many places for long reads as for quick ones, and a quarter for those that fail."""
    assert Lanes(_mirror.DEFAULT_CONCURRENCY).free() == {"quick": 32, "long": 16, "failing": 8}
    assert Lanes(1).free() == {"quick": 1, "long": 1, "failing": 1}


def test_full_syncs_are_spread() -> None:
    """Full syncs of integrations that started together are spread over the week, and never later."""
    week = timedelta(days=7)
    due = [next_full(EPOCH, f"{each} tags", week) for each in OTHERS]
    assert all(EPOCH < each <= EPOCH + week for each in due)
    days = Counter((each - EPOCH).days for each in due)
    assert len(days) == 7
    assert max(days.values()) < 200
    for id, each in zip(OTHERS, due, strict=True):
        assert abs(next_full(each, f"{id} tags", week) - each - week) < timedelta(seconds=1)


async def test_categories() -> None:
    """Once an integration's category is known, lists of other categories are not requested."""
    kombo = Kombo(hangs)
    store = InlineStore()
    tables = [Table("tags", ats.GetTags()), Table("employees", hris.GetEmployees())]
    async with (
        mock_client(kombo) as client,
        Mirror(client, store, tables, now=now) as mirror,
        anyio.create_task_group() as tasks,
    ):
        await mirror.handle(parse(data_changed(HEALTHY)))
        tasks.start_soon(mirror.run)
        await anyio.sleep(10)
        assert set(await watermarks(store)) == {"tags"}
        tasks.cancel_scope.cancel()


async def watermarks(store: InlineStore) -> list[str]:
    """The tables of the healthy integration that were read."""
    return list(await store.watermarks(HEALTHY))


async def test_two_mirrors_of_different_tables(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Mirrors with other tables wait, and say so, until those that run have ended: nothing is half up to date."""
    kombo = Kombo(hangs)
    tags, users = Table("tags", ats.GetTags()), Table("users", ats.GetUsers())
    async with AsyncExitStack() as opened, mock_client(kombo) as client, anyio.create_task_group() as tasks:
        mirrors = [
            await opened.enter_async_context(Mirror(client, InlineStore(str(tmp_path / "mirror.db")), tables, now=now))
            for tables in ([tags], [tags, users], [tags])
        ]
        first, second = anyio.CancelScope(), anyio.CancelScope()
        tasks.start_soon(run_in, first, mirrors[0])
        await anyio.sleep(1)
        tasks.start_soon(run_in, second, mirrors[1])
        await anyio.sleep(1)
        for number, mirror in enumerate(mirrors):  # whoever is told
            kombo.names[HEALTHY] = f"{number}"
            await mirror.handle(parse(data_changed(HEALTHY)))
            await anyio.sleep(1)
            assert query(mirror, "SELECT data ->> '$.name' FROM tags") == [(f"{number}",)]
        with pytest.raises(TablesDiffer, match="it lacks users"):
            await mirrors[1].update(HEALTHY)
        assert query(mirrors[0], "SELECT * FROM users") == []
        assert "this process waits: another process is keeping other tables in this store (it lacks us" in caplog.text
        first.cancel()
        await anyio.sleep(_scheduler.LEASE / 3 + 1)
        assert len(query(mirrors[1], "SELECT * FROM users")) == 1
        with pytest.raises(TablesDiffer, match="it also has users"):
            await mirrors[2].update(HEALTHY)
        tasks.cancel_scope.cancel()


async def run_in(scope: anyio.CancelScope, mirror: Mirror) -> None:
    """Run a mirror until the scope is cancelled."""
    with scope:
        await mirror.run()
