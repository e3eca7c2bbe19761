"""The server itself, by raw sockets: broken requests, ports that are taken, and how it closes."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import anyio
import pytest

from kombo_async.sandbox import GREENHOUSE, Sandbox, serve
from kombo_async.sandbox._serving import _Together

pytestmark = pytest.mark.anyio

HEADERS = f"Host: 127.0.0.1\r\nAuthorization: Bearer sandbox-key\r\nX-Integration-Id: {GREENHOUSE}\r\n"


@pytest.fixture
def anyio_backend() -> Any:
    """uvicorn runs on asyncio."""
    return "asyncio", {"use_uvloop": False}


async def connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the server."""
    return await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2].removesuffix("/v1")))


async def exchange(url: str, request: str) -> bytes:
    """Send *request* as it is, and read all that comes until the connection is closed."""
    reader, writer = await connect(url)
    writer.write(request.encode("latin-1"))
    try:
        with anyio.fail_after(20):
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize("path", ["/v1/force-sync", "/_sandbox/faults"])
async def test_half_of_a_body_is_no_request(sandbox: Sandbox, caplog: pytest.LogCaptureFixture, path: str) -> None:
    """A caller who disconnects in the middle of a body has requested nothing, and nothing is logged."""
    head = f"POST {path} HTTP/1.1\r\n{HEADERS}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    async with serve(sandbox) as url:
        for body in ("", '{"status": 500}'):
            _, writer = await connect(url)
            writer.write((head + body).encode())
            await writer.drain()
            writer.close()
        tags = f"GET /v1/ats/tags HTTP/1.1\r\n{HEADERS}Connection: close\r\n\r\n"
        assert b"200 OK" in await exchange(url, tags)
    assert [request.operation for request in sandbox.requests()] == ["GetAtsTags"]
    assert len(sandbox.faults) == 0
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_header_that_comes_twice_counts_as_both(sandbox: Sandbox) -> None:
    """A repeated header counts as both values: neither the first nor the last wins."""
    async with serve(sandbox) as url:
        start = f"GET /v1/ats/tags HTTP/1.1\r\nConnection: close\r\n{HEADERS}"
        key = await exchange(url, f"{start}Authorization: Bearer sandbox-key\r\n\r\n")
        integration = await exchange(url, f"{start}X-Integration-Id: lever:x\r\n\r\n")
    assert b"PLATFORM.AUTHENTICATION_INVALID" in key
    assert f"'{GREENHOUSE}, lever:x'".encode() in integration


@pytest.mark.parametrize("path", ["/v1/../v1/ats/tags", "/v1/ats/../ats/tags", "/%761/ats/tags", "/v1/ats//tags"])
async def test_paths_are_taken_as_they_are(sandbox: Sandbox, path: str) -> None:
    """Paths are neither resolved nor decoded on the way to an operation."""
    async with serve(sandbox) as url:
        answer = await exchange(url, f"GET {path} HTTP/1.1\r\nConnection: close\r\n{HEADERS}\r\n")
    assert b"404 Not Found" in answer
    assert sandbox.performed() == []


async def test_a_fault_breaks_the_connection_of_whoever_claims_to_be_a_proxy(sandbox: Sandbox) -> None:
    """Forwarding headers do not keep a fault from breaking the caller's connection."""
    sandbox.faults.add(connection="close")
    async with serve(sandbox) as url:
        request = f"GET /v1/ats/tags HTTP/1.1\r\n{HEADERS}X-Forwarded-For: 192.0.2.1\r\n\r\n"
        assert await exchange(url, request) == b""


async def test_it_closes_while_calls_are_under_way(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """On closing, hanging calls are disconnected, without a traceback."""
    sandbox.faults.add(connection="hang")
    answers: list[bytes] = []

    async def ask(url: str) -> None:
        answers.append(await exchange(url, f"GET /v1/ats/tags HTTP/1.1\r\n{HEADERS}\r\n"))

    asked = anyio.Event()
    sandbox.request_log.watch(lambda _: asked.set())
    async with anyio.create_task_group() as tasks, serve(sandbox) as url:
        tasks.start_soon(ask, url)
        with anyio.fail_after(20):
            await asked.wait()
    assert answers == [b""]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_port_that_is_taken_is_named(sandbox: Sandbox) -> None:
    """A port in use is named with its address; the first server continues."""
    async with serve(sandbox) as url:
        address = url.removeprefix("http://").removesuffix("/v1")
        with pytest.raises(OSError, match=address):
            async with serve(Sandbox(), port=int(address.partition(":")[2])):
                raise AssertionError("unreachable")
        assert b"200 OK" in await exchange(url, f"GET /v1/ats/tags HTTP/1.1\r\n{HEADERS}Connection: close\r\n\r\n")


async def test_a_head_and_its_body_go_out_in_one_packet() -> None:
    """The head and body of a response leave in one packet, and nothing is lost if the connection closes right after."""
    sent: list[bytes] = []
    closed: list[int] = []

    class Transport:
        def write(self, data: bytes) -> None:
            sent.append(data)

        def close(self) -> None:
            closed.append(len(sent))

    transport: Any = Transport()
    together = _Together(transport)
    together.write(b"head ")
    assert sent == []
    together.write(b"body")
    assert sent == [b"head body"]
    together.write(b"head")
    await asyncio.sleep(0)
    assert sent == [b"head body", b"head"]
    together.write(b"last")
    together.close()
    await asyncio.sleep(0)
    assert (sent, closed) == ([b"head body", b"head", b"last"], [3])
