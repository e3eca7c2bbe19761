"""Webhooks: events that the sandbox really sends, signed as Kombo signs them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import deque
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs
import httpx
import msgspec

from kombo_async.sandbox._state.clock import stamp
from kombo_async.sandbox._state.environment import Environment
from kombo_async.sandbox._state.ids import make_id

if TYPE_CHECKING:
    from kombo_async.sandbox._state.integrations import Integration
    from kombo_async.sandbox._state.store import World

SECRET = "sandbox-webhook-secret"  # noqa: S105 - the sandbox guards nothing
KEEPALIVE_EXPIRY = 1_000


@attrs.define(kw_only=True)
class Endpoint:
    """Where events are sent."""

    id: int
    url: str
    secret: str = SECRET
    events: frozenset[str] | None = None
    """The types of events it wants; None for all."""
    app: Any = attrs.field(default=None, repr=False)
    """An ASGI application in this process that the URL stands for."""


@attrs.define(kw_only=True)
class Delivery:
    """An event, sent or yet to be sent to an endpoint."""

    id: str
    type: str
    url: str
    body: bytes = attrs.field(repr=False)
    status: int | None = None
    """The status that came back; None before, or where no answer came."""
    error: str | None = None


def signature(body: bytes, secret: str) -> str:
    """What stands in `X-Kombo-Signature`: HMAC-SHA256 of the body, in base64url without padding."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


class Webhooks:
    """Endpoints, and the events for them.

    Events wait until they are delivered: `serve` does that in the background, tests call `await deliver()`.
    """

    def __init__(self, environment: Environment) -> None:
        self.endpoints: list[Endpoint] = []
        self.deliveries: deque[Delivery] = deque(maxlen=KEEPALIVE_EXPIRY)
        """What was sent, and how it was answered."""
        self._environment = environment
        self._waiting: deque[tuple[Endpoint, Delivery]] = deque()
        self._changed: dict[str, set[str]] = {}
        self._count = 0

    def add(self, url: str, *, secret: str = SECRET, events: Iterable[str] | None = None, app: Any = None) -> Endpoint:
        """Send events to *url* from now on; with *app*, to that ASGI application in this process."""
        wanted = None if events is None else frozenset(events)
        number = max((each.id for each in self.endpoints), default=0) + 1
        endpoint = Endpoint(id=number, url=url, secret=secret, events=wanted, app=app)
        self.endpoints.append(endpoint)
        return endpoint

    def remove(self, endpoint: Endpoint | int) -> None:
        """Send nothing more there."""
        id = endpoint if isinstance(endpoint, int) else endpoint.id
        self.endpoints = [each for each in self.endpoints if each.id != id]

    def emit(self, type: str, data: dict[str, Any]) -> None:
        """Queue an event for every endpoint that wants it."""
        self._count += 1
        id = make_id(self._environment.seed, "event", self._count)
        body = msgspec.json.encode({"id": id, "type": type, "data": data})
        for endpoint in self.endpoints:
            if endpoint.events is None or type in endpoint.events:
                self._waiting.append((endpoint, Delivery(id=id, type=type, url=endpoint.url, body=body)))

    def note_changes(self, world: World) -> None:
        """Note which models of an integration changed: one `data-changed` tells of them all, at the next delivery."""
        self._changed.setdefault(world.integration_id, set()).update(world.changed)
        world.changed.clear()

    async def deliver(self) -> list[Delivery]:
        """Send every event that waits, each once; gives what was sent."""
        self._announce()
        sent: list[Delivery] = []
        while self._waiting:
            endpoint, delivery = self._waiting.popleft()
            await _send(endpoint, delivery)
            self.deliveries.append(delivery)
            sent.append(delivery)
        return sent

    def _announce(self) -> None:
        """Make events of syncs that have ended, and of records that have changed."""
        for integration in self._environment.integrations.values():
            if not integration.sync.announced and not integration.sync.pending:
                integration.sync.announced = True
                self.sync_finished(integration, make_id(self._environment.seed, "first sync", integration.id), 60)
        changed, self._changed = self._changed, {}
        for id, models in changed.items():
            found = self._environment.integrations.get(id)
            names = sorted(name for name in models if name not in _UNNAMED)
            if found is not None and names:
                self.emit(
                    "data-changed",
                    {
                        "integration_id": id,
                        "integration_tool": found.tool,
                        "integration_category": found.category,
                        "changed_models": [{"name": _NAMES.get(name, name)} for name in names],
                    },
                )

    def sync_finished(self, integration: Integration, sync_id: str, seconds: int) -> None:
        """Queue `sync-finished`."""
        now = self._environment.clock.now()
        self.emit(
            "sync-finished",
            {
                "sync_id": sync_id,
                "sync_state": "SUCCEEDED",
                "sync_started_at": stamp(now - timedelta(seconds=seconds)),
                "sync_ended_at": stamp(now),
                "sync_duration_seconds": seconds,
                "integration_id": integration.id,
                "integration_tool": integration.tool,
                "integration_category": integration.category,
                "end_user": end_user(integration),
                "log_url": f"https://sandbox.localhost/syncs/{sync_id}",
            },
        )

    def integration_created(self, integration: Integration) -> None:
        """Queue `integration-created`."""
        self.emit("integration-created", info(integration))

    def integration_deleted(self, integration: Integration) -> None:
        """Queue `integration-deleted`."""
        self.emit("integration-deleted", {**info(integration), "deleted_at": self._environment.clock.stamp()})

    def state_changed(self, integration: Integration) -> None:
        """Queue `integration-state-changed`."""
        self.emit(
            "integration-state-changed",
            {
                "integration_tool": integration.tool,
                "integration_id": integration.id,
                "integration_category": integration.category,
                "end_user": end_user(integration),
                "qa_status": "PASSED" if integration.qa_passed else "FAILED",
                "setup_status": integration.setup_status,
                "state": integration.status,
                "updated_at": self._environment.clock.stamp(),
            },
        )


# Tables of the sandbox's own, which Kombo has no name for in `data-changed`.
_UNNAMED = frozenset({"syncs", "ats_result_links", "ats_tracked_applications", "hris_documents"})
_NAMES = {"hris_groups": "hris_teams"}


def end_user(integration: Integration) -> dict[str, Any]:
    """The customer of an integration."""
    return {
        "organization_name": integration.organization,
        "creator_email": integration.email,
        "origin_id": integration.origin_id,
    }


def info(integration: Integration) -> dict[str, Any]:
    """An integration in short."""
    return {
        "id": integration.id,
        "tool": integration.tool,
        "category": integration.category,
        "end_user": end_user(integration),
    }


async def _send(endpoint: Endpoint, delivery: Delivery) -> None:
    headers = {
        "content-type": "application/json",
        "x-kombo-signature": signature(delivery.body, endpoint.secret),
    }
    transport = None if endpoint.app is None else httpx.ASGITransport(endpoint.app)
    try:
        async with httpx.AsyncClient(transport=transport, timeout=10, trust_env=False) as client:
            response = await client.post(endpoint.url, content=delivery.body, headers=headers)
        delivery.status = response.status_code
    except Exception as error:  # whatever the receiver does, the sandbox goes on
        delivery.error = f"{type(error).__name__}: {error}"
