"""Gauges of a bulk journal."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from kombo_async.bulk import Entry, Row, RowKey, SqliteJournal
from kombo_async.bulk.resolve import open_doubts
from kombo_async.contrib.otel import observe_journal
from tests.support.calls import CREATE
from tests.support.redis_server import needs_redis, redis_server
from tests.support.wire import APPLICATION, failure, mock_client, page, success

pytestmark = pytest.mark.anyio


def values(reader: InMemoryMetricReader) -> dict[str, dict[str, float]]:
    """The values of each gauge by integration."""
    data: Any = reader.get_metrics_data()
    found = [] if data is None else data.resource_metrics[0].scope_metrics[0].metrics
    return {
        each.name: {point.attributes["kombo.integration.id"]: point.value for point in each.data.data_points}
        for each in found
        if each.data.data_points
    }


async def until(reader: InMemoryMetricReader, is_so: Callable[[dict[str, dict[str, float]]], bool]) -> None:
    """Wait until the exported gauges show it."""
    with anyio.fail_after(60):
        while not is_so(values(reader)):  # noqa: ASYNC110 - it is in an exporter
            await anyio.sleep(0.01)


async def test_a_run(tmp_path: Path) -> None:
    """While a run uses its journal, the gauges show what is in doubt, what is being sent, and since when."""
    reader = InMemoryMetricReader()
    watch = partial(observe_journal, every=0.01, meter_provider=MeterProvider([reader]))
    let_go = anyio.Event()

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return page()
        if request.headers["X-Integration-Id"] == "lever:bad":
            return failure(500, "PLATFORM.UNKNOWN_ERROR")
        await let_go.wait()
        return success(APPLICATION)

    journal = SqliteJournal(tmp_path / "journal.db")
    rows = [Row(CREATE, integration_id=name) for name in ("lever:bad", "lever:slow")]
    before = time.time() - 2  # a `Date` has whole seconds
    async with mock_client(answer) as kombo, anyio.create_task_group() as tasks:
        tasks.start_soon(watch, journal)

        async def look() -> None:
            in_doubt = {"lever:bad": 1, "lever:slow": 0}
            sending = {"lever:bad": 0, "lever:slow": 1}
            await until(reader, lambda now: now.get("kombo.journal.in_doubt") == in_doubt)
            await until(reader, lambda now: now.get("kombo.journal.sending") == sending)
            assert all(0 <= lag <= time.time() - before for lag in values(reader)["kombo.journal.lag"].values())
            let_go.set()

        tasks.start_soon(look)
        results = {outcome.result async for outcome in kombo.bulk(rows, journal=journal)}
        assert results == {"in_doubt", "done"}
        await until(reader, lambda now: not now)  # the run has closed its journal
        async with open_doubts(journal) as doubts:
            await until(reader, lambda now: now.get("kombo.journal.in_doubt") == {"lever:bad": 1, "lever:slow": 0})
            (doubt,) = [each async for each in doubts]
            await doubts.give_up(doubt.key)
            await until(reader, lambda now: now.get("kombo.journal.in_doubt") == {"lever:bad": 0, "lever:slow": 0})
            assert values(reader)["kombo.journal.lag"] == {"lever:bad": 0, "lever:slow": 0}
        tasks.cancel_scope.cancel()
    assert values(reader) == {}


@needs_redis
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_all_machines_of_an_upload(anyio_backend: str) -> None:
    """A journal in Redis of its own, which no run uses, shows the rows of all machines."""
    from kombo_async.bulk.redis import RedisJournal

    reader = InMemoryMetricReader()
    sent = datetime.now(UTC) - timedelta(hours=1)
    with redis_server() as address:
        machines = [RedisJournal(address, job="upload") for _ in range(2)]
        watcher = RedisJournal(address, job="upload")
        for number, journal in enumerate(machines):
            await journal.open("https://api.kombo.dev")
            key = RowKey(str(number), "application", "lever:a")
            await journal.claim(key)
            await journal.record(key, Entry(state="in_doubt", digest="", last_sent=sent))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(observe_journal, watcher, every=0.01, meter_provider=MeterProvider([reader])))
            await until(reader, lambda now: now.get("kombo.journal.in_doubt") == {"lever:a": 2})
            assert 3600 <= values(reader)["kombo.journal.lag"]["lever:a"] < 3700
            tasks.cancel_scope.cancel()
        for journal in (*machines, watcher):
            await journal.aclose()
