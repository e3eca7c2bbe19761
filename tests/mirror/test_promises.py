"""Promises of docs/mirror.md that no other test covers, on virtual time."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import anyio
import httpx
import pytest

from kombo_async import ats
from kombo_async.mirror import Mirror, Table, _look, _scheduler
from kombo_async.webhooks import parse
from tests.mirror.virtual import InlineStore, anyio_backend, dated, now
from tests.support.wire import failure, mock_client, page

__all__ = ["anyio_backend"]
pytestmark = pytest.mark.anyio

LEVER = "lever:1"
APPLICATIONS = [Table("applications", ats.GetApplications())]
QUIET = 700.0
"""Seconds after which what is new has been read a second time."""


@pytest.fixture(autouse=True)
def _rare_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Poll rarely, since days pass in these tests; webhooks still wake the mirror."""
    monkeypatch.setattr(_scheduler, "POLL", 10.0)


class Kombo:
    """Applications, all at one stage."""

    def __init__(self, applications: int = 5) -> None:
        self.applications = applications
        self.stage = "Interview"
        self.stage_changed = "2026-11-01T00:00:00.000Z"
        self.stages: httpx.Response | None = None
        """What stands in for the list of stages."""
        self.answer: httpx.Response | None = None
        """What stands in for all lists."""
        self.asked: list[tuple[datetime, httpx.URL]] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.asked.append((now(), request.url))
        await anyio.sleep(0.05)
        if self.answer is not None:
            return dated(again(self.answer))
        query = request.url.params
        stage = {"id": "stage", "name": self.stage, "changed_at": self.stage_changed, "remote_deleted_at": None}
        if request.url.path.endswith("/applications"):
            ids = query["ids"].split(",") if "ids" in query else [f"a{number}" for number in range(self.applications)]
            old = {"changed_at": "2026-11-01T00:00:00.000Z", "remote_deleted_at": None}
            records = [{"id": id, "current_stage": {"id": "stage", "name": self.stage}, **old} for id in ids]
            return dated(page(*records) if "updated_after" not in query else page())
        if request.url.path.endswith("/application-stages"):
            if self.stages is not None:
                return dated(again(self.stages))
            return dated(page(stage))
        return dated(page())

    def rename_stage(self) -> None:
        """The stage has another name from now on."""
        self.stage, self.stage_changed = f"Interview at {now()}", now().isoformat().replace("+00:00", "Z")

    def reads(self, *, of_changes: bool = False, by_ids: bool = False) -> list[datetime]:
        """When applications were read: all of them, or what changed, or by IDs."""
        return [
            at
            for at, url in self.asked
            if url.path.endswith("/applications")
            and ("updated_after" in url.params, "ids" in url.params) == (of_changes, by_ids)
        ]


def again(answer: httpx.Response) -> httpx.Response:
    """A copy of *answer*."""
    return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


@asynccontextmanager
async def running(kombo: Kombo, store: InlineStore, **settings: Any) -> AsyncGenerator[Mirror]:
    """A mirror of applications that runs."""
    async with (
        mock_client(kombo) as client,
        Mirror(client, store, APPLICATIONS, now=now, **settings) as mirror,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(mirror.run)
        yield mirror
        tasks.cancel_scope.cancel()


def query(store: InlineStore, sql: str) -> list[tuple[Any, ...]]:
    """Rows of the store."""
    assert store._tables is not None
    rows: list[tuple[Any, ...]] = store._tables._db.execute(sql).fetchall()
    return rows


def stages(store: InlineStore) -> set[str]:
    """The names of stages in the table."""
    return {name for (name,) in query(store, "SELECT data ->> '$.current_stage.name' FROM applications")}


def webhook(model: str) -> Any:
    """A `data-changed`."""
    data = {"integration_id": LEVER, "integration_category": "ATS", "changed_models": [{"name": model}]}
    return parse(json.dumps({"id": "e", "type": "data-changed", "data": data}).encode())


async def test_followed_from_now_on() -> None:
    """`follow` adds an integration to a running mirror; `forget` removes it with its records."""
    kombo, store = Kombo(), InlineStore()
    async with running(kombo, store) as mirror:
        await anyio.sleep(10)
        assert kombo.asked == []
        await mirror.follow(LEVER)
        await anyio.sleep(QUIET)
        assert len(query(store, "SELECT * FROM applications")) == 5
        await mirror.forget(LEVER)
        assert query(store, "SELECT * FROM applications") == []
        kombo.asked.clear()
        await mirror.handle(
            parse(json.dumps({"id": "e", "type": "integration-deleted", "data": {"id": LEVER}}).encode())
        )
        await anyio.sleep(20 * 3600)
        assert kombo.asked == []


async def test_only_ids_are_kept_of_what_is_watched() -> None:
    """For watched lists, the store has only IDs and digests."""
    kombo, store = Kombo(), InlineStore()
    async with running(kombo, store, integrations=[LEVER]):
        await anyio.sleep(QUIET)
        rows = query(store, "SELECT id, data, length(kombo_digest) FROM kombo_model_ats_application_stages")
        assert rows == [("stage", "{}", 12)]


@pytest.mark.parametrize(("most", "by_ids"), [(5, True), (4, False)])
async def test_what_is_stale_is_read_again(most: int, by_ids: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records with a renamed stage are read again by ID; if there are too many, the whole list is read."""
    monkeypatch.setattr(_look, "MOST_READ_AGAIN", most)
    kombo, store = Kombo(), InlineStore()
    async with running(kombo, store, integrations=[LEVER]) as mirror:
        await anyio.sleep(3600)
        kombo.asked.clear()
        kombo.rename_stage()
        await mirror.handle(webhook("ats_application_stages"))
        await anyio.sleep(5)
        assert stages(store) == {kombo.stage}
        assert bool(kombo.reads(by_ids=True)) is by_ids
        assert bool(kombo.reads()) is not by_ids


async def test_a_list_that_cannot_be_watched() -> None:
    """Without a list of stages, all applications are read when a webhook names them, at most every half hour."""
    kombo, store = Kombo(), InlineStore()
    kombo.stages = failure(403, "INTEGRATION.MODEL_NOT_AVAILABLE")
    async with running(kombo, store, integrations=[LEVER]) as mirror:
        await anyio.sleep(3600)
        kombo.asked.clear()
        for _ in range(120):  # webhooks for an hour
            kombo.rename_stage()
            await mirror.handle(webhook("ats_application_stages"))
            await anyio.sleep(30)
        first, *more = kombo.reads()
        assert len(more) in (1, 2)
        for before, after in pairwise([first, *more]):
            assert after - before > timedelta(minutes=29)
        kombo.asked.clear()
        await mirror.handle(webhook("ats_jobs"))
        await anyio.sleep(2 * 3600)
        assert stages(store) == {kombo.stage}
        kombo.rename_stage()
        await anyio.sleep(28 * 3600)  # no webhook
        assert stages(store) == {kombo.stage}


@pytest.mark.parametrize(
    ("answer", "first", "least", "most"),
    [
        (failure(500, "PLATFORM.UNKNOWN_ERROR"), 5, 0, 300),
        (failure(409, "INTEGRATION.SETUP_SYNC_PENDING"), 60, 59, 75),
        (failure(401, "PLATFORM.AUTHENTICATION_INVALID"), 3600, 3599, 3615),
    ],
    ids=["failing", "pending", "set-up"],
)
async def test_when_failures_are_tried_again(answer: httpx.Response, first: float, least: float, most: float) -> None:
    """Failures after seconds to five minutes, a pending sync after a minute, a set-up after an hour, or a webhook."""
    kombo, store = Kombo(), InlineStore()
    kombo.answer = answer
    async with running(kombo, store, integrations=[LEVER]) as mirror:
        await anyio.sleep(6 * 3600)
        looks = [at for at, url in kombo.asked if url == kombo.asked[0][1]]
        pauses = [(after - before).total_seconds() for before, after in pairwise(looks)]
        later = [each for each in pauses if each > 5 or most > 300]  # the client's own retries are quicker
        assert later
        assert least <= min(later)
        assert max(later) <= most + 20
        count = len(kombo.asked)
        await mirror.handle(webhook("ats_applications"))
        await anyio.sleep(1)
        assert len(kombo.asked) > count
        kombo.answer = None
        await anyio.sleep(most + 30)
        assert len(query(store, "SELECT * FROM applications")) == 5


async def test_a_start_looks_at_what_may_have_been_missed(tmp_path: Any) -> None:
    """A starting process checks all integrations that have not been checked for a minute."""
    kombo = Kombo()
    path = str(tmp_path / "mirror.db")
    async with running(kombo, InlineStore(path), integrations=[LEVER]):
        await anyio.sleep(QUIET)
        kombo.asked.clear()
        async with running(kombo, InlineStore(path)):
            await anyio.sleep(5)
            assert bool(kombo.asked) is True
            kombo.asked.clear()
            async with running(kombo, InlineStore(path)):  # looked at just now
                await anyio.sleep(5)
                assert kombo.asked == []
