"""Seeded histories on virtual time: whatever happens, after some quiet every table equals a full read.

Two processes mirror two integrations into one file. Records change all the time and show late; webhooks come late,
twice, out of order or not at all; requests hang and fail; processes are killed and come back.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import anyio
import httpx
import pytest
from anyio.abc import TaskGroup

from kombo_async import ats
from kombo_async.mirror import Mirror, Table, _look, _scheduler
from kombo_async.webhooks import parse
from tests.mirror.virtual import InlineStore, anyio_backend, now, seconds
from tests.mirror.world import LISTS, World
from tests.support.wire import mock_client

__all__ = ["anyio_backend"]
pytestmark = pytest.mark.anyio

T = TypeVar("T")
EVERY = timedelta(minutes=30)
OVERLAP = timedelta(minutes=10)
LAG = 240.0
TABLES = [
    Table("applications", ats.GetApplications()),
    Table("candidates", ats.GetCandidates()),
    Table("jobs", ats.GetJobs()),
    Table("tags", ats.GetTags()),
]
MODEL_OF = {table.name: LISTS[f"/v1{table.path}"] for table in TABLES}


class Killed(Exception):
    """The process that does this is dead."""


class MortalStore(InlineStore):
    """A store that does nothing more once its process was killed, and nothing while it is paused."""

    dead = False
    paused_until = 0.0

    async def _run(self, work: Callable[..., T], *args: Any) -> T:
        if self.paused_until > anyio.current_time():
            await anyio.sleep_until(self.paused_until)
        if self.dead:
            raise Killed
        return await super()._run(work, *args)


class Simulation:
    """One history."""

    def __init__(self, seed: int, path: Path) -> None:
        self.random = Random(seed)
        self.path = path / "mirror.db"
        self.worlds = {f"lever:{number}": World(self.random, LAG) for number in range(2)}
        self.mirrors: list[Mirror] = []

    async def answer(self, request: httpx.Request) -> httpx.Response:
        """Kombo's answer."""
        return await self.worlds[request.headers["X-Integration-Id"]].answer(request)

    async def run(self) -> None:
        """Live through it."""
        async with anyio.create_task_group() as tasks:
            for integration_id, world in self.worlds.items():
                for _ in range(20):
                    world.change()
                if self.random.random() < 0.3:
                    world.missing.add(self.random.choice(["ats_application_stages", "ats_users"]))
                world.changed = partial(tasks.start_soon, partial(self._tell, integration_id))
                tasks.start_soon(self._changes, world)
            for number in range(2):
                tasks.start_soon(self._process, number)
            await anyio.sleep(2 * 3600)
            for world in self.worlds.values():
                world.failing = 0.0
            await anyio.sleep(4 * EVERY.total_seconds() + 2 * OVERLAP.total_seconds())
            tasks.cancel_scope.cancel()

    async def _changes(self, world: World) -> None:
        """Bursts of changes for two hours."""
        end = anyio.current_time() + 2 * 3600
        while True:
            await anyio.sleep(self.random.choice([0.0, 0.5, 30.0, 600.0]))
            if anyio.current_time() > end:
                return
            world.failing = self.random.choice([0.0, 0.0, 0.1, 0.5])
            world.change()

    async def _tell(self, integration_id: str, model: str) -> None:
        """Kombo's webhooks: lost, late, or twice."""
        for _ in range(self.random.choice([0, 1, 1, 2])):
            await anyio.sleep(self.random.choice([0.0, 5.0, 120.0]))
            body = self.worlds[integration_id].webhook(integration_id, [model])
            for mirror in self.random.sample(self.mirrors, len(self.mirrors)):
                try:
                    await mirror.handle(parse(body))
                except Killed:
                    continue
                break

    async def _process(self, number: int) -> None:
        """A process that is killed now and then."""
        end = anyio.current_time() + 2 * 3600
        while True:
            store = MortalStore(str(self.path))
            async with mock_client(self.answer) as client, anyio.create_task_group() as tasks:
                mirror = Mirror(
                    client,
                    store,
                    TABLES,
                    integrations=self.worlds,
                    every=EVERY,
                    overlap=OVERLAP,
                    keep_changes=timedelta(days=30),
                    now=now,
                )
                self.mirrors.append(mirror)
                tasks.start_soon(self._run_mirror, mirror, tasks)
                left = end - anyio.current_time()
                await anyio.sleep(self.random.uniform(60, 3600) if left > 0 else 1e9)
                if self.random.random() < 0.4:  # it stands still for longer than late changes take, and then goes on
                    store.paused_until = anyio.current_time() + self.random.uniform(60, 1500)
                    await anyio.sleep_until(store.paused_until + 60)
                store.dead = True
                self.mirrors.remove(mirror)
                tasks.cancel_scope.cancel()
            await anyio.sleep(self.random.uniform(1, 300))

    async def _run_mirror(self, mirror: Mirror, tasks: TaskGroup) -> None:
        await mirror.run()

    def check(self) -> None:
        """Every table equals a full read, and the log of changes tells how it came about."""
        database = sqlite3.connect(self.path)
        try:
            for table in TABLES:
                expected = {
                    (integration_id, record["id"]): record
                    for integration_id, world in self.worlds.items()
                    for record in world.records(MODEL_OF[table.name], seconds())
                }
                rows = database.execute(f"SELECT integration_id, id, data FROM {table.name}").fetchall()
                assert {(row[0], row[1]): json.loads(row[2]) for row in rows} == expected
                log = database.execute(
                    "SELECT integration_id, id, kind FROM kombo_changes WHERE name = ? ORDER BY position", [table.name]
                )
                told: set[tuple[str, str]] = set()
                for integration_id, id, kind in log:
                    assert ((integration_id, id) in told) == (kind != "inserted")
                    (told.discard if kind == "deleted" else told.add)((integration_id, id))
                assert told == set(expected)
            assert database.execute("SELECT count(*) FROM kombo_stale").fetchone() == (0,)
        finally:
            database.close()


@pytest.mark.parametrize("seed", range(6))
async def test_a_history(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After some quiet, every table equals a full read."""
    monkeypatch.setattr(_scheduler, "POLL", 7.0)
    monkeypatch.setattr(_look, "UNWATCHED_FULL_EVERY", EVERY)
    simulation = Simulation(seed, tmp_path)
    await simulation.run()
    simulation.check()
