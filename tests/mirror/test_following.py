"""The mirror beside an app: notified by webhooks, against the sandbox."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from kombo_async import AsyncKomboClient, RetryPolicy, ats, hris
from kombo_async.mirror import Mirror, Table, Watermark
from kombo_async.sandbox import Sandbox
from kombo_async.webhooks import Receiver, WebhookApp, parse
from tests.mirror.source import Source, rows, stamp
from tests.mirror.stores import Place
from tests.support.wire import INTEGRATION, mock_client

pytestmark = pytest.mark.anyio

SECRET = "whsec-mirror"
LEVER = "lever:demo"


def candidates(path: Path) -> dict[str, str]:
    """First names in the mirrored table, by ID."""
    return rows(path / "mirror.db", "candidates", "first_name")


def in_sandbox(sandbox: Sandbox, integration_id: str = LEVER) -> dict[str, str]:
    """First names in the sandbox, by ID."""
    table = sandbox.world(integration_id).table("ats_candidates")
    return {row.id: row.data["first_name"] for row in table if not row.deleted}


async def until(what: Callable[[], bool]) -> None:
    """Wait until *what* is true, ten seconds at most."""
    with anyio.fail_after(10):
        while True:
            try:
                if what():
                    return
            except sqlite3.OperationalError:  # the table is not there yet
                pass
            await anyio.sleep(0.01)


@asynccontextmanager
async def running(sandbox: Sandbox, path: Path, **settings: Any) -> AsyncGenerator[Mirror]:
    """A running mirror of candidates and jobs, notified by webhooks."""
    tables = [Table("candidates", ats.GetCandidates(), columns=["first_name"]), Table("jobs", ats.GetJobs())]
    receiver = Receiver(SECRET)
    async with (
        sandbox.client(retry=RetryPolicy.none()) as kombo,
        Mirror(kombo, path / "mirror.db", tables, **settings) as mirror,
        anyio.create_task_group() as tasks,
    ):
        receiver.on_any_other(mirror.handle)
        sandbox.webhooks.add("http://app/webhooks/kombo", secret=SECRET, app=WebhookApp(receiver))
        tasks.start_soon(mirror.run)
        yield mirror
        tasks.cancel_scope.cancel()


async def test_the_table_follows(tmp_path: Path) -> None:
    """Creations, changes and deletions in the connected system show in the table after a webhook."""
    sandbox = Sandbox(integrations=False, candidates=7)
    sandbox.add_integration(LEVER)
    async with running(sandbox, tmp_path, integrations=[LEVER]):
        await until(lambda: len(candidates(tmp_path)) == 7)
        world = sandbox.world(LEVER)
        first, second, *_ = world.table("ats_candidates")
        world.change("ats_candidates", first, first_name="Renamed")
        world.delete("ats_candidates", second)
        async with sandbox.client(LEVER) as kombo:
            (
                await kombo.ats.create_candidate(
                    candidate=ats.CandidateInput(first_name="New", last_name="Doe", email_address="new@example.com"),
                    application=ats.CandidateApplicationInput(
                        job_id=next(row.id for row in world.table("ats_jobs") if row.data["status"] == "OPEN")
                    ),
                )
            ).unwrap()
        sandbox.changed(world)
        sent = await sandbox.webhooks.deliver()
        assert {each.status for each in sent} == {200}
        await until(lambda: candidates(tmp_path) == in_sandbox(sandbox))
        assert {"Renamed", "New"} <= set(candidates(tmp_path).values())


async def test_integrations_come_and_go(tmp_path: Path) -> None:
    """A created integration is followed; a deleted one is removed with its records."""
    sandbox = Sandbox(integrations=False, candidates=3)
    async with running(sandbox, tmp_path):
        integration = sandbox.add_integration(LEVER)
        await until(lambda: (tmp_path / "mirror.db").exists())
        sandbox.webhooks.integration_created(integration)
        await sandbox.webhooks.deliver()
        await until(lambda: len(candidates(tmp_path)) == 3)
        sandbox.webhooks.integration_deleted(integration)
        await sandbox.webhooks.deliver()
        assert candidates(tmp_path) == {}


async def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    """After a restart, known integrations are brought up to date without a webhook."""
    sandbox = Sandbox(integrations=False, candidates=3)
    sandbox.add_integration(LEVER)
    async with running(sandbox, tmp_path, integrations=[LEVER]):
        await until(lambda: len(candidates(tmp_path)) == 3)
    world = sandbox.world(LEVER)
    world.change("ats_candidates", world.table("ats_candidates")[0], first_name="Renamed")
    with closing(sqlite3.connect(tmp_path / "mirror.db", isolation_level=None)) as database:
        database.execute("UPDATE kombo_integrations SET looked_at = looked_at - 3600")  # as if an hour had passed
    async with running(sandbox, tmp_path):
        await until(lambda: "Renamed" in candidates(tmp_path).values())


async def test_failures_do_not_end_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An integration that cannot be read is retried later, or when a webhook comes."""
    sandbox = Sandbox(integrations=False, candidates=3)
    sandbox.add_integration(LEVER, sync_pending=True)
    with caplog.at_level(logging.WARNING, "kombo_async.mirror"):
        async with running(sandbox, tmp_path, integrations=[LEVER]):
            await until(lambda: "not up to date" in caplog.text)
            assert candidates(tmp_path) == {}
            sandbox.integrations[LEVER].sync.finish()
            await sandbox.webhooks.deliver()  # sync-finished
            await until(lambda: len(candidates(tmp_path)) == 3)


async def test_lists_that_are_not_there(tmp_path: Path) -> None:
    """A list that the connected system does not have is skipped; the others are read."""
    sandbox = Sandbox(integrations=False, candidates=3)
    sandbox.add_integration(LEVER, permissions={"ats_jobs": "NOT_AVAILABLE"})
    async with sandbox.client() as kombo:
        tables = [Table("jobs", ats.GetJobs()), Table("candidates", ats.GetCandidates())]
        mirror = Mirror(kombo, tmp_path / "mirror.db", tables)
        assert [update.table for update in await mirror.update(LEVER)] == ["candidates"]
        await mirror.aclose()


async def test_changes_that_show_late(tmp_path: Path) -> None:
    """When one of Kombo's syncs ends, everything since its start is read again."""
    source = Source()
    tags = Table("tags", ats.GetTags())
    mirror = Mirror(mock_client(source), tmp_path / "mirror.db", [tags], now=lambda: source.now)
    began = source.now
    source.now += timedelta(minutes=1)
    source.put("t0", "Late", hidden_for=3600)
    source.now += timedelta(minutes=30)
    await mirror.update(INTEGRATION)
    source.now += timedelta(minutes=40)
    await mirror.update(INTEGRATION)
    assert rows(tmp_path / "mirror.db") == {}
    await mirror.handle(parse(sync_finished(began)))
    await mirror.update(INTEGRATION)
    assert rows(tmp_path / "mirror.db") == {"t0": "Late"}
    source.now += timedelta(minutes=40)
    await mirror.update(INTEGRATION)
    assert source.requests[-1]["updated_after"] > stamp(began + timedelta(hours=1))
    await mirror.aclose()


async def test_a_sync_that_ends_while_we_read(tmp_path: Path) -> None:
    """A sync that ends while we read is taken into account by the next read."""
    source = Source()
    mirror = Mirror(mock_client(source), tmp_path / "mirror.db", [Table("tags", ats.GetTags())], now=lambda: source.now)
    await mirror.store.open(mirror.tables)
    began = source.now
    await mirror.store.add(INTEGRATION)
    turn = await mirror.store.take("test", INTEGRATION, 60)
    assert turn is not None
    before = await mirror.store.begin(turn, mirror.tables[0], full=False)
    await mirror.handle(parse(sync_finished(began)))
    after = Watermark(since=began + timedelta(hours=5))
    await mirror.store.finish(turn, mirror.tables[0], before, after, full=False)
    mark = await mirror.store.begin(turn, mirror.tables[0], full=False)
    assert mark.reach == began - timedelta(minutes=10)
    await mirror.aclose()


async def test_other_categories(tmp_path: Path) -> None:
    """Events for systems without a table are ignored."""
    async with AsyncKomboClient("key") as kombo:
        mirror = Mirror(kombo, tmp_path / "mirror.db", [Table("employees", hris.GetEmployees())])
        await mirror.handle(parse(sync_finished(datetime.now(UTC))))
        assert await mirror.store.integrations() == []
        await mirror.aclose()


def sync_finished(began: datetime) -> bytes:
    """The webhook that says that a sync has ended."""
    data: dict[str, Any] = {
        "sync_id": "s",
        "sync_state": "SUCCEEDED",
        "sync_started_at": stamp(began),
        "sync_ended_at": stamp(began + timedelta(hours=1)),
        "sync_duration_seconds": 3600,
        "integration_id": INTEGRATION,
        "integration_tool": "greenhouse",
        "integration_category": "ATS",
        "end_user": {"organization_name": "Acme", "creator_email": None, "origin_id": None},
        "log_url": "https://app.kombo.dev/logs/1",
    }
    return json.dumps({"id": "e", "type": "sync-finished", "data": data}).encode()


async def test_a_clock_that_is_set_back(place: Place) -> None:
    """If the store's clock is set back by a day, nothing waits for a day."""
    tables = [Table("tags", ats.GetTags())]
    async with Mirror(mock_client(Source()), place.store(), tables, keep_changes=timedelta(days=7)) as mirror:
        store = mirror.store
        for integration_id in ("lever:free", "lever:held"):
            await store.add(integration_id)
        assert await store.take("one that dies", "lever:held", 0.1) is not None
        assert await store.subscribe("mailer", "one that dies", 0.1) == 0
        await store.renew("another", 30)
        place.query("UPDATE kombo_clock SET time = time + 86400")  # as if it had been a day later until now
        place.query("UPDATE kombo_integrations SET due_at = due_at + 86400, lease_until = lease_until + 86400")
        place.query("UPDATE kombo_subscribers SET lease_until = lease_until + 86400")
        assert await store.claim("another", {"long": 9}, 30) == []
        assert await store.subscribe("mailer", "another", 30) is None
        await store.renew("another", 30)
        await anyio.sleep(0.2)
        turns = await store.claim("another", {"long": 9}, 30)
        assert sorted(turn.integration_id for turn in turns) == ["lever:free", "lever:held"]
        assert await store.subscribe("mailer", "another", 30) == 0
