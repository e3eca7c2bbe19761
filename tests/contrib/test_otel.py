"""Spans and metrics."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from kombo_async import ConnectionFailed, RetryPolicy, ServerError, ats
from kombo_async._chain.adaptive_limiter import FIRST_LIMIT
from kombo_async.contrib.otel import OpenTelemetry, observe, observe_mirror
from kombo_async.mirror import Mirror, SqliteStore, Table
from tests.support.calls import CREATE
from tests.support.wire import (
    CANDIDATE,
    INTEGRATION,
    AsyncHandler,
    Handler,
    answering,
    failure,
    mock_client,
    page,
    success,
)

pytestmark = pytest.mark.anyio

QUICK = RetryPolicy(initial_delay=0, jitter=False)


class Recorder:
    """What would be exported."""

    def __init__(self, **settings: Any) -> None:
        self.exporter = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()
        spans = TracerProvider()
        spans.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.middleware = OpenTelemetry(tracer_provider=spans, meter_provider=MeterProvider([self.reader]), **settings)
        self.tracer = spans.get_tracer("test")

    def client(self, handler: Handler | AsyncHandler, **settings: Any) -> Any:
        """A client that is traced."""
        return mock_client(handler, middleware=[self.middleware], **settings)

    def spans(self) -> list[ReadableSpan]:
        """The spans, in the order of their ends."""
        return list(self.exporter.get_finished_spans())

    def points(self) -> dict[str, list[dict[str, Any]]]:
        """The attributes of each metric's points."""
        data: Any = self.reader.get_metrics_data()
        metrics = data.resource_metrics[0].scope_metrics[0].metrics
        return {each.name: [dict(point.attributes) for point in each.data.data_points] for each in metrics}


async def test_a_call() -> None:
    """A call is a span, and its attempt a client span below it with the attributes of the conventions."""
    recorder = Recorder()
    async with recorder.client(answering(success(CANDIDATE))[0]) as kombo:
        await kombo.ats.get_candidates(email="frank@example.com")
    attempt, call = recorder.spans()
    assert (call.name, call.kind, call.parent) == ("GetAtsCandidates", SpanKind.INTERNAL, None)
    assert (attempt.name, attempt.kind) == ("GET /ats/candidates", SpanKind.CLIENT)
    assert attempt.parent is not None
    assert call.context is not None
    assert attempt.parent.span_id == call.context.span_id
    assert dict(attempt.attributes or {}) == {
        "http.request.method": "GET",
        "url.template": "/ats/candidates",
        "server.address": "api.kombo.dev",
        "server.port": 443,
        "http.response.status_code": 200,
        "kombo.operation": "GetAtsCandidates",
        "kombo.integration.tool": "greenhouse",
    }
    assert attempt.status.status_code is StatusCode.UNSET
    assert (call.attributes or {})["kombo.attempts"] == 1


async def test_attempts() -> None:
    """A call that is tried again has one client span for each attempt, with its status and its code."""
    recorder = Recorder()
    handler, _ = answering(failure(429, "PLATFORM.RATE_LIMIT_EXCEEDED", headers={"Retry-After": "0"}), page())
    async with recorder.client(handler, retry=QUICK) as kombo:
        await kombo.ats.get_jobs()
    first, second, call = recorder.spans()
    refused, done = dict(first.attributes or {}), dict(second.attributes or {})
    assert first.status.status_code is StatusCode.ERROR
    assert (refused["error.type"], refused["kombo.error.code"]) == ("429", "PLATFORM.RATE_LIMIT_EXCEEDED")
    assert "http.request.resend_count" not in refused
    assert (done["http.request.resend_count"], done["http.response.status_code"]) == (1, 200)
    assert dict(call.attributes or {})["kombo.attempts"] == 2
    assert call.status.status_code is StatusCode.UNSET


async def test_a_failure() -> None:
    """A failed call says which code it failed with, and whether it may have been done."""
    recorder = Recorder()
    async with recorder.client(answering(failure(500, "PLATFORM.UNKNOWN_ERROR"))[0]) as kombo:
        await kombo.ats.reject_application("1", rejection_reason_id="2")
    call = recorder.spans()[-1]
    attributes = dict(call.attributes or {})
    assert call.status.status_code is StatusCode.ERROR
    assert (attributes["error.type"], attributes["kombo.may_have_applied"]) == ("PLATFORM.UNKNOWN_ERROR", True)


async def test_no_answer() -> None:
    """An attempt without a response has the class of the error and the server's address, but no exception."""

    def broken(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no")

    recorder = Recorder(base_url="https://kombo.example:8443/v1")
    async with recorder.client(broken, base_url="https://kombo.example:8443/v1") as kombo:
        with pytest.raises(ConnectionFailed):
            await kombo.ats.get_jobs()
    for span in recorder.spans():
        assert dict(span.attributes or {})["error.type"] == "ConnectionFailed"
        assert not span.events
    attempt = dict(recorder.spans()[0].attributes or {})
    assert (attempt["server.address"], attempt["server.port"]) == ("kombo.example", 8443)


async def test_metrics() -> None:
    """Durations of calls and of attempts are recorded with attributes of few values."""
    recorder = Recorder()
    async with recorder.client(answering(page())[0]) as kombo:
        await kombo.ats.get_jobs()
        await kombo.ats.get_jobs()
    points = recorder.points()
    (attempt,), (call,) = points["http.client.request.duration"], points["kombo.call.duration"]
    assert (attempt["http.response.status_code"], attempt["kombo.operation"]) == (200, "GetAtsJobs")
    assert call == {"kombo.operation": "GetAtsJobs", "kombo.integration.tool": "greenhouse"}


async def test_no_data_of_people() -> None:
    """Nothing that is exported contains an e-mail address, an ID, the key or text from a response."""
    recorder = Recorder()
    handler, _ = answering(failure(400, "frank@example.com", "frank@example.com is not known"))
    async with recorder.client(handler) as kombo:
        await kombo.ats.get_candidates(email="frank@example.com")
        await kombo.ats.get_candidate_attachments("CandidateOfFrank")
    exported = "".join(span.to_json() for span in recorder.spans()) + str(recorder.points())
    for secret in ("frank", "CandidateOfFrank", "key-7f3a9c", "HWUTwvyx2wLoSUHphiWVrp28"):
        assert secret not in exported


@pytest.mark.parametrize("propagate", [False, True])
async def test_propagation(propagate: bool) -> None:
    """The trace context is sent to Kombo only on request."""
    recorder = Recorder(propagate=propagate)
    handler, sent = answering(page())
    async with recorder.client(handler) as kombo:
        with recorder.tracer.start_as_current_span("of the app"):
            await kombo.ats.get_jobs()
    assert ("traceparent" in sent[0].headers) is propagate


async def test_calls_at_once() -> None:
    """Calls of several pages, with the next one fetched ahead, do not mix their spans up."""
    recorder = Recorder()
    handler, _ = answering(page(next="2"), page(next="3"), page())
    async with recorder.client(handler) as kombo:
        async for _page in kombo.ats.get_jobs().pages():
            pass
    spans = recorder.spans()
    calls = {each.context.span_id for each in spans if each.kind is SpanKind.INTERNAL and each.context}
    parents = [each.parent.span_id for each in spans if each.kind is SpanKind.CLIENT and each.parent]
    assert len(parents) == 3
    assert set(parents) == calls


async def test_bulk_runs(tmp_path: Path) -> None:
    """Rows of a bulk run with a journal are traced, too, and the journal works as it does without."""
    recorder = Recorder()
    handler, sent = answering(page())
    async with recorder.client(handler) as kombo:
        for _ in range(2):
            run = kombo.bulk([ats.GetJobs(), ats.GetTags()], journal=tmp_path / "journal.db")
            assert {outcome.result async for outcome in run} == {"done"}
    rows = [request for request in sent if request.url.path.startswith("/v1/ats/")]  # a run also asks for the time
    assert len(rows) == 2
    names = sorted(span.name for span in recorder.spans())
    assert [name for name in names if "heck" not in name] == [
        "GET /ats/jobs",
        "GET /ats/tags",
        "GetAtsJobs",
        "GetAtsTags",
    ]


async def test_gauges_show_what_waits() -> None:
    """Waiting and running calls are exported by integration, also from a metric reader's thread."""
    recorder = Recorder()
    reader = InMemoryMetricReader()
    let_go = anyio.Event()

    async def handler(request: httpx.Request) -> httpx.Response:
        await let_go.wait()
        return success(CANDIDATE)

    async with recorder.client(handler) as kombo:
        observe(kombo, meter_provider=MeterProvider([reader]))
        async with anyio.create_task_group() as group:
            for _ in range(7):
                group.start_soon(kombo.send, CREATE)
            await anyio.wait_all_tasks_blocked()
            values = await anyio.to_thread.run_sync(exported, reader)
            let_go.set()
        assert kombo.status().actions[INTEGRATION].waiting == 0
        assert kombo.status().actions[INTEGRATION].in_flight == 0
    assert values == {
        ("kombo.calls.in_flight", None): FIRST_LIMIT,
        ("kombo.calls.waiting", None): 0,
        ("kombo.actions.in_flight", INTEGRATION): FIRST_LIMIT,
        ("kombo.actions.waiting", INTEGRATION): 7 - FIRST_LIMIT,
        ("kombo.actions.limit", INTEGRATION): FIRST_LIMIT,
        ("kombo.pauses", None): 0,
    }


async def test_pauses_are_counted() -> None:
    """A pause of the whole client is visible while it lasts, and counted."""
    reader = InMemoryMetricReader()
    handler, _ = answering(failure(429, "PLATFORM.RATE_LIMIT_EXCEEDED", headers={"Retry-After": "0"}), page())
    async with mock_client(handler, retry=RetryPolicy.none()) as kombo:
        observe(kombo, meter_provider=MeterProvider([reader]))
        await kombo.ats.get_candidates()
        assert kombo.status().paused
        assert exported(reader)["kombo.pauses", None] == 1
        await kombo.ats.get_candidates()
        assert not kombo.status().paused


def exported(reader: InMemoryMetricReader) -> dict[tuple[str, Any], Any]:
    """The values of the gauges, by name and integration."""
    data: Any = reader.get_metrics_data()
    metrics = data.resource_metrics[0].scope_metrics[0].metrics
    return {
        (each.name, point.attributes.get("kombo.integration.id")): point.value
        for each in metrics
        for point in each.data.data_points
    }


async def test_a_mirror(tmp_path: Path) -> None:
    """Lag, failures and last full syncs of each integration are gauges; while the store is away there are none."""
    store = SqliteStore(tmp_path / "mirror.db")
    reader = InMemoryMetricReader()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.headers["X-Integration-Id"] == "lever:bad":
            return failure(500, "PLATFORM.UNKNOWN_ERROR")
        return page({"id": "t", "name": "Tag", "changed_at": "2026-05-19T08:00:00.000Z", "remote_deleted_at": None})

    async def until(is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        with anyio.fail_after(60):
            while not is_so(values := points_of(reader)):  # noqa: ASYNC110 - it is in an exporter
                await anyio.sleep(0.01)
        return values

    async with mock_client(answer) as kombo, Mirror(kombo, store, [Table("tags", ats.GetTags())]) as mirror:
        before = time.time() - 2  # a `Date` has whole seconds
        await mirror.update("lever:good")
        with pytest.raises(ServerError):
            await mirror.update("lever:bad")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(observe_mirror, mirror, every=0.01, meter_provider=MeterProvider([reader])))
            values = await until(lambda values: bool(values))
            assert values["kombo.mirror.lag"].keys() == {"lever:good"}
            assert 0 <= values["kombo.mirror.lag"]["lever:good"] < 60
            assert values["kombo.mirror.failures"] == {"lever:good": 0, "lever:bad": 1}
            assert values["kombo.mirror.behind"]["lever:bad"] == 0
            assert values["kombo.mirror.last_full_sync"].keys() == {"lever:good"}
            assert before < values["kombo.mirror.last_full_sync"]["lever:good"] < time.time() + 2
            assert sum(values["kombo.mirror.integrations"].values()) == 2
            assert values["kombo.mirror.integrations"]["failing"] == 1
            await store.aclose()
            await until(lambda values: not values)
            await store.open(mirror.all_tables)
            await until(lambda values: bool(values))
            tasks.cancel_scope.cancel()
        assert points_of(reader) == {}


def points_of(reader: InMemoryMetricReader) -> dict[str, Any]:
    """The values of each metric, by what their only attribute says."""
    data: Any = reader.get_metrics_data()
    metrics = [] if data is None else data.resource_metrics[0].scope_metrics[0].metrics
    return {
        each.name: {next(iter(point.attributes.values())): point.value for point in each.data.data_points}
        for each in metrics
        if each.data.data_points
    }
