"""The endpoint for ASGI, in Starlette and over a real socket."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from kombo_async.webhooks import DataChanged, Receiver, WebhookApp, sign
from tests.support.webhook_events import DATA_CHANGED, SECRET, body_of, signed

pytestmark = pytest.mark.anyio


def caller(receiver: Receiver) -> httpx.AsyncClient:
    """A client of an app that has the endpoint."""
    app = Starlette(routes=[Route("/webhooks/kombo", WebhookApp(receiver))])
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://app")


async def post(client: httpx.AsyncClient, body: Any, signature: str | None) -> httpx.Response:
    """Send a webhook."""
    headers = {} if signature is None else {"X-Kombo-Signature": signature}
    return await client.post("/webhooks/kombo", content=body, headers=headers)


async def test_an_event() -> None:
    """A signed event is handled and gets a 200; so does a duplicate, which is not handled."""
    receiver, seen = Receiver(SECRET), list[str]()

    @receiver.on("data-changed")
    async def handle(event: DataChanged) -> None:
        seen.append(event.id)

    async with caller(receiver) as client:
        first = await post(client, *signed(DATA_CHANGED))
        second = await post(client, *signed(DATA_CHANGED))
    assert (first.status_code, first.json()) == (200, {"result": "handled"})
    assert (second.status_code, second.json()) == (200, {"result": "duplicate"})
    assert seen == [DATA_CHANGED["id"]]


@pytest.mark.parametrize(
    ("body", "signature", "status"),
    [
        (body_of(DATA_CHANGED), None, 401),
        (body_of(DATA_CHANGED), "wrong", 401),
        (body_of(DATA_CHANGED), "\xff", 401),
        (b"{}", sign(SECRET, b"{}"), 400),
        (b"x" * 2000, sign(SECRET, b"x" * 2000), 413),
    ],
)
async def test_what_is_refused(body: bytes, signature: str | None, status: int) -> None:
    """A bad signature gets 401, a bad body 400, one that is too large 413; the response says why and no more."""
    async with caller(Receiver(SECRET, max_body_bytes=1000)) as client:
        raw = None if signature is None else signature.encode("latin-1")
        headers = {} if raw is None else {b"X-Kombo-Signature": raw}
        answer = await client.post("/webhooks/kombo", content=body, headers=headers)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]


async def test_a_body_without_a_length() -> None:
    """A body that comes in chunks is not read beyond the limit."""
    asked, sent = 0, list[Any]()

    async def receive() -> Any:
        nonlocal asked
        asked += 1
        return {"type": "http.request", "body": b"x" * 100, "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    app = WebhookApp(Receiver(SECRET, max_body_bytes=1000))
    await app({"type": "http", "method": "POST", "headers": []}, receive, send)
    assert sent[0]["status"] == 413
    assert asked == 11


async def test_other_methods() -> None:
    """Anything but POST is answered with 405."""
    async with caller(Receiver(SECRET)) as client:
        answer = await client.get("/webhooks/kombo")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_a_handler_that_fails() -> None:
    """An exception in a handler is left to the framework: a 500, after which Kombo sends the event again."""
    receiver = Receiver(SECRET)

    @receiver.on("data-changed")
    async def handle(event: DataChanged) -> None:
        raise RuntimeError("the database is away")

    async with caller(receiver) as client:
        answer = await post(client, *signed(DATA_CHANGED))
    assert answer.status_code == 500
    assert "database" not in answer.text


async def test_a_caller_who_goes_away() -> None:
    """A caller who disconnects in the middle of the body gets no response, and nothing is raised."""
    messages = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    sent = list[Any]()

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "headers": []}
    await WebhookApp(Receiver(SECRET))(scope, receive, send)
    assert sent == []
