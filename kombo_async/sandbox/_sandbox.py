"""The sandbox: all its parts, and the ways to reach it."""

from __future__ import annotations

from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

from kombo_async.client import AsyncKomboClient
from kombo_async.sandbox._server.asgi import Receive, Scope, Send, answer_call
from kombo_async.sandbox._server.core import SandboxCore
from kombo_async.sandbox._server.transport import SandboxTransport
from kombo_async.sandbox._state.defaults import BASE_URL

if TYPE_CHECKING:
    from starlette.applications import Starlette


class Sandbox(SandboxCore):
    """Kombo on a laptop: an ASGI application.

    Args:
        seed: The same seed gives the same records and IDs.
        employees, candidates, jobs, courses, orders: How many records each integration starts with.
        api_key: The key that callers must send.
        integrations: False to start without integrations; add your own with `add_integration`.
        latency: How long actions take: seconds, (median, 95th percentile) or a `Latency`.
        read_latency: How long everything else takes.
        actions_at_once: How many actions may be in flight per integration.
        rate_limit: (requests, seconds) for a rate limit, which `ratelimit-*` headers tell: the sandbox's choice, since
            only an older page of Kombo's shows them. None for no limit and no such headers.
        allow_duplicates: Accept a second application by the same person for a job.
        virtual_time: Take no real time for waits: the sandbox's latency, its clients' retries, pauses and deadlines.
        start: When the clock starts, instead of now.
        strict: Refuse unknown parameters and body fields instead of noting them in the request log.
        copy_lag: Seconds until Kombo's copy (what the lists show) has the connected system's changes.
        write_through: Whether results of actions are in the copy at once, whatever *copy_lag* says.
        scene: Scenes to start with, such as `outage` or `first-sync:seconds=30`; see `Scenes`.
        hosts: Host names that requests may use, besides localhost, 127.0.0.1 and the like.
        state: A SQLite file for the state. Without one, the state is lost with the sandbox.
    """

    def client(self, integration_id: str | None = None, **options: Any) -> AsyncKomboClient:
        """A client of this sandbox in the same process, without sockets; *options* are those of `AsyncKomboClient`."""
        settings: dict[str, Any] = {"api_key": self.api_key, "base_url": BASE_URL, **options}
        if self.clock.is_virtual:
            settings.setdefault("clock", self.clock)
        transport = SandboxTransport(self, self.clock)
        return AsyncKomboClient(integration_id=integration_id, transport=transport, **settings)

    @cached_property
    def _site(self) -> Starlette:
        # Starlette takes a while to load, and most tests never use the page.
        site: Starlette = import_module("kombo_async.sandbox._page.site").make_site(self)
        return site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application: the API below `/v1`, plus the sandbox's own pages and `/_sandbox`."""
        if scope["type"] == "http" and (scope["path"] == "/v1" or scope["path"].startswith("/v1/")):
            await answer_call(self, scope, receive, send)
        else:
            await self._site(scope, receive, send)
