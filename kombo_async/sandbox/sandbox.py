"""The sandbox: settings, integrations, records, limits, faults and the ledger in one place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from kombo_async.client import AsyncKomboClient
from kombo_async.sandbox.answers import Refusal
from kombo_async.sandbox.asgi import Receive, Scope, Send, answer_call
from kombo_async.sandbox.calls import Call
from kombo_async.sandbox.clock import Clock
from kombo_async.sandbox.connecting import follow
from kombo_async.sandbox.data import Sizes, fill
from kombo_async.sandbox.defaults import API_KEY, BASE_URL, add_defaults
from kombo_async.sandbox.faults import Faults
from kombo_async.sandbox.files import StoredFile
from kombo_async.sandbox.ids import make_id
from kombo_async.sandbox.integrations import Integration, Permission, Sync, SyncStatus
from kombo_async.sandbox.latency import Latency, LatencyLike
from kombo_async.sandbox.latency import latency as latency_of
from kombo_async.sandbox.ledger import Ledger
from kombo_async.sandbox.limits import ACTIONS_AT_ONCE, Concurrency, RateLimit
from kombo_async.sandbox.state import State, open_state
from kombo_async.sandbox.store import World, copied
from kombo_async.sandbox.tools import Category, category_of
from kombo_async.sandbox.webhooks import Webhooks

if TYPE_CHECKING:
    from starlette.applications import Starlette

PLATFORM = "platform"
"""Stands for the integration where an operation is not about one."""


class Sandbox:
    """Kombo on a laptop: an ASGI application.

    Args:
        seed: The same seed gives the same records and IDs.
        employees, candidates, jobs, courses, orders: How many records each integration has from the start.
        api_key: The key that callers must send.
        integrations: False to begin without any integration; add your own with `add_integration`.
        latency: How long actions take: seconds, (median, 95th percentile) or a `Latency`.
        read_latency: How long everything else takes.
        actions_at_once: How many actions may be in flight for an integration.
        rate_limit: (requests, seconds) for a rate limit; None for none.
        allow_duplicates: Take a second application of the same person for a job instead of refusing it.
        start: What the clock begins with, instead of the real time.
        state: A file to keep the state in (SQLite). Without one, it is gone with the sandbox.
    """

    def __init__(
        self,
        seed: int = 1,
        *,
        employees: int = 50,
        candidates: int = 20,
        jobs: int = 10,
        courses: int = 10,
        orders: int = 10,
        api_key: str = API_KEY,
        integrations: bool = True,
        latency: LatencyLike = 0.0,
        read_latency: LatencyLike = 0.0,
        actions_at_once: int = ACTIONS_AT_ONCE,
        rate_limit: tuple[int, float] | None = None,
        allow_duplicates: bool = False,
        start: datetime | None = None,
        state: str | os.PathLike[str] | None = None,
    ) -> None:
        self.state: State = open_state(None if state is None else Path(state))
        self.seed: int = self.state.seed(seed)
        sizes = Sizes(employees=employees, candidates=candidates, jobs=jobs, courses=courses, orders=orders)
        self.sizes: Sizes = self.state.sizes(sizes)
        self.api_key = api_key
        self.allow_duplicates = allow_duplicates
        self.clock: Clock = Clock(start)
        # Not for secrets: a seed must give the same run twice.
        self.random: Random = Random(self.seed)  # noqa: S311
        self.faults: Faults = Faults(self.clock, Random(f"{self.seed}/faults"))  # noqa: S311
        self.ledger: Ledger = Ledger()
        self.concurrency: Concurrency = Concurrency(actions_at_once)
        self.rate_limit: RateLimit = RateLimit(self.clock, rate_limit)
        self.action_latency: Latency | None = latency_of(latency)
        self.read_latency: Latency | None = latency_of(read_latency)
        self._integrations: dict[str, Integration] = {}
        self._worlds: dict[str, World] = {}
        self.born: datetime = self.state.born(self.clock.now())
        self.webhooks: Webhooks = Webhooks(self)
        if self.state.has_integrations:
            for integration in self.state.integrations(self.clock):
                self._integrations[integration.id] = integration
        elif integrations:
            add_defaults(self)
        self._with_defaults = integrations

    def __repr__(self) -> str:
        return f"<Sandbox seed={self.seed} integrations={len(self.integrations)} calls={self.ledger.total}>"

    # Integrations

    @property
    def integrations(self) -> Mapping[str, Integration]:
        """The integrations, by ID."""
        return MappingProxyType({id: each for id, each in self._integrations.items() if not each.deleted})

    def integration(self, id: str) -> Integration:
        """The integration with this ID. Raises `Refusal` as Kombo answers if there is none."""
        integration = self._integrations.get(id)
        if integration is None or integration.deleted:
            raise Refusal(
                404,
                "PLATFORM.INTEGRATION_NOT_FOUND",
                f"There is no integration with the ID {id!r}.",
                title="Integration not found",
            )
        return integration

    def add_integration(
        self,
        id: str,
        *,
        category: Category | None = None,
        sync_pending: float | bool | None = None,
        calls: int | None = None,
        sync_status: SyncStatus = 409,
        active: bool = True,
        setup_complete: bool = True,
        qa_passed: bool = True,
        authenticated: bool = True,
        permissions: Mapping[str, Permission] | None = None,
        organization: str = "Acme GmbH",
        email: str | None = "admin@acme.example",
        origin_id: str | None = None,
    ) -> Integration:
        """Add an integration, `<tool>:<anything>`.

        Its first sync is pending for *sync_pending* seconds (True: until `sync.finish()`), or for so many *calls*.
        """
        tool, _, rest = id.partition(":")
        if not tool or not rest:
            raise ValueError("id: must be <tool>:<id>, such as lever:demo")
        if id in self._integrations and not self._integrations[id].deleted:
            raise ValueError(f"id: there is an integration {id!r} already")
        sync = Sync(clock=self.clock, status=sync_status)
        if calls is not None or sync_pending:
            seconds = sync_pending if isinstance(sync_pending, float | int) and sync_pending is not True else None
            sync.start(seconds=seconds, calls=calls)
        integration = Integration(
            id=id,
            tool=tool,
            category=category or category_of(tool),
            sync=sync,
            active=active,
            setup_complete=setup_complete,
            qa_passed=qa_passed,
            authenticated=authenticated,
            permissions=dict(permissions or {}),
            organization=organization,
            email=email,
            origin_id=origin_id,
            created_at=self.clock.stamp(),
        )
        self._integrations[id] = integration
        self.save_integration(integration)
        return integration

    def save_integration(self, integration: Integration) -> None:
        """Keep a changed state of an integration."""
        self.state.save_integration(integration)

    # Records

    def world(self, integration_id: str | None = None) -> World:
        """All records of an integration; the platform's own if None."""
        id = integration_id or PLATFORM
        world = self._worlds.get(id)
        if world is None:
            made = partial(World, id, clock=self.clock, seed=self.seed, born=self.born)
            untouched = made(state=self._untouched, fill=partial(fill, sizes=self.sizes))
            world = self._worlds[id] = made(state=self.state, fill=copied(untouched))
        return world

    @cached_property
    def _untouched(self) -> State:
        """The records from the start, of all integrations."""
        return open_state(None)

    def changed(self, world: World) -> None:
        """Note that records of *world* may have changed: webhooks tell of it, and the state keeps it."""
        if world.changed:
            self.webhooks.note_changes(world)
        self.state.commit()

    def keep_file(self, id: str, file: StoredFile) -> None:
        """Keep the bytes of the attachment *id*."""
        self.state.save_file(id, file)

    def file(self, id: str) -> StoredFile | None:
        """The file of the attachment with this ID, as it came."""
        return self.state.file(id)

    def file_url(self, root: str, id: str) -> str:
        """The address under which the bytes of the attachment *id* can be had."""
        return f"{root}/_sandbox/files/{id}/{make_id(self.seed, 'file', id)}"

    def reset(self) -> None:
        """Begin anew: the records from the start, no faults, nothing asked. Endpoints of webhooks stay."""
        self.state.clear()
        self._worlds.clear()
        self._integrations.clear()
        self.faults.clear()
        self.ledger.clear()
        self.concurrency = Concurrency(self.concurrency.limit)
        self.rate_limit = RateLimit(self.clock, self.rate_limit.limit)
        if self._with_defaults:
            add_defaults(self)

    def delete_record(self, integration_id: str, model: str, id: str) -> None:
        """Delete a record in the connected system: lists show it with `include_deleted` alone, `remote_deleted_at` set.

        *model* is Kombo's name of it, such as `ats_candidates`. Raises `LookupError` if there is none.
        """
        world = self.world(self.integration(integration_id).id)
        row = world.table(model).find(id)
        if row is None:
            raise LookupError(f"there is no {model} with the ID {id!r}")
        world.delete(model, row)
        self.changed(world)

    def connect(self, link: str, tool: str | None = None) -> str:
        """Follow a link of `create_connection_link` to its end, as a customer would who connects *tool*.

        Gives the token, for `activate_integration`.
        """
        return follow(self, link, tool)

    # What was asked and done

    def asked(
        self, operation_id: str | None = None, *, integration: str | None = None, status: int | None = None
    ) -> list[Call]:
        """Every call that came, whatever became of it; of one operation, for one integration, with one status."""
        return self.ledger.calls(operation_id, integration=integration, status=status)

    def performed(self, operation_id: str | None = None, *, integration: str | None = None) -> list[Call]:
        """The calls that were really done, whatever was answered."""
        return self.ledger.calls(operation_id, integration=integration, performed=True)

    def set_latency(self, *, actions: LatencyLike | None = None, reads: LatencyLike | None = None) -> None:
        """Change how long calls take; None leaves it."""
        if actions is not None:
            self.action_latency = latency_of(actions)
        if reads is not None:
            self.read_latency = latency_of(reads)

    def close(self) -> None:
        """Close the state; the ledger can still be read."""
        self.state.close()

    # Ways in

    def client(self, integration_id: str | None = None, **options: Any) -> AsyncKomboClient:
        """A client of this sandbox in the same process, without sockets; *options* as of `AsyncKomboClient`."""
        from kombo_async.sandbox.transport import SandboxTransport

        settings: dict[str, Any] = {"api_key": self.api_key, "base_url": BASE_URL, **options}
        return AsyncKomboClient(integration_id=integration_id, transport=SandboxTransport(self), **settings)

    @cached_property
    def _site(self) -> Starlette:
        from kombo_async.sandbox.site import make_site

        return make_site(self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application: the API below `/v1`, and the sandbox's own pages and control beside it."""
        if scope["type"] == "http" and (scope["path"] == "/v1" or scope["path"].startswith("/v1/")):
            await answer_call(self, scope, receive, send)
        else:
            await self._site(scope, receive, send)
