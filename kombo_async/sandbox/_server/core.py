"""All parts of a sandbox, except the ways to reach it: what the pipeline, the page and the admin API use."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import attrs

from kombo_async._generated.operations import REQUESTS
from kombo_async.sandbox._api.projection import shape
from kombo_async.sandbox._handlers.connect_flow import fail, follow
from kombo_async.sandbox._seed.assessments import place_order
from kombo_async.sandbox._seed.recruiting import cv
from kombo_async.sandbox._seed.source import Source
from kombo_async.sandbox._server.assertions import describe_mismatch, includes
from kombo_async.sandbox._server.faults import Faults
from kombo_async.sandbox._server.latency import Latency, LatencyLike, latency_of
from kombo_async.sandbox._server.limits import ACTIONS_AT_ONCE, Concurrency, Imports, RateLimit
from kombo_async.sandbox._server.logged_request import LoggedRequest
from kombo_async.sandbox._server.request_log import RequestLog
from kombo_async.sandbox._server.scenes import Scenes
from kombo_async.sandbox._server.settings import call
from kombo_async.sandbox._state.clock import Clock
from kombo_async.sandbox._state.defaults import API_KEY, add_defaults
from kombo_async.sandbox._state.environment import PLATFORM, Environment
from kombo_async.sandbox._state.files import StoredFile
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.integrations import Integration
from kombo_async.sandbox._state.models import operation_suggestion
from kombo_async.sandbox._state.sizes import Sizes
from kombo_async.sandbox._state.store import World
from kombo_async.sandbox._webhooks.webhooks import Webhooks

_CHANGEABLE = frozenset(
    "active setup_complete qa_passed authenticated permissions organization email origin_id".split()
)


class SandboxCore:
    """`Sandbox` without the ways to reach it."""

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
        virtual_time: bool = False,
        state: str | os.PathLike[str] | None = None,
        hosts: Sequence[str] = (),
        strict: bool = False,
        copy_lag: float = 0.0,
        write_through: bool = False,
        scene: str | Sequence[str] = (),
    ) -> None:
        self.clock: Clock = Clock(start, virtual=virtual_time)
        self.environment: Environment = Environment(
            seed=seed,
            sizes=Sizes(employees=employees, candidates=candidates, jobs=jobs, courses=courses, orders=orders),
            clock=self.clock,
            path=None if state is None else Path(state),
            source=Source,
            seed_file=cv,
        )
        self.seed: int = self.environment.seed
        self.api_key = api_key
        self.allow_duplicates = allow_duplicates
        self.hosts: tuple[str, ...] = tuple(hosts)
        self.strict = strict
        # Not for secrets: a seed must give the same run twice.
        self.random: Random = Random(self.seed)  # noqa: S311
        self.faults: Faults = Faults(self.clock, Random(f"{self.seed}/faults"))  # noqa: S311
        self.request_log: RequestLog = RequestLog()
        self.concurrency: Concurrency = Concurrency(actions_at_once)
        self.rate_limit: RateLimit = RateLimit(self.clock, rate_limit)
        self.imports: Imports = Imports()
        self.action_latency: Latency | None = latency_of(latency)
        self.read_latency: Latency | None = latency_of(read_latency, "read_latency")
        self._first_latency = (self.action_latency, self.read_latency)
        self.webhooks: Webhooks = Webhooks(self.environment)
        self._with_defaults = integrations
        if integrations and self.environment.is_new:
            add_defaults(self.environment)
        self._first_lag = (copy_lag, write_through)
        self.environment.set_copy_lag(copy_lag, write_through=write_through)
        self.scenes: Scenes = Scenes(self)
        for each in (scene,) if isinstance(scene, str) else scene:
            self.scenes.play(each)

    def __repr__(self) -> str:
        return f"<Sandbox seed={self.seed} integrations={len(self.integrations)} requests={self.request_log.total}>"

    # Integrations

    @property
    def integrations(self) -> Mapping[str, Integration]:
        """The integrations, by ID."""
        return self.environment.integrations

    def integration(self, id: str) -> Integration:
        """The integration with this ID. Raises `Refusal`, as Kombo would, if there is none."""
        return self.environment.integration(id)

    def add_integration(self, id: str, **settings: Any) -> Integration:
        """Add an integration, `<tool>:<anything>`."""
        return self.environment.add_integration(id, **settings)

    def save_integration(self, integration: Integration) -> None:
        """Store the changed state of an integration."""
        self.environment.save_integration(integration)

    def connect(self, link: str, tool: str | None = None) -> str:
        """Complete a link from `create_connection_link`, as a customer who connects *tool* would.

        Returns the token for `activate_integration`.
        """
        return follow(self.environment, self.webhooks, link, tool)

    def fail_connection(self, link: str, tool: str | None = None) -> None:
        """End a link's flow without a connection: it sends `connection-flow-failed`."""
        fail(self.environment, self.webhooks, link, tool)

    def change_integration(
        self, id: str, *, sync: str | Mapping[str, Any] | None = None, **changes: Any
    ) -> Integration:
        """Change the state of an integration, and send webhooks.

        *changes* are `active`, `setup_complete`, `qa_passed`, `authenticated`, `permissions`, `organization`, `email`
        and `origin_id`; *sync* is `"finish"`, or how to restart it (`{"seconds": 60}`, `{"calls": 2}`).
        Raises `ValueError` for an unknown setting or an invalid value.
        """
        integration = self.integration(id)
        for name in changes:
            if name not in _CHANGEABLE:
                raise ValueError(
                    f"{name}: integrations have no such setting; they have {', '.join(sorted(_CHANGEABLE))}"
                )
        changed = attrs.evolve(integration, **changes)  # all or nothing
        for name in changes:
            setattr(integration, name, getattr(changed, name))
        if sync == "finish":
            integration.sync.finish()
        elif isinstance(sync, Mapping):
            call(integration.sync.start, sync)
        elif sync is not None:
            raise ValueError('sync: must be "finish", or an object such as {"seconds": 60}')
        self.save_integration(integration)
        self.webhooks.state_changed(integration)
        return integration

    def receive_order(self, integration_id: str, *, inline: bool = False) -> Record:
        """Let the recruiting system of an ASSESSMENT integration place an order, and send webhooks."""
        from kombo_async._generated.events import ReceivedOrder  # most tests need no classes of events

        integration = self.integration(integration_id)
        if integration.category != "ASSESSMENT":
            raise ValueError(f"integration: {integration_id} is not an ASSESSMENT integration")
        order = place_order(self.world(integration_id))
        self.webhooks.emit(
            "inline-assessment:order-received" if inline else "assessment:order-received",
            shape({**order, "integration_id": integration_id}, ReceivedOrder),
        )
        self.changed(self.world(integration_id))
        return order

    # Records

    def world(self, integration_id: str | None = None) -> World:
        """All records of an integration; the platform's own if None."""
        return self.environment.world(integration_id)

    def delete_record(self, integration_id: str, model: str, id: str) -> None:
        """Delete a record in the connected system: only `include_deleted` shows it, with `remote_deleted_at` set.

        *model* is Kombo's name, such as `ats_candidates`. Raises `LookupError` if there is none.
        """
        world = self.world(self.integration(integration_id).id)
        record = world.table(model).find(id)
        if record is None:
            raise LookupError(f"there is no {model} with the ID {id!r}")
        world.delete(model, record)
        self.changed(world)

    def changed(self, world: World) -> None:
        """Note that records of *world* may have changed: send webhooks, and save the state."""
        copy = self.environment.copy(None if world.integration_id == PLATFORM else world.integration_id)
        if copy is not world:
            world.changed.clear()  # no webhooks before the copy has it
        self.webhooks.note_changes(copy)
        self.environment.commit()

    def file(self, id: str) -> StoredFile | None:
        """The file of the attachment with this ID, as it came."""
        return self.environment.file(id)

    def file_url(self, root: str, id: str) -> str:
        """The URL to download the attachment *id*, the same all day: the page is drawn again each second."""
        return self.environment.file_url(root, id, same_for=86_400)

    def reset(self) -> None:
        """Restore the initial records, and remove faults, scenes and logged requests. Endpoints stay."""
        self.scenes.end()
        self.environment.clear()
        self.environment.set_copy_lag(self._first_lag[0], write_through=self._first_lag[1])
        self.faults.clear()
        self.request_log.clear()
        self.webhooks.clear()
        self.concurrency = Concurrency(self.concurrency.limit)
        self.rate_limit = RateLimit(self.clock, self.rate_limit.limit)
        self.action_latency, self.read_latency = self._first_latency
        if self._with_defaults:
            add_defaults(self.environment)

    # What came and what was done

    def requests(
        self, operation_id: str | None = None, *, integration: str | None = None, status: int | None = None
    ) -> list[LoggedRequest]:
        """Every request that came, whatever its result; optionally for one operation, integration or status."""
        return self.request_log.find_all(operation_id, integration=integration, status=status)

    def performed(self, operation_id: str | None = None, *, integration: str | None = None) -> list[LoggedRequest]:
        """The requests that were actually performed, whatever the response was."""
        return self.request_log.find_all(operation_id, integration=integration, performed=True)

    def assert_sent(
        self,
        operation_id: str | None = None,
        *,
        times: int | None = None,
        integration: str | None = None,
        status: int | None = None,
        performed: bool | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> list[LoggedRequest]:
        """Assert that matching requests came (*times* of them, by default at least one), and return them.

        *body* is part of the body: all its fields must be there, at any depth. The `AssertionError` shows what came.
        """
        __tracebackhide__ = True
        if operation_id is not None and operation_id not in REQUESTS:
            raise ValueError(f"there is no operation {operation_id!r}{operation_suggestion(operation_id, REQUESTS)}")
        found = [
            request
            for request in self.request_log.find_all(
                operation_id, integration=integration, status=status, performed=performed
            )
            if body is None or includes(request.body, body)
        ]
        if (not found) if times is None else len(found) != times:
            wanted = {"integration": integration, "status": status, "performed": performed, "body": body}
            raise AssertionError(describe_mismatch(operation_id, times, wanted, found, self.request_log.find_all()))
        return found

    def set_latency(self, *, actions: LatencyLike | None = None, reads: LatencyLike | None = None) -> None:
        """Change how long calls take; None keeps the setting."""
        if actions is not None:
            self.action_latency = latency_of(actions)
        if reads is not None:
            self.read_latency = latency_of(reads)

    def close(self) -> None:
        """Close the state; the request log can still be read."""
        self.environment.close()
