"""Receivers of webhooks that misbehave, over real sockets: none holds up the sandbox or another receiver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import pytest

from kombo_async.sandbox import GREENHOUSE, Sandbox, serve
from kombo_async.sandbox._handlers import uploads
from kombo_async.sandbox._server.asgi import read_body
from kombo_async.sandbox._webhooks import sending
from tests.sandbox.raw_calls import call, error

pytestmark = pytest.mark.anyio

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]
ENDLESS = 500_000_000
"""A receiver that sends endless bytes."""


@pytest.fixture
def anyio_backend() -> Any:
    """These are servers of asyncio's."""
    return "asyncio", {"use_uvloop": False}


@pytest.fixture
def sandbox(sandbox: Sandbox) -> Sandbox:
    """One in which no first sync ends meanwhile."""
    for integration in sandbox.integrations.values():
        integration.sync.announced = True
    return sandbox


@asynccontextmanager
async def server(behave: Behaviour) -> AsyncIterator[str]:
    """The address of a server that reads the head of a request, then misbehaves."""
    over = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await asyncio.wait({asyncio.ensure_future(behave(writer)), ending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            writer.close()

    ending = asyncio.ensure_future(over.wait())
    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
        over.set()


def says(head: str, body: bytes = b"") -> Behaviour:
    """Answer this."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {head}\r\nConnection: close\r\n\r\n".encode() + body)
        await writer.drain()

    return behave


async def hang(writer: asyncio.StreamWriter) -> None:
    """Never answer."""
    await asyncio.Event().wait()


async def drip(writer: asyncio.StreamWriter) -> None:
    """Answer, but never come to an end."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b"x")
        await asyncio.sleep(0.05)


async def flood(writer: asyncio.StreamWriter) -> None:
    """Send an endless response."""
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    with suppress(ConnectionError):  # the reader has had enough
        for _ in range(ENDLESS // 1_000_000):
            writer.write(b"x" * 1_000_000)
            await writer.drain()
        raise AssertionError("somebody has read all of it")


@pytest.mark.parametrize(
    ("behave", "status", "error", "answer"),
    [
        (says("500 Oh", b"no"), 500, None, "no"),
        (says("302 Found\r\nLocation: http://127.0.0.1:1/"), 302, None, ""),
        (says("302 Found\r\nLocation: http://[::1"), 302, None, ""),
        (says("200 OK\r\nContent-Type: text/html; charset=none", b"\xff\x00"), 200, None, "\ufffd\x00"),
        (says("200 OK\r\nContent-Encoding: gzip", b"\x1f\x8b"), 200, None, "\x1f\ufffd"),
        (says("\x00 nonsense"), None, "RemoteProtocolError", ""),
        (hang, None, "no response within 1 seconds", ""),
        (drip, 200, "no response within 1 seconds", ""),
        (flood, 200, None, "x" * sending.LONGEST_ANSWER),
    ],
    ids=["fails", "redirects", "redirects nowhere", "binary", "bad gzip", "no HTTP", "hangs", "drips", "floods"],
)  # fmt: skip
async def test_whatever_a_receiver_does_is_noted(
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    behave: Behaviour,
    status: int | None,
    error: str | None,
    answer: str,
) -> None:
    """A delivery records the status as soon as it comes, and is due again unless it was a 2xx."""
    monkeypatch.setattr(sending, "PATIENCE", 1.0)
    async with server(behave) as url:
        sandbox.webhooks.add(url)
        (await sandbox.client(GREENHOUSE).general.trigger_sync()).unwrap()
        with anyio.fail_after(60):
            (delivery,) = await sandbox.webhooks.deliver()
    assert (delivery.status, delivery.answer) == (status, answer)
    assert (error or "") in (delivery.error or "")
    assert bool(delivery.error) == bool(error)
    assert sandbox.webhooks.waiting == (0 if status == 200 else 1)


async def test_a_receiver_that_hangs_holds_up_nobody_else(sandbox: Sandbox) -> None:
    """The events of a hanging receiver wait in order, while other endpoints get theirs."""
    came: list[bytes] = []
    all_came = anyio.Event()

    async def quick(scope: Any, receive: Any, send: Any) -> None:
        came.append(await read_body(receive))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        if len(came) == 4:
            all_came.set()

    async with server(hang) as url:
        slow = sandbox.webhooks.add(url, events=["sync-finished"])
        sandbox.webhooks.add("http://app.example/", events=["sync-finished"], app=quick)
        kombo = sandbox.client(GREENHOUSE)
        async with serve(sandbox):
            for _ in range(4):
                (await kombo.general.trigger_sync()).unwrap()
                await anyio.sleep(0.3)  # at least one delivery later
            with anyio.fail_after(sending.PATIENCE / 2):
                await all_came.wait()
    asked = [each for each in sandbox.webhooks.deliveries if each.endpoint is slow]
    assert [each.attempts for each in asked] == [1]
    assert sandbox.webhooks.waiting == 4  # none of them is lost


@pytest.mark.parametrize(
    ("behave", "why"),
    [
        (hang, "did not arrive within 1 seconds"),
        (drip, "did not arrive within 1 seconds"),
        (flood, "larger than 1000000 bytes"),
        (says("302 Found\r\nLocation: http://127.0.0.1:1/"), "responded with 302"),
        (says("\x00 nonsense"), "RemoteProtocolError"),
    ],
    ids=["hangs", "drips", "floods", "redirects", "no HTTP"],
)
async def test_files_that_do_not_come(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, behave: Behaviour, why: str
) -> None:
    """A `data_url` that is too slow or too large is refused by name."""
    monkeypatch.setattr(uploads, "FETCH_SECONDS", 1.0)
    monkeypatch.setattr(uploads, "LARGEST_FILE", 1_000_000)
    candidate = sandbox.world(GREENHOUSE).table("ats_candidates")[0].id
    async with server(behave) as url:
        body = {"attachment": {"name": "cv.pdf", "data_url": url, "type": "CV"}}
        with anyio.fail_after(60):
            refused = await call(sandbox, "POST", f"/ats/candidates/{candidate}/attachments", json=body)
    assert error(refused)[:2] == (400, "PLATFORM.INPUT_INVALID")
    assert why in error(refused)[2]
