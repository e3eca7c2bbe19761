"""Scenes: situations that callers must handle, each set up with one line."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from inspect import getdoc, signature
from typing import Any, Protocol

from kombo_async.sandbox._server.faults import Faults
from kombo_async.sandbox._server.latency import LatencyLike
from kombo_async.sandbox._server.limits import Concurrency
from kombo_async.sandbox._server.logged_request import LoggedRequest
from kombo_async.sandbox._server.request_log import RequestLog
from kombo_async.sandbox._server.settings import fitting
from kombo_async.sandbox._state.clock import Clock, duration
from kombo_async.sandbox._state.defaults import GREENHOUSE
from kombo_async.sandbox._state.environment import Environment
from kombo_async.sandbox._state.models import suggestion
from kombo_async.sandbox._state.refusals import Refusal
from kombo_async.sandbox._state.store import World
from kombo_async.sandbox._state.table import StoredRecord
from kombo_async.sandbox._webhooks.webhooks import Webhooks


class Stage(Protocol):
    """What scenes need: a sandbox."""

    clock: Clock
    environment: Environment
    faults: Faults
    request_log: RequestLog
    concurrency: Concurrency
    webhooks: Webhooks

    def world(self, integration_id: str | None = None) -> World:
        """All records of an integration."""
        ...

    def changed(self, world: World) -> None:
        """Note that records may have changed."""
        ...

    def change_integration(self, id: str, *, sync: Any = None, **changes: Any) -> Any:
        """Change the state of an integration."""
        ...

    def set_latency(self, *, actions: LatencyLike | None = None) -> None:
        """Change how long calls take."""
        ...


class Scenes:
    """One method for each scene; *integration* is the Greenhouse one by default."""

    def __init__(self, sandbox: Stage) -> None:
        self._sandbox = sandbox
        self._ends: list[Callable[[], None]] = []

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all scenes, as the command line and `/_sandbox/scenes` know them."""
        own = (name for name in vars(type(self)) if not name.startswith("_"))
        return tuple(name.replace("_", "-") for name in own if name not in ("names", "play", "end", "describe"))

    def describe(self) -> list[dict[str, Any]]:
        """Each scene with what it does and its settings."""
        return [
            {
                "name": name,
                "about": (getdoc(self._method(name)) or "").partition("\n")[0].replace("*", ""),
                "settings": {each.name: each.default for each in signature(self._method(name)).parameters.values()},
            }
            for name in self.names
        ]

    def play(self, scene: str, **settings: Any) -> None:
        """Set up the scene with this name, such as `outage`, or `outage:seconds=30,integration=lever:x`.

        Raises `ValueError` for an unknown name or setting.
        """
        name, _, text = scene.partition(":")
        if name not in self.names:
            raise ValueError(
                f"scene: unknown scene {name!r}{suggestion(name, self.names)}; available: {', '.join(self.names)}"
            )
        method = self._method(name)
        try:
            method(**{**fitting(method, _pairs(text), text=True), **fitting(method, settings)})
        except (ValueError, Refusal) as error:
            raise ValueError(f"scene {name}: {error}") from None

    def end(self) -> None:
        """End all scenes: stop watching calls, and deliver webhooks and update copies normally again."""
        for end in self._ends:
            end()
        self._ends.clear()
        self._sandbox.webhooks.disturb()
        self._sandbox.environment.set_copy_lag(0)

    def _method(self, name: str) -> Callable[..., None]:
        method: Callable[..., None] = getattr(self, name.replace("-", "_"))
        return method

    # The scenes

    def first_sync(
        self,
        *,
        seconds: float | None = None,
        looks: int | None = None,
        status: int = 409,
        integration: str = GREENHOUSE,
    ) -> None:
        """The first sync is still running, and ends after *seconds* (default: 60) or after this many *looks*."""
        if seconds is None and looks is None:
            seconds = 60.0
        sync = {"seconds": seconds, "calls": looks, "status": status}
        self._sandbox.change_integration(integration, sync=sync)

    def job_closes(self, *, job: str | None = None, integration: str = GREENHOUSE) -> None:
        """A job closes between reading the jobs and applying: the first open one, or *job*."""
        world = self._recruiting(integration)
        self._job(world, job)

        def close(request: LoggedRequest) -> None:
            if request.operation == "GetAtsJobs" and request.integration == integration and request.performed:
                end()
                with suppress(ValueError, Refusal):  # it may have been closed already
                    now = self._sandbox.clock.stamp()
                    world.change("ats_jobs", self._job(world, job), status="CLOSED", closed_at=now)
                    self._sandbox.changed(world)

        end = self._watch(close)

    def outage(self, *, seconds: float = 120.0, integration: str = GREENHOUSE) -> None:
        """The connected system is down for *seconds*: actions fail, lists come from Kombo's copy."""
        self._sandbox.environment.integration(integration)
        self._sandbox.faults.add(
            actions=True,
            integration=integration,
            status=503,
            code="REMOTE.SERVICE_UNAVAILABLE",
            message="The connected system does not answer.",
            lasting=duration(seconds, "seconds"),
        )

    def slow_system(self, *, median: float = 20.0, p95: float = 90.0) -> None:
        """Actions take as long as in the slowest systems: half of them *median* seconds, one in twenty *p95*."""
        self._sandbox.set_latency(actions=(median, p95))

    def smaller_limit(self, *, actions: int = 5, integration: str = GREENHOUSE) -> None:
        """Fewer actions may be in flight at once than usual."""
        if actions < 1:
            raise ValueError(f"actions: must be at least 1, not {actions}")
        self._sandbox.environment.integration(integration)
        self._sandbox.concurrency.limits[integration] = actions

    def becomes_inactive(self, *, looks: int = 0, integration: str = GREENHOUSE) -> None:
        """The integration is switched off, after this many *looks*."""
        if looks < 0:
            raise ValueError(f"looks: must be at least 0, not {looks}")
        self._sandbox.environment.integration(integration)
        left = looks

        def count(request: LoggedRequest) -> None:
            nonlocal left
            if request.integration == integration:
                left -= 1
                if left == 0:
                    end()
                    with suppress(Refusal):  # it may have been deleted
                        self._sandbox.change_integration(integration, active=False)

        if looks:
            end = self._watch(count)
        else:
            self._sandbox.change_integration(integration, active=False)

    def candidate_exists(
        self,
        *,
        email: str = "frank@example.com",
        first_name: str = "Frank",
        last_name: str = "Doe",
        applied: bool = False,
        job: str | None = None,
        integration: str = GREENHOUSE,
    ) -> None:
        """The candidate is already in the connected system, with an application for the job if *applied*."""
        world = self._recruiting(integration)
        found = self._job(world, job) if applied or job is not None else None
        person: dict[str, Any] = {
            "first_name": first_name,
            "last_name": last_name,
            "emails": [email.lower()],
            "email_addresses": [{"email_address": email, "type": "PRIVATE"}],
            "phone_numbers": [],
            "social_media": [],
            "tag_ids": [],
            "confidential": False,
        }
        candidate = world.add("ats_candidates", person)
        if found is not None:
            application: dict[str, Any] = {
                "candidate_id": candidate.id,
                "job_id": found.id,
                "outcome": "PENDING",
                "current_stage_id": found.data["stage_ids"][0],
                "rejection_reason_name": None,
                "rejected_at": None,
                "screening_question_answers": [],
            }
            world.add("ats_applications", application)
        self._sandbox.changed(world)

    def lagging_copy(self, *, seconds: float = 60.0, write_through: bool = False) -> None:
        """Lists show changes only after *seconds*; with *write_through*, results of actions at once."""
        self._sandbox.environment.set_copy_lag(seconds, write_through=write_through)

    def webhooks_late(self, *, seconds: float = 60.0) -> None:
        """Webhooks come *seconds* late."""
        self._disturb(delay=seconds)

    def webhooks_twice(self, *, copies: int = 2) -> None:
        """Each webhook comes this many times."""
        self._disturb(copies=copies)

    def webhooks_out_of_order(self) -> None:
        """Webhooks that are due together come in random order."""
        self._disturb(shuffle=True)

    # What they share

    def _disturb(self, **changes: Any) -> None:
        webhooks = self._sandbox.webhooks
        now: dict[str, Any] = {"delay": webhooks.delay, "copies": webhooks.copies, "shuffle": webhooks.shuffle}
        webhooks.disturb(**{**now, **changes})

    def _watch(self, watcher: Callable[[LoggedRequest], None]) -> Callable[[], None]:
        end = self._sandbox.request_log.watch(watcher)
        self._ends.append(end)
        return end

    def _recruiting(self, integration: str) -> World:
        if self._sandbox.environment.integration(integration).category != "ATS":
            raise ValueError(f"integration: {integration} is not an ATS integration")
        return self._sandbox.world(integration)

    def _job(self, world: World, id: str | None) -> StoredRecord:
        if id is not None:
            return world.get("ats_jobs", id, "job")
        for record in world.table("ats_jobs"):
            if record.data["status"] == "OPEN" and not record.deleted:
                return record
        raise ValueError("job: there is no open one")


def _pairs(text: str) -> dict[str, str]:
    """The value of a setting from the command line."""
    pairs: dict[str, str] = {}
    for pair in filter(None, text.split(",")):
        name, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"{pair!r} must be NAME=VALUE")
        pairs[name.strip()] = value.strip()
    return pairs
