"""Endpoints, and the events for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from random import Random
from typing import Any
from urllib.parse import urlsplit

import anyio
import msgspec

from kombo_async.sandbox._state.clock import duration
from kombo_async.sandbox._state.environment import PLATFORM, Environment
from kombo_async.sandbox._state.ids import make_id
from kombo_async.sandbox._state.integrations import Integration
from kombo_async.sandbox._state.store import World
from kombo_async.sandbox._webhooks import events as payloads
from kombo_async.sandbox._webhooks.sending import RETRY_DELAYS, SECRET, Delivery, Endpoint, send

KEPT_DELIVERIES = 1_000
MOST_COPIES = 100
DATA_CHANGED_EVERY = 30.0
"""Seconds between two `data-changed` for one integration; the first is sent at once."""


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # an invalid port or address
        return False


def _check_types(types: Iterable[str]) -> None:
    from kombo_async._generated.events import EVENTS  # most tests need no classes of events

    for type in sorted(types):
        if type not in EVENTS:
            raise ValueError(f"events: unknown type {type!r}; Kombo sends {', '.join(sorted(EVENTS))}")


class Webhooks:
    """Endpoints, and the events for them.

    Events wait until they are delivered: `serve` does that in the background, tests call `await deliver()`.
    """

    def __init__(self, environment: Environment) -> None:
        self.endpoints: list[Endpoint] = []
        self.deliveries: deque[Delivery] = deque(maxlen=KEPT_DELIVERIES)
        """Deliveries with their responses: one per event and endpoint, however often it was sent."""
        self.delay: float = 0.0
        """The delay of events in seconds, by the sandbox's clock."""
        self.copies: int = 1
        """How often each event is sent."""
        self.shuffle: bool = False
        """Whether events that are due together come in random order."""
        self.data_changed_every: float = DATA_CHANGED_EVERY
        self._environment = environment
        # Not for secrets: the same seed gives the same order.
        self._random = Random(f"{environment.seed}/webhooks")  # noqa: S311
        self._waiting: list[Delivery] = []
        self._busy: set[int] = set()
        """Endpoints that are receiving events right now: their other events wait, to arrive in order."""
        self._changes: dict[str, dict[str, set[str]]] = {}
        self._told: dict[str, float] = {}
        self._issues: dict[tuple[str, str], dict[str, Any]] = {}
        self._count = 0
        self._numbers = 0

    def add(self, url: str, *, secret: str = SECRET, events: Iterable[str] | None = None, app: Any = None) -> Endpoint:
        """Send events to *url* from now on; with *app*, to that ASGI application in this process.

        Raises `ValueError` for a URL that is not http(s), and for unknown types of events.
        """
        if not _is_http(url):
            raise ValueError(f"url: must be an http or https URL, not {url!r}")
        wanted = None if events is None else frozenset([events] if isinstance(events, str) else events)
        if wanted:
            _check_types(wanted)
        number = max((each.id for each in self.endpoints), default=0) + 1
        endpoint = Endpoint(id=number, url=url, secret=secret, events=wanted, app=app)
        self.endpoints.append(endpoint)
        return endpoint

    def remove(self, endpoint: Endpoint | int) -> None:
        """Stop sending events there."""
        id = endpoint if isinstance(endpoint, int) else endpoint.id
        self.endpoints = [each for each in self.endpoints if each.id != id]
        self._waiting = [each for each in self._waiting if each.endpoint.id != id]

    def disturb(self, *, delay: float = 0.0, copies: int = 1, shuffle: bool = False) -> None:
        """Deliver *delay* seconds late, several times, or out of order; without arguments, normally.

        Raises `ValueError` for a negative delay, or for fewer than 1 or more than 100 copies.
        """
        if not 1 <= copies <= MOST_COPIES:
            raise ValueError(f"copies: must be from 1 to {MOST_COPIES}, not {copies!r}")
        self.delay, self.copies, self.shuffle = duration(delay, "delay"), copies, shuffle

    # Events

    def emit(self, type: str, data: Mapping[str, Any]) -> None:
        """Queue an event for every endpoint that wants it."""
        self._count += 1
        id = make_id(self._environment.seed, "event", self._count)
        body = msgspec.json.encode({"id": id, "type": type, "data": data})
        due = self._environment.clock.time() + self.delay
        for endpoint in self.endpoints:
            if endpoint.events is None or type in endpoint.events:
                for _ in range(self.copies):
                    self._queue(Delivery(id=id, type=type, endpoint=endpoint, body=body, due=due))

    def _queue(self, delivery: Delivery) -> Delivery:
        self._numbers += 1
        delivery.number = self._numbers
        self._waiting.append(delivery)
        return delivery

    def note_changes(self, world: World) -> None:
        """Note which models of an integration changed: the next delivery reports all in one `data-changed`."""
        if not world.changed:
            return
        noted = self._changes.setdefault(world.integration_id, {})
        for table, fields in world.changed.items():
            noted.setdefault(table, set()).update(fields)
        world.changed.clear()

    def sync_finished(self, integration: Integration, sync_id: str, seconds: int) -> None:
        """Queue `sync-finished`."""
        now = self._environment.clock.now()
        self.emit("sync-finished", payloads.sync_finished(integration, sync_id, now, seconds))

    def integration_created(self, integration: Integration) -> None:
        """Queue `integration-created`."""
        self.emit("integration-created", payloads.about(integration))

    def integration_deleted(self, integration: Integration) -> None:
        """Queue `integration-deleted`."""
        deleted_at = self._environment.clock.stamp()
        self.emit("integration-deleted", {**payloads.about(integration), "deleted_at": deleted_at})

    def state_changed(self, integration: Integration) -> None:
        """Queue `integration-state-changed`, and `issue-status-changed` for each new or resolved issue."""
        now = self._environment.clock.now()
        self.emit("integration-state-changed", payloads.state_changed(integration, now))
        there = payloads.issues_of(integration)
        for type in sorted(there):
            if (integration.id, type) not in self._issues:
                issue = payloads.new_issue(self._environment.seed, integration, type, now)
                self._issues[integration.id, type] = issue
                self.emit("issue-status-changed", payloads.issue_changed(integration, issue))
        for key in sorted(self._issues):
            if key[0] == integration.id and key[1] not in there:
                issue = {**self._issues.pop(key), "status": "RESOLVED", "resolved_at": self._environment.clock.stamp()}
                self.emit("issue-status-changed", payloads.issue_changed(integration, issue))

    # Deliveries

    async def deliver(self, *, wait: bool = True) -> list[Delivery]:
        """Send every event that is due, each once; returns what was sent.

        Events without a 2xx response are due again later, by the sandbox's clock. A served sandbox sends events by
        itself; with *wait*, those that it is sending at the moment have been sent, too, when this returns.
        """
        sent: list[Delivery] = []
        while True:
            busy = set(self._busy) if wait else set[int]()
            sent += await self._deliver()
            if not busy:
                return sent
            while busy & self._busy:  # noqa: ASYNC110 - they may be sent from another event loop
                await anyio.sleep(0.01)

    async def _deliver(self) -> list[Delivery]:
        """Send what is due to endpoints that are not receiving events right now."""
        self._announce()
        due = self._take_due()
        by_endpoint: dict[int, list[Delivery]] = {}
        for each in due:
            by_endpoint.setdefault(each.endpoint.id, []).append(each)
        unsent = {each.number: each for each in due}
        self._busy |= by_endpoint.keys()
        try:
            async with anyio.create_task_group() as tasks:
                for deliveries in by_endpoint.values():
                    tasks.start_soon(self._send_all, deliveries, unsent)
        finally:
            self._busy -= {each.endpoint.id for each in unsent.values()}
            self._waiting = [*unsent.values(), *self._waiting]  # cancelled: they are still to be sent
        return due

    def _take_due(self) -> list[Delivery]:
        """The deliveries that are due, except for endpoints that are still busy."""
        now = self._environment.clock.time()
        due = [each for each in self._waiting if each.due <= now and each.endpoint.id not in self._busy]
        taken = {each.number for each in due}
        self._waiting = [each for each in self._waiting if each.number not in taken]
        if self.shuffle:
            self._random.shuffle(due)
        return due

    async def _send_all(self, deliveries: list[Delivery], unsent: dict[int, Delivery]) -> None:
        """Send the events of one endpoint, one after the other."""
        for delivery in deliveries:
            if not delivery.attempts:
                self.deliveries.append(delivery)
            await send(delivery)
            del unsent[delivery.number]
            again = not delivery.delivered and delivery.attempts <= len(RETRY_DELAYS)
            if again and delivery.endpoint in self.endpoints:
                delivery.due = self._environment.clock.time() + RETRY_DELAYS[delivery.attempts - 1]
                self._waiting.append(delivery)
        self._busy.discard(deliveries[0].endpoint.id)

    async def send_again(self, number: int) -> Delivery:
        """Send a delivery once more, now. Raises `LookupError` if it is no longer kept."""
        for delivery in self.deliveries:
            if delivery.number == number:
                await send(delivery)
                return delivery
        raise LookupError(f"delivery {number} is no longer kept")

    @property
    def waiting(self) -> int:
        """How many deliveries are waiting."""
        return len(self._waiting)

    def clear(self) -> None:
        """Delete all events; endpoints stay."""
        self._waiting.clear()
        self.deliveries.clear()
        self._changes.clear()
        self._told.clear()
        self._issues.clear()

    def _announce(self) -> None:
        """Create events for finished syncs and changed records."""
        for integration in self._environment.integrations.values():
            if not integration.sync.announced and not integration.sync.pending:
                integration.sync.announced = True
                sync_id = make_id(self._environment.seed, "first sync", integration.id)
                self.sync_finished(integration, sync_id, 60)
        for world in self._environment.copies():
            self.note_changes(world)
        now = self._environment.clock.time()
        for id in list(self._changes):
            told = self._told.get(id)
            if told is None or not told <= now < told + self.data_changed_every:
                self._told[id] = now
                self._tell(id, payloads.model_names(self._changes.pop(id)))

    def _tell(self, id: str, names: list[str]) -> None:
        if id == PLATFORM:
            applied = [{"name": name} for name in names if name.startswith("ai_apply_")]
            if applied:
                self.emit("ai-apply-data-changed", {"changed_models": applied})
            return
        integration = self._environment.integrations.get(id)
        known = [name for name in names if name in payloads.known_models()]
        if integration is not None and known:
            self.emit("data-changed", payloads.data_changed(integration, known))
