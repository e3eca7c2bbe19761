"""Endpoints, and one event on its way to one of them."""

from __future__ import annotations

from typing import Any

import attrs
import httpx

from kombo_async.webhooks import sign

SECRET = "sandbox-webhook-secret"  # noqa: S105 - the sandbox guards nothing
RETRY_DELAYS = (10.0, 60.0, 300.0, 1800.0, 7200.0)
"""Seconds of the sandbox's clock after which an event is sent again when it was not answered with 2xx.

Kombo does not publish its own; these are our choice.
"""
LONGEST_ANSWER = 20_000


@attrs.define(kw_only=True)
class Endpoint:
    """Where events are sent."""

    id: int
    url: str
    secret: str = attrs.field(default=SECRET, repr=False)
    events: frozenset[str] | None = None
    """The types of events it wants; None for all."""
    app: Any = attrs.field(default=None, repr=False)
    """An ASGI application in this process that the URL stands for."""


@attrs.define(kw_only=True)
class Delivery:
    """An event for one endpoint: sent, yet to be sent, or to be sent again."""

    id: str
    """ID of the event, the same each time it is sent."""
    type: str
    endpoint: Endpoint
    body: bytes = attrs.field(repr=False)
    due: float = 0.0
    """When it is sent (again), by the sandbox's clock; nothing is due once it was answered with 2xx."""
    number: int = 0
    attempts: int = 0
    status: int | None = None
    """The status that came back; None before, or where no answer came."""
    error: str | None = None
    answer: str = attrs.field(default="", repr=False)
    """The body that came back."""

    @property
    def url(self) -> str:
        """Where it goes."""
        return self.endpoint.url

    @property
    def delivered(self) -> bool:
        """Whether it was answered with 2xx."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def signature(self) -> str:
        """What stands in `X-Kombo-Signature`."""
        return sign(self.endpoint.secret, self.body)


async def send(delivery: Delivery) -> None:
    """Send it once, and note how it was answered."""
    headers = {"content-type": "application/json", "x-kombo-signature": delivery.signature}
    app = delivery.endpoint.app
    transport = None if app is None else httpx.ASGITransport(app)
    delivery.attempts += 1
    delivery.status, delivery.error, delivery.answer = None, None, ""
    try:
        async with httpx.AsyncClient(transport=transport, timeout=10, trust_env=False) as client:
            response = await client.post(delivery.url, content=delivery.body, headers=headers)
        delivery.status = response.status_code
        delivery.answer = response.text[:LONGEST_ANSWER]
    except Exception as error:  # whatever the receiver does, the sandbox goes on
        delivery.error = f"{type(error).__name__}: {error}"
