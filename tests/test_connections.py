"""The client's own connections: what they share, and what they take from the environment."""

from __future__ import annotations

import gc
import ssl
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import anyio
import httpx
import pytest

from kombo_async import AsyncKomboClient, ConnectionFailed, RetryPolicy, Success, TimedOut
from tests.support.calls import CREATE, READ, client, until
from tests.support.fault_server import FaultServer
from tests.support.transports import Over, each_over
from tests.support.wire import API_KEY, INTEGRATION, page

pytestmark = pytest.mark.anyio

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """A healthy server."""
    with FaultServer() as running:
        yield running


@contextmanager
def proxy() -> Iterator[tuple[str, list[str]]]:
    """An HTTP proxy that responds by itself and refuses tunnels; yields its address and the requested targets."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = page().content
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_CONNECT(self) -> None:
            asked.append(self.path)
            self.send_error(403)

        def log_message(self, format: str, *args: Any) -> None:
            """Print nothing."""

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_address[1]}", asked
    finally:
        running.shutdown()
        running.server_close()
        thread.join()


async def test_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`HTTP_PROXY` and `ALL_PROXY` are used, as by httpx's own client."""
    for name in ("HTTP_PROXY", "ALL_PROXY"):
        with proxy() as (address, asked), monkeypatch.context() as environment:
            environment.setenv(name, address)
            async with AsyncKomboClient(
                API_KEY, integration_id=INTEGRATION, base_url="http://kombo.invalid/v1", allow_http=True
            ) as kombo:
                assert isinstance(await kombo.send(READ), Success)
            assert asked == ["http://kombo.invalid/v1/ats/jobs"]


async def test_tunnel_that_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """For https:// a proxy is asked for a tunnel; if it refuses, a write says that nothing was sent."""
    with proxy() as (address, asked):
        monkeypatch.setenv("HTTPS_PROXY", address)
        async with AsyncKomboClient(
            API_KEY, integration_id=INTEGRATION, base_url="https://kombo.invalid/v1", retry=RetryPolicy.none()
        ) as kombo:
            with pytest.raises(ConnectionFailed) as caught:
                await kombo.send(CREATE)
    assert asked == ["kombo.invalid:443"]
    assert (caught.value.sent, caught.value.may_have_applied) == (False, False)


async def test_one_tls_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading the certificate authorities is slow, so all connections of a client share them."""
    made: list[ssl.SSLContext] = []
    create = httpx.create_ssl_context

    def create_ssl_context(*args: Any, **options: Any) -> ssl.SSLContext:
        if not isinstance(options.get("verify"), ssl.SSLContext):
            made.append(create())
            return made[-1]
        return create(*args, **options)

    monkeypatch.setattr(httpx, "create_ssl_context", create_ssl_context)
    settings: Any = {"integration_id": INTEGRATION, "retry": RetryPolicy.none()}
    async with AsyncKomboClient(API_KEY, base_url="https://127.0.0.1:9", **settings) as kombo:
        for _ in range(3):
            with pytest.raises(ConnectionFailed):
                await kombo.send(READ)
    assert len(made) == 1


@each_over
async def test_nothing_is_left_for_the_garbage_collector(server: FaultServer, over: Over) -> None:
    """A response is freed without the garbage collector, which is slow with many calls in flight."""
    async with over.client(server) as kombo:
        await kombo.send(CREATE)
        gc.disable()
        try:
            reply = await kombo.send(CREATE)
            raw = weakref.ref(reply.raw_response)
            assert raw() is not None
            del reply
            assert raw() is None
        finally:
            gc.enable()


async def test_not_more_connections_than_allowed(server: FaultServer) -> None:
    """No more than `max_connections` connections are open, and they are reused."""
    server.latency = 0.1
    async with client(server, max_connections=7) as kombo:
        for _ in range(2):
            async with anyio.create_task_group() as calls:
                for number in range(40):
                    calls.start_soon(kombo.for_integration(f"greenhouse:{number}").send, CREATE)
                    calls.start_soon(kombo.send, READ)
        assert server.connections == 7
    await until(lambda: not server.open)


async def test_handshake_that_is_broken_off(server: FaultServer) -> None:
    """A call that times out in the TLS handshake closes its connection, and says that nothing was sent."""
    url = server.url.replace("http://", "https://")  # it takes the handshake for a request, and waits for its end
    async with client(server, base_url=url, retry=RetryPolicy.none()) as kombo:
        with pytest.raises(TimedOut) as caught:
            await kombo.send(CREATE, timeout=0.3)
        assert server.connections == 1
        await until(lambda: not server.open)
    assert (caught.value.sent, caught.value.may_have_applied) == (False, False)
