"""Tools that replace or wrap HTTP: respx, pytest-httpx, vcrpy, OpenTelemetry's instrumentation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

from kombo_async import AsyncKomboClient, ConnectionFailed, RetryPolicy, Success
from tests.support.calls import CALLS, CREATE, READ, client
from tests.support.fault_server import Exchange, FaultServer, succeed
from tests.support.wire import API_KEY, INTEGRATION

pytestmark = pytest.mark.anyio

ANSWER = {"status": "success", "data": {}}
each_method = pytest.mark.parametrize("method", CALLS)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """A healthy server."""
    with FaultServer() as running:
        yield running


def kombo_client(**settings: Any) -> AsyncKomboClient:
    return AsyncKomboClient(API_KEY, integration_id=INTEGRATION, **settings)


@each_method
@pytest.mark.parametrize("using", ["httpcore", "httpx"])
async def test_respx(method: str, using: str) -> None:
    """respx, in the place of httpcore as by default or in that of httpx, answers all calls of the client."""
    with respx.mock(base_url="https://api.kombo.dev", using=using) as mocked:
        route = mocked.route().respond(json=ANSWER)
        async with kombo_client() as kombo:
            for _ in range(2):
                assert isinstance(await kombo.send(CALLS[method]), Success)
    assert route.call_count == 2
    assert route.calls.last.request.headers["Authorization"] == f"Bearer {API_KEY}"


@pytest.mark.parametrize("using", ["httpcore", "httpx"])
async def test_respx_that_fails(using: str) -> None:
    """A read error from a mock counts as after sending; a connection error as before."""
    for error, calls in ((httpx.ReadTimeout, 1), (httpx.RemoteProtocolError, 1), (httpx.ConnectError, 3)):
        with respx.mock(base_url="https://api.kombo.dev", using=using) as mocked:
            route = mocked.route().mock(side_effect=error("mocked"))
            async with kombo_client(retry=RetryPolicy(attempts=3, initial_delay=0)) as kombo:
                with pytest.raises(Exception, match="PostAtsCandidates") as caught:
                    await kombo.send(CREATE)
        assert route.call_count == calls
        failure: Any = caught.value
        assert failure.may_have_applied is (calls == 1)


@each_method
async def test_pytest_httpx(method: str, httpx_mock: Any) -> None:
    """pytest-httpx answers all calls of the client, and sees the whole URL."""
    httpx_mock.add_response(json=ANSWER, is_reusable=True)
    async with kombo_client() as kombo:
        for _ in range(2):
            assert isinstance(await kombo.send(CALLS[method]), Success)
        await kombo.ats.get_jobs(page_size=3)
    last = httpx_mock.get_requests()[-1]
    assert str(last.url) == "https://api.kombo.dev/v1/ats/jobs?page_size=3"
    assert last.headers["Authorization"] == f"Bearer {API_KEY}"


async def test_vcrpy(server: FaultServer, tmp_path: Path) -> None:
    """vcrpy records what the server answered, and plays it without the server."""
    vcr = pytest.importorskip("vcr")
    cassette = str(tmp_path / "cassette.yaml")
    for _ in range(2):
        with vcr.use_cassette(cassette, filter_headers=["authorization"]):
            async with client(server) as kombo:
                for request in (READ, CREATE):
                    assert isinstance(await kombo.send(request), Success)
    assert server.asked.total() == 2
    assert API_KEY not in (tmp_path / "cassette.yaml").read_text()


async def test_recorded_connections_are_not_used_twice(server: FaultServer, tmp_path: Path) -> None:
    """Through a transport that cannot tell whether unread data is left, a second answer is never taken for the next."""
    vcr = pytest.importorskip("vcr")

    async def twice(exchange: Exchange) -> None:
        await succeed(exchange)
        await succeed(exchange)

    with vcr.use_cassette(str(tmp_path / "cassette.yaml"), record_mode="all"):
        async with client(server, twice) as kombo:
            for _ in range(3):
                assert isinstance(await kombo.send(CREATE), Success)
    assert server.connections == 3


# ---------------------------------------------------------------------- OpenTelemetry


@pytest.fixture(params=["global provider", "provider of its own"])
def spans(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The spans that OpenTelemetry's instrumentation of httpx makes."""
    instrumentation = pytest.importorskip("opentelemetry.instrumentation.httpx")
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with pytest.MonkeyPatch.context() as patch:
        settings: dict[str, Any] = {"tracer_provider": provider}
        if request.param == "global provider":
            patch.setattr(trace, "get_tracer_provider", lambda: provider)
            settings = {}
        instrumentor = instrumentation.HTTPXClientInstrumentor()
        instrumentor.instrument(**settings)
        try:
            yield exporter
        finally:
            instrumentor.uninstrument()


def client_spans(exporter: Any) -> list[dict[str, Any]]:
    found = [span for span in exporter.get_finished_spans() if span.kind.name == "CLIENT"]
    return [json.loads(span.to_json()) for span in found]


async def test_otel_sees_each_attempt(server: FaultServer, spans: Any) -> None:
    """Each attempt is one client span of httpx's instrumentation, and no attribute has the query."""

    async def unwell(exchange: Exchange) -> None:
        await exchange.answer(502)

    async with client(server, unwell, succeed, retry=RetryPolicy(initial_delay=0)) as kombo:
        reply = await kombo.ats.get_candidates(email="frank@example.com")
        assert isinstance(reply, Success)
    found = client_spans(spans)
    assert len(found) == reply.attempts == 2
    assert "frank" not in json.dumps(found)
    assert "/v1/ats/candidates" in json.dumps(found)
    assert server.requests[0].target.endswith("/candidates?email=frank%40example.com")


async def test_otel_through_the_callers_client(server: FaultServer, spans: Any) -> None:
    """The same holds for the caller's own client."""
    async with httpx.AsyncClient() as http_client, client(server, http_client=http_client) as kombo:
        assert isinstance(await kombo.ats.get_candidates(email="frank@example.com"), Success)
    found = client_spans(spans)
    assert len(found) == 1
    assert "frank" not in json.dumps(found)


async def test_otel_twice_is_one_span(server: FaultServer, spans: Any) -> None:
    """With our own middleware for OpenTelemetry beside it, there is still one client span for each attempt."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    from kombo_async.contrib.otel import OpenTelemetry

    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    middleware = [OpenTelemetry(base_url=server.url, tracer_provider=provider)]
    async with client(server, middleware=middleware) as kombo:
        assert isinstance(await kombo.ats.get_candidates(email="frank@example.com"), Success)
    assert [span["name"] for span in client_spans(spans)] == ["GET /ats/candidates"]


async def test_otel_does_not_hide_failures(server: FaultServer, spans: Any) -> None:
    """Traced or not, a create whose response is lost may have been applied, and is not repeated."""

    async def cut(exchange: Exchange) -> None:
        exchange.perform()
        exchange.cut()

    async with client(server, cut, retry=RetryPolicy(initial_delay=0)) as kombo:
        with pytest.raises(ConnectionFailed) as caught:
            await kombo.send(CREATE)
    assert caught.value.may_have_applied
    assert server.performed.total() == len(client_spans(spans)) == 1
