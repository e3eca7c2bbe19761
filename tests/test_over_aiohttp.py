"""`transport="aiohttp"`, over real sockets: it works as the client's own connections do, and is chosen explicitly."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from kombo_async import AsyncKomboClient, ConnectionFailed, RetryPolicy, Success, TimedOut, ats
from tests.failures.calls import CALLS, CREATE, client, until
from tests.failures.fault_server import Exchange, FaultServer

pytest.importorskip("httpx_aiohttp", reason="needs the extra [aiohttp]")

on_asyncio = pytest.mark.parametrize(
    "anyio_backend", [("asyncio", {"use_uvloop": False}), ("asyncio", {"use_uvloop": True})], ids=["asyncio", "uvloop"]
)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """A server that is well."""
    with FaultServer() as running:
        yield running


@on_asyncio
@pytest.mark.anyio
@pytest.mark.parametrize("method", CALLS)
async def test_every_method(server: FaultServer, method: str) -> None:
    """Each kind of call succeeds, and calls one after the other share a connection."""
    async with client(server, transport="aiohttp") as kombo:
        for _ in range(3):
            assert isinstance(await kombo.send(CALLS[method], headers={"X-Scenario": str(_)}), Success)
    assert (server.connections, server.performed.total()) == (1, 3)
    await until(lambda: not server.open)


@on_asyncio
@pytest.mark.anyio
async def test_files(server: FaultServer, tmp_path: Path) -> None:
    """A file is streamed with its exact `Content-Length`, and reaches the server whole."""
    path = tmp_path / "cv.pdf"
    path.write_bytes(os.urandom(3_000_001))
    async with client(server, transport="aiohttp") as kombo:
        attachment = ats.AttachmentInput.from_path(path, type="CV")
        reply = await kombo.ats.add_candidate_attachment("candidate", attachment=attachment)
    assert isinstance(reply, Success)
    [exchange] = server.requests
    assert exchange.headers["content-length"] == str(len(exchange.body))
    assert "transfer-encoding" not in exchange.headers
    data: Any = attachment.data
    assert data.to_base64().encode() in exchange.body


@on_asyncio
@pytest.mark.anyio
async def test_lost_connection_is_not_taken_for_one_never_made(server: FaultServer) -> None:
    """A connection that breaks after the request may have applied a write, so that is not repeated."""

    async def cut(exchange: Exchange) -> None:
        exchange.perform()
        exchange.cut()

    async with client(server, cut, transport="aiohttp", retry=RetryPolicy(initial_delay=0)) as kombo:
        with pytest.raises(ConnectionFailed) as caught:
            await kombo.send(CREATE)
    assert caught.value.may_have_applied
    assert server.performed.total() == 1


@on_asyncio
@pytest.mark.anyio
async def test_refused_connection_was_never_made() -> None:
    """A connection that is refused cannot have applied anything."""
    with FaultServer() as gone:
        pass
    async with client(gone, transport="aiohttp", retry=RetryPolicy.none()) as kombo:
        with pytest.raises(ConnectionFailed) as caught:
            await kombo.send(CREATE)
    assert not caught.value.may_have_applied


@on_asyncio
@pytest.mark.anyio
async def test_timeout(server: FaultServer) -> None:
    """The client's own timeouts hold."""
    server.latency = 5.0
    async with client(server, transport="aiohttp", retry=RetryPolicy.none()) as kombo:
        with pytest.raises(TimedOut) as caught:
            await kombo.send(CREATE, timeout=0.1)
    assert caught.value.may_have_applied


@on_asyncio
@pytest.mark.anyio
async def test_cookies_are_not_sent_back(server: FaultServer) -> None:
    """A cookie that a load balancer sets stays where it is: calls do not depend on each other."""

    async def with_cookie(exchange: Exchange) -> None:
        await exchange.answer(200, {"status": "success", "data": {}}, headers={"Set-Cookie": "a=b"})

    async with client(server, with_cookie, transport="aiohttp") as kombo:
        for _ in range(2):
            await kombo.send(CALLS["PUT"])
    assert all("cookie" not in exchange.headers for exchange in server.requests)


@on_asyncio
@pytest.mark.anyio
async def test_by_environment(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """`KOMBO_TRANSPORT=aiohttp` chooses it, and what is passed to the client wins."""
    import httpx

    from kombo_async._http.aiohttp import OverAiohttp

    monkeypatch.setenv("KOMBO_TRANSPORT", "aiohttp")
    for settings, ours in (({}, True), ({"transport": httpx.AsyncHTTPTransport()}, False)):
        async with client(server, **settings) as kombo:
            assert isinstance(await kombo.send(CALLS["GET"]), Success)
            chosen: Any = kombo._http._transport
            assert isinstance(chosen, OverAiohttp) is ours


@on_asyncio
@pytest.mark.anyio
async def test_proxy_of_the_environment(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy that the environment names is used."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", server.url.removesuffix("/v1"))
    async with client(server, transport="aiohttp", base_url="http://kombo.invalid/v1", allow_http=True) as kombo:
        assert isinstance(await kombo.send(CALLS["GET"]), Success)
    assert [exchange.target for exchange in server.requests] == ["http://kombo.invalid/v1/ats/jobs"]


@on_asyncio
@pytest.mark.anyio
async def test_many_at_once(server: FaultServer) -> None:
    """It has no limit of connections of its own; `max_connections` is the client's."""
    server.latency = 0.2
    async with client(server, transport="aiohttp", max_connections=150) as kombo:
        with anyio.fail_after(10):
            async with anyio.create_task_group() as calls:
                for number in range(150):
                    calls.start_soon(kombo.for_integration(f"greenhouse:{number}").send, CREATE)
    assert server.connections == 150


@pytest.mark.parametrize("anyio_backend", ["trio"])
@pytest.mark.anyio
async def test_trio_is_refused(server: FaultServer) -> None:
    """Under trio, where aiohttp does not work, the first call says what to do."""
    async with client(server, transport="aiohttp") as kombo:
        with pytest.raises(RuntimeError, match="leave it out under trio"):
            await kombo.send(CREATE)


def test_unknown_name() -> None:
    """Another name than `aiohttp` is refused when the client is made."""
    with pytest.raises(ValueError, match='pass "aiohttp"'):
        AsyncKomboClient("key", transport="requests")  # type: ignore[arg-type]
