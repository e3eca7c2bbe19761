"""Receiving webhooks: verified, parsed, each event handled once."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable
from typing import Literal, TypeAlias

import anyio

from kombo_async._codec.hidden import checked
from kombo_async._generated.events import Event
from kombo_async.webhooks._deduplication import EventDeduplicator, MemoryEventDeduplicator
from kombo_async.webhooks._errors import BodyTooLarge, EventBusy
from kombo_async.webhooks._handlers import Handlers
from kombo_async.webhooks._parsing import parse
from kombo_async.webhooks._signature import Secrets, as_secrets, verify

Result: TypeAlias = Literal["handled", "ignored", "duplicate"]
"""What became of an event: a handler handled it, there was none for it, or it had been handled before."""


class Receiver(Handlers):
    """Takes webhooks for an app, whatever its framework::

        receiver = Receiver(secret=...)

        @receiver.on("data-changed")
        async def refresh(event: DataChanged) -> None: ...

    The web server's side is `webhook_handler` of `kombo_async.contrib.fastapi` (FastAPI, Starlette) or
    `kombo_async.contrib.aiohttp`, or `WebhookApp` for any other ASGI framework.

    An event counts as handled once its handlers have returned: until then, Kombo is not told that it arrived,
    and sends it again. Keep handlers short, and hand long work on.

    Args:
        secret: The webhook secret, or several while one replaces another; else `KOMBO_WEBHOOK_SECRET`.
        deduplicator: Remembers which events were handled; processes that share the work share one
            (`RedisEventDeduplicator`).
        max_body_bytes: Larger bodies are refused unread.

    Raises:
        ValueError: There is no secret.
    """

    def __init__(
        self,
        secret: Secrets | None = None,
        *,
        deduplicator: EventDeduplicator | None = None,
        max_body_bytes: int = 1024 * 1024,
    ) -> None:
        super().__init__()
        if secret is None:
            secret = os.environ.get("KOMBO_WEBHOOK_SECRET") or ""
        secrets = checked(as_secrets, secret)
        del secret  # tracebacks may print the variables of this frame
        if isinstance(secrets, ValueError):
            raise secrets
        self._secrets = secrets
        self._deduplicator = deduplicator or MemoryEventDeduplicator()
        self.max_body_bytes = max_body_bytes

    def __repr__(self) -> str:
        return f"<Receiver of {', '.join(sorted(self._by_type)) or 'nothing yet'}>"

    def check(self, body: bytes, signature: str | None) -> Event:
        """The event in *body*, its signature verified; nothing is handled. Raises `WebhookError`."""
        self._check_size(len(body))
        verify(self._secrets, body, signature)
        return parse(body)

    async def receive(self, body: bytes, signature: str | None) -> Result:
        """Take a webhook: check it, and run its handlers unless they ran before.

        Raises:
            WebhookError: It was not taken; answer with its `status_code`.
            Exception: What a handler raised; answer with a 5xx, so that Kombo sends the event again.
        """
        event = self.check(body, signature)
        standing = await self._deduplicator.begin(event.id)
        if standing == "busy":
            raise EventBusy("this event is being handled at the moment")
        if standing == "done":
            return "duplicate"
        try:
            handled = await self.handle(event)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._deduplicator.abandon(event.id)
            raise
        with anyio.CancelScope(shield=True):
            await self._deduplicator.finish(event.id)
        return "handled" if handled else "ignored"

    async def read(self, chunks: AsyncIterable[bytes], content_length: str | None = None) -> bytes:
        """The body of a request that comes in *chunks*. Raises `BodyTooLarge`, without reading on."""
        if content_length is not None and content_length.isascii() and content_length.isdigit():
            self._check_size(int(content_length[:20]))
        body = bytearray()
        async for chunk in chunks:
            body += chunk
            self._check_size(len(body))
        return bytes(body)

    def _check_size(self, size: int) -> None:
        if size > self.max_body_bytes:
            raise BodyTooLarge(f"the body has more than {self.max_body_bytes} bytes")
