"""Endpoints, and the delivery of an event to one."""

from __future__ import annotations

from typing import Any

import attrs
import httpx

from kombo_async.webhooks import sign

SECRET = "sandbox-webhook-secret"  # noqa: S105 - the sandbox guards nothing
RETRY_DELAYS = (10.0, 60.0, 300.0, 1800.0, 7200.0)
"""Seconds, by the sandbox's clock, until an event without a 2xx response is sent again.

Kombo does not publish its schedule; these are our choice.
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
    """An ASGI application in this process to call in place of the URL."""


@attrs.define(kw_only=True)
class Delivery:
    """An event for one endpoint: sent, waiting, or to be sent again."""

    id: str
    """The event's ID, the same each time it is sent."""
    type: str
    endpoint: Endpoint
    body: bytes = attrs.field(repr=False)
    due: float = 0.0
    """When to send it (again), by the sandbox's clock; never again after a 2xx."""
    number: int = 0
    attempts: int = 0
    status: int | None = None
    """The response's status; None before, or if there was no response."""
    error: str | None = None
    answer: str = attrs.field(default="", repr=False)
    """The response's body."""

    @property
    def url(self) -> str:
        """The endpoint's URL."""
        return self.endpoint.url

    @property
    def delivered(self) -> bool:
        """Whether it was answered with 2xx."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def signature(self) -> str:
        """The value of `X-Kombo-Signature`."""
        return sign(self.endpoint.secret, self.body)


async def send(delivery: Delivery) -> None:
    """Send it once, and record the response."""
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
    except Exception as error:  # the sandbox continues whatever the receiver does
        delivery.error = f"{type(error).__name__}: {error}"
