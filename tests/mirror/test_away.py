"""A database that goes away and comes back: what users of a mirror see meanwhile, and afterwards."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from kombo_async import ats
from kombo_async.mirror import Change, Mirror, SqliteStore, StoreUnavailable, Table, _scheduler, _subscription
from kombo_async.webhooks import parse
from tests.mirror.source import Source
from tests.mirror.stores import postgres_store
from tests.mirror.test_strange import data_changed
from tests.support.postgres_server import PostgresServer, needs_postgres, postgres
from tests.support.wire import INTEGRATION, mock_client

pytestmark = pytest.mark.anyio

TAGS = [Table("tags", ats.GetTags(), columns=["name"])]


@pytest.fixture
def anyio_backend() -> str:
    """asyncpg is for asyncio."""
    return "asyncio"


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A server of this test's own."""
    pytest.importorskip("asyncpg")
    with postgres() as server:
        yield server


async def until(what: Callable[[], Awaitable[bool]]) -> None:
    """Wait until *what* is so, a minute at most."""
    with anyio.fail_after(60):
        while not await what():  # noqa: ASYNC110 - it is in a database
            await anyio.sleep(0.02)


@needs_postgres
async def test_postgres_is_restarted(
    server: PostgresServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While PostgreSQL is away, the status says so, webhooks are refused, and the rest waits; then all goes on."""
    for module in (_scheduler, _subscription):
        monkeypatch.setattr(module, "backoff", lambda *args, **settings: 0.05)
    source = Source()
    source.put("t0", "Tag")
    changes: list[Change] = []

    async def subscribe(mirror: Mirror) -> None:
        async with mirror.changes("mailer") as subscription:
            async for change in subscription:
                changes.append(change)  # noqa: PERF401 - as they come

    store = postgres_store(server.address, "away")
    mirror = Mirror(mock_client(source), store, TAGS, keep_changes=timedelta(days=7), now=lambda: source.now)
    caplog.set_level(logging.WARNING, "kombo_async.mirror")
    async with mirror, anyio.create_task_group() as tasks:
        await mirror.follow(INTEGRATION, "ATS")
        tasks.start_soon(mirror.run)
        tasks.start_soon(subscribe, mirror)
        await until(lambda: has(changes, 1))
        server.stop()

        status = await mirror.status()
        assert not status.ok
        assert "PostgreSQL is not available" in str(status.unavailable)
        assert json.loads(json.dumps(status.as_dict())) == {"status": "unavailable", "error": status.unavailable}
        for call in (
            lambda: mirror.handle(parse(data_changed(INTEGRATION))),
            lambda: mirror.update(INTEGRATION),
            lambda: mirror.follow("lever:2"),
        ):
            with pytest.raises(StoreUnavailable, match="PostgreSQL is not available"):
                await call()
        await until(lambda: said(caplog, "mailer waits", "the mirror waits for its store"))
        source.now += timedelta(minutes=1)
        source.put("t1", "New")
        server.start()

        await mirror.handle(parse(data_changed(INTEGRATION)))
        await until(lambda: has(changes, 2))
        assert [(each.id, each.kind) for each in changes] == [("t0", "inserted"), ("t1", "inserted")]
        assert (await mirror.status()).unavailable is None
        server.stop()
        tasks.cancel_scope.cancel()
    assert "Traceback" not in caplog.text


async def has(changes: list[Change], count: int) -> bool:
    """Whether so many changes have come."""
    return len(changes) >= count


async def said(caplog: pytest.LogCaptureFixture, *texts: str) -> bool:
    """Whether the log has all of these."""
    return all(text in caplog.text for text in texts)


@needs_postgres
async def test_postgres_stops_while_pages_come(server: PostgresServer) -> None:
    """A sync that the database leaves halfway says so; the next one ends it."""
    source = Source()
    for number in range(7):
        source.put(f"t{number}", "Tag")
    async with Mirror(mock_client(source), postgres_store(server.address, "away"), TAGS) as mirror:
        await mirror.update(INTEGRATION)
        source.now += timedelta(minutes=20)
        for number in range(9):
            source.put(f"t{number}", "New")
        source.between.append((len(source.requests) + 2, server.stop))
        with pytest.raises(StoreUnavailable):
            await mirror.update(INTEGRATION)
        server.start()
        await mirror.store.renew(mirror._owner, 0.0)  # the lease of the broken one ends by itself, in a while
        await mirror.update(INTEGRATION)
        rows: Any = await mirror.store._pool.fetch("SELECT id, name FROM away.tags")  # type: ignore[attr-defined]
        assert dict(rows) == source.live()


@needs_postgres
async def test_postgres_is_not_there_from_the_start(server: PostgresServer) -> None:
    """A start without the database ends with the reason, and without the password."""
    server.stop()
    mirror = Mirror(mock_client(Source()), postgres_store(server.address.replace("kombo@", "kombo:secret@"), "x"), TAGS)
    with pytest.raises(StoreUnavailable, match="Connect call failed") as caught:
        await mirror.run()
    assert "secret" not in repr(caught.value)
    assert (await mirror.status()).unavailable == str(caught.value)


@pytest.mark.parametrize("how", ["removed", "replaced"])
async def test_a_file_that_is_gone(how: str, tmp_path: Path) -> None:
    """A SQLite file that is removed or replaced while it is open is an error, for what is written would be lost."""
    path = tmp_path / "mirror.db"
    async with Mirror(mock_client(Source()), path, TAGS) as mirror:
        await mirror.update(INTEGRATION)
        path.rename(tmp_path / "other.db")
        if how == "replaced":
            shutil.copy(tmp_path / "other.db", path)
        with pytest.raises(StoreUnavailable, match=r"mirror.db' was removed or replaced .* restart the process"):
            await mirror.update(INTEGRATION)
        assert not (await mirror.status()).ok
        with suppress(FileNotFoundError):
            path.unlink()
        (tmp_path / "other.db").rename(path)
        await mirror.update(INTEGRATION)


async def test_a_file_that_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that somebody else holds is unavailable until it is free."""
    store = SqliteStore(tmp_path / "mirror.db")
    async with Mirror(mock_client(Source()), store, TAGS) as mirror:
        await mirror.update(INTEGRATION)
        other = SqliteStore(tmp_path / "mirror.db")
        await other.open(TAGS)
        assert store._tables is not None
        assert other._tables is not None
        store._tables._db.execute("PRAGMA busy_timeout = 10")
        other._tables._db.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="cannot be used: database is locked"):
            await mirror.update(INTEGRATION)
        other._tables._db.execute("ROLLBACK")
        await mirror.update(INTEGRATION)
        await other.aclose()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_without_rights(tmp_path: Path) -> None:
    """A place where nothing may be written is named."""
    await anyio.Path(tmp_path).chmod(0o500)
    with pytest.raises(StoreUnavailable, match="cannot be used: Permission denied"):
        await Mirror(mock_client(Source()), tmp_path / "mirror.db", TAGS).open()


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """A file that is something else is left alone, and named."""
    (tmp_path / "mirror.db").write_text("This is a text, and no database at all. " * 100)
    with pytest.raises(RuntimeError, match="cannot be used: file is not a database"):
        await Mirror(mock_client(Source()), tmp_path / "mirror.db", TAGS).open()
    assert (tmp_path / "mirror.db").read_text().startswith("This is a text")
