"""The webhook endpoint as an ASGI application, for any framework or without one; FastAPI's is in `contrib.fastapi`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import aclosing
from typing import Any, TypeAlias

from kombo_async.webhooks._receiver import Receiver
from kombo_async.webhooks._responder import CONTENT_TYPE, respond
from kombo_async.webhooks._signature import SIGNATURE_HEADER

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]


class WebhookApp:
    """An ASGI application that passes webhooks to a `Receiver`; mount it under a path of your app.

    It answers 200 for an event that was accepted, and 400, 401, 409, 413 or 503 otherwise. An exception in a handler
    passes through: the framework answers 500, and Kombo sends the event again.
    """

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise RuntimeError(f"the webhook endpoint takes HTTP, not {scope['type']!r}; mount it under a path")
        if scope["method"] != "POST":
            return await _respond(send, 405, b'{"error": "webhooks come by POST"}', [(b"allow", b"POST")])
        signatures = _values(scope, SIGNATURE_HEADER)
        length = next(iter(_values(scope, "content-length")), None)
        try:
            async with aclosing(_chunks(receive)) as chunks:
                response = await respond(self.receiver, signatures, length, chunks)
        except _CallerGone:
            return None
        return await _respond(send, response.status, response.body)


def _values(scope: Scope, name: str) -> list[str]:
    wanted = name.lower().encode()
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == wanted]


class _CallerGone(Exception):
    """The caller went away before its whole body was there: nobody waits for a response."""


async def _chunks(receive: Receive) -> AsyncGenerator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _CallerGone
        yield message.get("body", b"")
        if not message.get("more_body"):
            return


async def _respond(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    fixed = [(b"content-type", CONTENT_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *(headers or [])]})
    await send({"type": "http.response.body", "body": body})
