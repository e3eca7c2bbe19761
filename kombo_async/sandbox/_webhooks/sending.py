"""Endpoints, and the delivery of an event to one."""

from __future__ import annotations

import ssl
from functools import cache
from typing import Any

import anyio
import attrs
import httpx

from kombo_async.webhooks import sign

SECRET = "sandbox-webhook-secret"  # noqa: S105 - the sandbox guards nothing
RETRY_DELAYS = (10.0, 60.0, 300.0, 1800.0, 7200.0)
"""Seconds, by the sandbox's clock, until an event without a 2xx response is sent again.

Kombo does not publish its schedule; these are our choice.
"""
LONGEST_ANSWER = 20_000
PATIENCE = 10.0
"""Seconds of real time that a receiver has to respond."""


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
    delivery.attempts += 1
    delivery.status, delivery.error, delivery.answer = None, None, ""
    app = delivery.endpoint.app
    try:
        with anyio.fail_after(PATIENCE):
            transport = httpx.AsyncHTTPTransport(verify=_certificates()) if app is None else httpx.ASGITransport(app)
            async with transport:
                response = await transport.handle_async_request(_request(delivery))
                delivery.status = response.status_code
                try:
                    delivery.answer = await _beginning(response)
                finally:
                    await response.aclose()
    except TimeoutError:
        delivery.error = f"TimeoutError: no response within {PATIENCE:g} seconds"
    except Exception as error:  # whatever the receiver does, the sandbox goes on
        delivery.error = f"{type(error).__name__}: {error}"


@cache
def _certificates() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


def _request(delivery: Delivery) -> httpx.Request:
    headers = {
        "content-type": "application/json",
        "x-kombo-signature": delivery.signature,
        "accept-encoding": "identity",
    }
    return httpx.Request("POST", delivery.url, content=delivery.body, headers=headers)


async def _beginning(response: httpx.Response) -> str:
    """The part of the response body that is kept; the rest is not read."""
    content = b""
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) >= LONGEST_ANSWER:
            break
    return content[:LONGEST_ANSWER].decode(errors="replace")
