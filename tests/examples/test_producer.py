"""The producer of the worker example: what it holds in memory, and what it asks Redis."""

from __future__ import annotations

import asyncio
import importlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import pytest

from benchmarks.scale import producer
from kombo_async.bulk import Entry, RowKey
from kombo_async.sandbox import BASE_URL
from tests.examples.running import ROOT
from tests.support.redis_server import needs_redis, redis_server

redis = pytest.importorskip("redis.asyncio", reason="needs the package redis")

from kombo_async.bulk.redis import RedisJournal  # noqa: E402

pytestmark = pytest.mark.timeout(120)


def test_memory_stays_flat() -> None:
    """The file is read as the work goes on: seven times the rows take the same memory, and none is asked for again."""

    def run(number: int) -> dict[str, float]:
        command = [sys.executable, "-m", "benchmarks.scale.producer", str(number)]
        found: dict[str, float] = json.loads(subprocess.check_output(command, cwd=ROOT, timeout=100))
        assert found["looked_up"] == 2 * number, "once to see that it is new, once to see that it is done"
        return found

    assert run(84_000)["megabytes"] <= 1.1 * run(12_000)["megabytes"]


class Watched(RedisJournal):
    """A journal that fails if a row is looked up again that was seen to be done."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.done = set[RowKey]()
        self.looks = 0

    async def look_up(self, keys: Sequence[RowKey]) -> list[Entry | None]:
        """Look them up."""
        assert self.done.isdisjoint(keys)
        found = await super().look_up(keys)
        self.looks += 1
        if all(entry is not None and entry.state == "done" for entry in found):
            self.done.update(keys)
        return found


class Queue:
    """The queue, with one worker that takes its time and only notes that rows are done."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._tasks = asyncio.Queue[tuple[str, list[dict[str, str]]] | None]()

    async def kiq(self, job: str, rows: list[dict[str, str]]) -> None:
        """Send a task."""
        await self._tasks.put((job, rows))

    async def work(self) -> None:
        """Do the tasks, until the queue shuts down."""
        while (task := await self._tasks.get()) is not None:
            job, rows = task
            journal = RedisJournal(self._address, job=job)
            await journal.open(BASE_URL)
            for row in rows:
                key = RowKey(row["id"], "application", row["integration_id"])
                await journal.claim(key)
                await journal.record(key, Entry(state="done", digest="d", ids={"id": row["id"]}, proof="answer"))
            await journal.aclose()

    async def startup(self) -> None:
        """Nothing."""

    async def shutdown(self) -> None:
        """Let the worker end."""
        await self._tasks.put(None)


@needs_redis
@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_polling_opens_no_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, anyio_backend: str
) -> None:
    """Chunks are polled over the same few connections, and never again once their rows are settled."""
    rows = tmp_path / "rows.csv"
    producer.write(rows, 2_000)
    with redis_server() as address:
        tasks: Any = ModuleType("tasks")
        tasks.broker = tasks.upload = queue = Queue(address)
        journal = Watched(address, job=rows.name)
        tasks.journal = lambda name: journal
        monkeypatch.setitem(sys.modules, "tasks", tasks)
        monkeypatch.syspath_prepend(str(ROOT / "examples" / "worker"))
        upload: Any = importlib.import_module("upload")
        monkeypatch.delitem(sys.modules, "upload")
        async with anyio.create_task_group() as group, redis.Redis.from_url(address) as watching:
            group.start_soon(queue.work)
            before = (await watching.info("stats"))["total_connections_received"]
            assert await upload.main(rows) == 0
            received = (await watching.info("stats"))["total_connections_received"] - before
    assert received <= 5
    assert len(journal.done) == 2_000
    assert journal.looks >= 2 * 40, "once before a chunk is sent out, and once after that"
