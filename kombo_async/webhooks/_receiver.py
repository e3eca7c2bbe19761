"""Receiving webhooks: verified, parsed, each event handled once."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterable
from typing import Literal, TypeAlias

import anyio

from kombo_async._generated.events import Event
from kombo_async.webhooks._deduplication import EventDeduplicator, MemoryEventDeduplicator
from kombo_async.webhooks._errors import BodyTooLarge, EventBusy, HandlerTimedOut
from kombo_async.webhooks._handlers import Handlers
from kombo_async.webhooks._parsing import parse
from kombo_async.webhooks._signature import Keys, Secrets

Result: TypeAlias = Literal["handled", "ignored", "duplicate"]
"""The result for an event: a handler handled it, there was none for it, or it had been handled before."""


class Receiver(Handlers):
    """Receives webhooks for an app, whatever its framework::

        receiver = Receiver(secret=...)

        @receiver.on("data-changed")
        async def refresh(event: DataChanged) -> None: ...

    The web server's side is `webhook_handler` of `kombo_async.contrib.fastapi` (FastAPI, Starlette) or
    `kombo_async.contrib.aiohttp`, or `WebhookApp` for any other ASGI framework.

    An event counts as handled once its handlers have returned: until then, it is not acknowledged, and Kombo sends it
    again. Keep handlers short, and pass long work on.

    Args:
        secret: The webhook secret, or several during a rotation; by default `KOMBO_WEBHOOK_SECRET`.
        deduplicator: Remembers which events were handled; processes that share the work share one
            (`RedisEventDeduplicator`).
        max_body_bytes: Larger bodies are refused unread.
        handler_timeout: Seconds for all handlers of an event together; then they are cancelled, and Kombo is told to
            send the event again. None lets them take as long as they like.

    Raises:
        ValueError: There is no secret, or it contains a line break.
    """

    def __init__(
        self,
        secret: Secrets | None = None,
        *,
        deduplicator: EventDeduplicator | None = None,
        max_body_bytes: int = 1024 * 1024,
        handler_timeout: float | None = 60.0,
    ) -> None:
        super().__init__()
        if handler_timeout is not None and not handler_timeout > 0:
            raise ValueError("handler_timeout: must be more than 0 seconds, or None")
        self._keys = Keys(os.environ.get("KOMBO_WEBHOOK_SECRET", "") if secret is None else secret)
        del secret  # exceptions raised below must not have a frame with it
        self._keys.check()
        self._handler_timeout = handler_timeout
        self._deduplicator = deduplicator or MemoryEventDeduplicator()
        self.max_body_bytes = max_body_bytes

    def __repr__(self) -> str:
        return f"<Receiver of {', '.join(sorted(self._by_type)) or 'nothing yet'}>"

    def check(self, body: bytes, signature: str | None) -> Event:
        """The event in *body*, its signature verified; nothing is handled. Raises `WebhookError`."""
        self._check_size(len(body))
        self._keys.verify(body, signature)
        return parse(body)

    async def receive(self, body: bytes, signature: str | None) -> Result:
        """Receive a webhook: check it, and run its handlers unless they ran before.

        Raises:
            WebhookError: It was not accepted; answer with its `status_code`.
            Exception: What a handler raised; answer with a 5xx, so that Kombo sends the event again.
        """
        event = self.check(body, signature)
        owner = uuid.uuid4().hex
        status = await self._deduplicator.begin(event.id, owner)
        if status == "busy":
            raise EventBusy("this event is already being handled")
        if status == "done":
            return "duplicate"
        try:
            handled = await self._handle_in_time(event)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._deduplicator.abandon(event.id, owner)
            raise
        with anyio.CancelScope(shield=True):
            await self._deduplicator.finish(event.id, owner)
        return "handled" if handled else "ignored"

    async def _handle_in_time(self, event: Event) -> bool:
        with anyio.move_on_after(self._handler_timeout):
            return await self.handle(event)
        raise HandlerTimedOut(f"handling the event took longer than {self._handler_timeout} seconds")

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
