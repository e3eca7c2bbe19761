"""Answers that are too large, too deep, or not what they say."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from typing import Any

import anyio
import pytest

from kombo_async import BadRequest, ConnectionFailed, RetryPolicy, Success, UnexpectedResponse, ats
from tests.support.calls import CALLS, CREATE, READ, client, until
from tests.support.fault_server import Exchange, FaultServer
from tests.support.transports import Over, each_over

pytestmark = pytest.mark.anyio

MB = 1_000_000


async def chunked(exchange: Exchange, *chunks: bytes, encoding: str = "identity", status: int = 200) -> None:
    """An answer of unknown length."""
    head = f"HTTP/1.1 {status} X\r\nContent-Encoding: {encoding}\r\nTransfer-Encoding: chunked\r\n\r\n"
    await exchange.send(head.encode())
    for chunk in chunks:
        await exchange.send(b"%x\r\n%s\r\n" % (len(chunk), chunk))
    await exchange.send(b"0\r\n\r\n")


BOMB = gzip.compress(bytes(200 * MB))
"""200 MB of zeros in 200 kB."""
DEFLATED_BOMB = zlib.compress(bytes(200 * MB))
BOMB_IN_A_BOMB = gzip.compress(BOMB)


async def too_long(exchange: Exchange) -> None:
    await exchange.answer(200, b"x" * 2 * MB)


async def too_many_chunks(exchange: Exchange) -> None:
    await chunked(exchange, *[b"x" * 100_000] * 20)


async def gzip_bomb(exchange: Exchange) -> None:
    await exchange.answer(200, BOMB, headers={"Content-Encoding": "gzip"})


async def deflate_bomb(exchange: Exchange) -> None:
    await chunked(exchange, DEFLATED_BOMB, encoding="deflate")


async def bomb_in_a_bomb(exchange: Exchange) -> None:
    await exchange.answer(200, BOMB_IN_A_BOMB, headers={"Content-Encoding": "gzip, gzip"})


async def bomb_in_a_failure(exchange: Exchange) -> None:
    await exchange.answer(418, BOMB, headers={"Content-Encoding": "gzip"})


@each_over
@pytest.mark.parametrize(
    "step", [too_long, too_many_chunks, gzip_bomb, deflate_bomb, bomb_in_a_bomb, bomb_in_a_failure]
)
async def test_larger_than_allowed(server: FaultServer, over: Over, step: Any) -> None:
    """An answer larger than `max_response_bytes`, decompressed or not, ends the read and is a clear failure."""
    async with over.client(server, step, max_response_bytes=MB) as kombo:
        tracemalloc.start()
        try:
            result = await kombo.send(CREATE)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert isinstance(result, UnexpectedResponse)
        assert "max_response_bytes" in str(result) or "content encoding" in str(result)
        assert result.may_have_applied
        assert result.raw_response.content == b""
        server.scenarios.clear()
        assert isinstance(await kombo.send(CREATE), Success)
    assert peak < 10 * MB


@pytest.mark.parametrize("encoding", ["identity", "gzip", "x-gzip", "deflate"])
@pytest.mark.parametrize("in_chunks", [True, False])
async def test_as_large_as_allowed(server: FaultServer, encoding: str, in_chunks: bool) -> None:
    """An answer of just that size is read, compressed or not."""
    body = b'{"status": "success", "data": {"results": [], "next": null}, "warnings": []}'
    body += b" " * (MB - len(body))
    packed = {"identity": body, "deflate": zlib.compress(body)}.get(encoding) or gzip.compress(body)

    async def step(exchange: Exchange) -> None:
        if in_chunks:
            await chunked(exchange, packed[:50], packed[50:], encoding=encoding)
        else:
            await exchange.answer(200, packed, headers={"Content-Encoding": encoding})

    async with client(server, step, max_response_bytes=MB) as kombo:
        result = await kombo.send(READ)
        assert isinstance(result, Success)
        assert not result.drift
        assert len(result.raw_response.content) == MB
        await kombo.send(READ)
    assert server.connections == 1


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    "shape", [b"[%s]", b'{"a":%s}', b'{"status":"success","data":%s}'], ids=["list", "dict", "data"]
)
async def test_nested_ten_thousand_deep(server: FaultServer, method: str, status: int, shape: bytes) -> None:
    """JSON that is nested 10,000 deep is answered like any other that cannot be read: a write may have been done."""
    opening, closing = shape.split(b"%s")
    body = opening * 10_000 + b"1" + closing * 10_000

    async def step(exchange: Exchange) -> None:
        await exchange.answer(status, body)

    async with client(server, step, retry=RetryPolicy.none()) as kombo:
        with anyio.fail_after(5):
            result = await kombo.send(CALLS[method])
    assert isinstance(result, UnexpectedResponse if status == 200 else BadRequest)
    assert result.may_have_applied is (method != "GET")


async def test_files_are_closed(server: FaultServer, tmp_path: Any) -> None:
    """The file of an attachment is closed when the sending of it breaks off, by the server or by a cancellation."""
    path = tmp_path / "cv.pdf"
    path.write_bytes(bytes(20 * MB))
    opened: list[Any] = []

    def open_it() -> Any:
        opened.append(path.open("rb"))
        return opened[-1]

    attachment = ats.AttachmentInput.from_stream(open_it, 20 * MB, "cv.pdf", type="CV")
    request = ats.AddCandidateAttachment(candidate_id="candidate", attachment=attachment)
    with FaultServer(deaf=True) as deaf:
        async with client(deaf) as kombo:
            with pytest.raises(ConnectionFailed):
                await kombo.send(request)
    before = len(opened)
    async with client(server) as kombo, anyio.create_task_group() as calls:
        calls.start_soon(kombo.send, request)
        await until(lambda: len(opened) > before)
        calls.cancel_scope.cancel()
    assert all(file.closed for file in opened)
