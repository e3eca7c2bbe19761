"""The endpoint for webhooks as an ASGI application, for any framework or none; FastAPI's is in `contrib.fastapi`."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import aclosing
from typing import Any, TypeAlias

from kombo_async.webhooks._errors import WebhookError
from kombo_async.webhooks._receiver import Receiver
from kombo_async.webhooks._signature import SIGNATURE_HEADER

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]


class WebhookApp:
    """An ASGI application that hands webhooks to a `Receiver`; put it under a path of your app.

    It answers 200 for what was taken, 400, 401, 409 or 413 for what was not. What a handler raises it raises, too:
    the framework answers 500, and Kombo sends the event again.
    """

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise RuntimeError(f"the endpoint for webhooks was called for {scope['type']!r}; put it under a path")
        if scope["method"] != "POST":
            return await _answer(send, 405, {"error": "webhooks come by POST"}, [(b"allow", b"POST")])
        headers: dict[bytes, bytes] = dict(scope["headers"])
        signature = headers.get(SIGNATURE_HEADER.lower().encode(), b"").decode("latin-1")
        length = headers.get(b"content-length", b"").decode("latin-1")
        try:
            async with aclosing(_chunks(receive)) as chunks:
                body = await self.receiver.read(chunks, length)
            result = await self.receiver.receive(body, signature)
        except _CallerGone:
            return None
        except WebhookError as error:
            return await _answer(send, error.status_code, {"error": str(error)})
        return await _answer(send, 200, {"result": result})


class _CallerGone(Exception):
    """The caller went away before its whole body was there: nobody waits for an answer."""


async def _chunks(receive: Receive) -> AsyncGenerator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _CallerGone
        yield message.get("body", b"")
        if not message.get("more_body"):
            return


async def _answer(
    send: Send, status: int, content: dict[str, str], headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    body = json.dumps(content).encode()
    fixed = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *(headers or [])]})
    await send({"type": "http.response.body", "body": body})
