"""The adapters for FastAPI and aiohttp."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("aiohttp")

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from fastapi import Depends, FastAPI
from multidict import CIMultiDict

from kombo_async import ConnectionFailed, KomboError
from kombo_async.contrib.aiohttp import kombo_errors
from kombo_async.contrib.aiohttp import webhook_handler as aiohttp_handler
from kombo_async.contrib.fastapi import WebhookEvent, kombo_error_handler, webhook_handler
from kombo_async.webhooks import DataChanged, Receiver, WebhookApp, sign
from tests.support.webhook_events import DATA_CHANGED, SECRET, body_of, signed

pytestmark = pytest.mark.anyio

DELIVERIES = [
    (*signed(DATA_CHANGED), 200),
    (body_of(DATA_CHANGED), None, 401),
    (body_of(DATA_CHANGED), "wrong", 401),
    (b"{}", sign(SECRET, b"{}"), 400),
    (b"x" * 2000, "any", 413),
]


@pytest.fixture
def anyio_backend() -> str:
    """Both frameworks are for asyncio (FastAPI runs under trio, too, but its servers hardly do)."""
    return "asyncio"


def fastapi_client(receiver: Receiver) -> httpx.AsyncClient:
    """A client of a FastAPI app with a receiver at /receiver, a typed route at /event, and a call that fails at /."""
    app = FastAPI()
    app.add_exception_handler(KomboError, kombo_error_handler)
    app.add_route("/receiver", webhook_handler(receiver), methods=["POST"])
    event_of_webhook: Any = Depends(WebhookEvent(receiver))

    @app.post("/event")
    async def typed(event: Any = event_of_webhook) -> str:
        return type(event).__name__

    @app.get("/")
    async def fails() -> None:
        raise ConnectionFailed(message="secret", sent=True, may_have_applied=True)

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://app")


def headers(signature: str | None) -> dict[str, str]:
    """The headers of a webhook."""
    return {} if signature is None else {"X-Kombo-Signature": signature}


@pytest.mark.parametrize("path", ["/receiver", "/event"])
@pytest.mark.parametrize(("body", "signature", "status"), DELIVERIES)
async def test_webhooks_in_fastapi(path: str, body: bytes, signature: str | None, status: int) -> None:
    """A receiver's route, and one with the dependency, accept events and refuse all else with the right status."""
    async with fastapi_client(Receiver(SECRET, max_body_bytes=1000)) as client:
        answer = await client.post(path, content=body, headers=headers(signature))
    assert answer.status_code == status
    if status == 200:
        assert answer.json() in ("DataChanged", {"result": "ignored"})


@pytest.mark.parametrize("signatures", [2, 3])
@pytest.mark.parametrize("kind", ["fastapi", "dependency", "aiohttp", "asgi"])
async def test_a_signature_that_is_there_twice(kind: str, signatures: int) -> None:
    """All adapters refuse several signature headers, even if one is right."""
    receiver = Receiver(SECRET)
    body, signature = signed(DATA_CHANGED)
    doubled = [("X-Kombo-Signature", signature), ("x-kombo-signature", "wrong"), ("X-Kombo-Signature", signature)]
    doubled = doubled[:signatures]
    if kind == "aiohttp":
        async with aiohttp_client(receiver) as client:
            status = (await client.post("/receiver", data=body, headers=CIMultiDict(doubled))).status
    elif kind == "asgi":
        transport = httpx.ASGITransport(WebhookApp(receiver))
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            status = (await client.post("/", content=body, headers=doubled)).status_code
    else:
        async with fastapi_client(receiver) as client:
            path = "/receiver" if kind == "fastapi" else "/event"
            status = (await client.post(path, content=body, headers=doubled)).status_code
    assert status == 401


async def test_failures_in_fastapi() -> None:
    """A failed call becomes a problem response."""
    async with fastapi_client(Receiver(SECRET)) as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.headers["content-type"]) == (502, "application/problem+json")
    assert answer.json()["may_have_applied"] is True
    assert "secret" not in answer.text


async def fails(request: web.Request) -> web.Response:
    """A call that fails."""
    raise ConnectionFailed(message="secret", sent=True, may_have_applied=True)


def aiohttp_client(receiver: Receiver) -> Any:
    """A client of an aiohttp app with a receiver at /receiver and a call that fails at /."""
    app = web.Application(middlewares=[kombo_errors])
    app.router.add_post("/receiver", aiohttp_handler(receiver))
    app.router.add_get("/", fails)
    return TestClient(TestServer(app))


@pytest.mark.parametrize(("body", "signature", "status"), DELIVERIES)
async def test_webhooks_in_aiohttp(body: bytes, signature: str | None, status: int) -> None:
    """A receiver accepts events and refuses everything else with the right status."""
    seen: list[str] = []
    receiver = Receiver(SECRET, max_body_bytes=1000)

    @receiver.on("data-changed")
    async def handle(event: DataChanged) -> None:
        seen.append(event.id)

    async with aiohttp_client(receiver) as client:
        answer = await client.post("/receiver", data=body, headers=headers(signature))
        assert answer.status == status
    assert len(seen) == (status == 200)


async def test_failures_in_aiohttp() -> None:
    """A failed call becomes a problem response."""
    async with aiohttp_client(Receiver(SECRET)) as client:
        answer = await client.get("/")
        text = await answer.text()
    assert (answer.status, answer.content_type) == (502, "application/problem+json")
    assert json.loads(text)["may_have_applied"] is True
    assert "secret" not in text
