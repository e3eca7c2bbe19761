"""Kept connections that the server closes in the meantime."""

from __future__ import annotations

from typing import Any

import anyio
import httpx
import httpx2
import pytest
import uvicorn

from kombo_async import ConnectionFailed, RetryPolicy, Success
from kombo_async._http import connections
from kombo_async._http.connections import KEEPALIVE_EXPIRY
from kombo_async._http.network import NetworkStream
from tests.support.calls import CALLS, client, until
from tests.support.fault_server import FaultServer, succeed

pytestmark = pytest.mark.anyio

each_method = pytest.mark.parametrize("method", CALLS)


@each_method
async def test_closed_between_calls(server: FaultServer, method: str) -> None:
    """A kept connection that the server has closed is replaced; no call of any method fails because of it."""
    async with client(server, retry=RetryPolicy.none()) as kombo:
        for number in range(1, 4):
            result = await kombo.send(CALLS[method], headers={"X-Scenario": f"{method}-{number}"})
            assert isinstance(result, Success)
            assert (result.attempts, server.connections) == (1, number)
            server.close_connections()
    assert server.asked.total() == server.performed.total() == 3


@each_method
@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
async def test_closed_between_calls_of_the_callers_client(server: FaultServer, method: str, library: Any) -> None:
    """The same holds for the caller's own client."""
    async with library.AsyncClient() as http_client, client(server, http_client=http_client) as kombo:
        for number in range(2):
            result = await kombo.send(CALLS[method], headers={"X-Scenario": f"{method}-{number}"})
            assert isinstance(result, Success)
            server.close_connections()
    assert server.performed.total() == 2


@each_method
async def test_closed_just_before_sending(server: FaultServer, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kept connection that closes right before a call is noticed by a last check before sending."""
    write = NetworkStream.write

    async def close_first(stream: NetworkStream, buffer: bytes, timeout: float | None = None) -> None:
        if server.asked["first"] and not closed:
            closed.append(True)
            server.close_connections()
        await write(stream, buffer, timeout)

    closed: list[bool] = []
    monkeypatch.setattr(NetworkStream, "write", close_first)
    async with client(server, retry=RetryPolicy.none()) as kombo:
        await kombo.send(CALLS[method], headers={"X-Scenario": "first"})
        result = await kombo.send(CALLS[method], headers={"X-Scenario": "second"})
    assert closed
    assert isinstance(result, Success)
    assert server.performed == {"first": 1, "second": 1}


async def test_cut_under_the_request(server: FaultServer) -> None:
    """If a kept connection is cut after the request was written, the failure says that it may have been applied."""

    async def cut(exchange: Any) -> None:
        exchange.cut()

    async with client(server, succeed, cut) as kombo:
        await kombo.send(CALLS["POST"])
        with pytest.raises(ConnectionFailed) as caught:
            await kombo.send(CALLS["POST"])
    assert caught.value.may_have_applied
    assert server.asked.total() == 2


async def test_server_that_keeps_nothing(server: FaultServer) -> None:
    """A server that closes each connection after its answer gets a new one for each call."""

    async def last(exchange: Any) -> None:
        await exchange.answer(200, {"status": "success", "data": {}}, headers={"Connection": "close"})
        exchange.cut()

    async with client(server, last, retry=RetryPolicy.none()) as kombo:
        for number in range(1, 4):
            assert isinstance(await kombo.send(CALLS["PUT"]), Success)
            assert server.connections == number


async def test_connections_are_used_again(server: FaultServer) -> None:
    """Consecutive calls share one connection; there are never more connections than concurrent calls."""
    async with client(server) as kombo:
        for _ in range(5):
            await kombo.send(CALLS["GET"])
        assert server.connections == 1
        async with anyio.create_task_group() as calls:
            for _ in range(10):
                calls.start_soon(kombo.send, CALLS["GET"])
        assert server.connections <= 10
    await until(lambda: not server.open)


async def test_unused_connections_are_closed(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that were idle for some seconds are closed at the next call."""
    server.latency = 0.05
    async with client(server) as kombo:
        async with anyio.create_task_group() as calls:
            for _ in range(3):
                calls.start_soon(kombo.send, CALLS["GET"])
        assert len(server.open) == 3
        monkeypatch.setattr(connections, "KEEPALIVE_EXPIRY", 0.1)
        await anyio.sleep(0.2)
        await kombo.send(CALLS["GET"])
        assert server.connections == 4
        await until(lambda: len(server.open) == 1)


def test_kept_for_less_time_than_servers_do() -> None:
    """Connections are dropped before servers close them by default."""
    assert uvicorn.Config("app").timeout_keep_alive - KEEPALIVE_EXPIRY >= 1


async def test_closing_leaves_nothing_open(server: FaultServer) -> None:
    """Closing the client closes its connections; that of a call in flight closes when the call ends."""
    go_on = anyio.Event()

    async def hold(call: Any, call_next: Any) -> Any:
        response = await call_next(call)
        go_on.set()
        return response

    server.latency = 0.1
    kombo = client(server, middleware=[hold])
    async with anyio.create_task_group() as calls:
        calls.start_soon(kombo.send, CALLS["GET"])
        await until(lambda: server.asked.total() > 0)
        await kombo.aclose()
    assert go_on.is_set()
    await until(lambda: not server.open)
