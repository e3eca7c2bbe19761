"""Kombo as mirrors see it: it answers lists from its copies, slowly, fails now and then, and sends webhooks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from random import Random
from typing import Any

import anyio
import httpx

from tests.mirror.simulation.system import LISTS, System
from tests.simulation.clocks import EPOCH
from tests.simulation.scheduler import Process
from tests.support.wire import failure, page

PAGE = 3

Hear = Callable[[httpx.Response | Exception], None]


class Kombo:
    """Kombo's API over *systems*, by ID of the integration. It works in *process*, which nobody kills."""

    def __init__(self, process: Process, systems: Mapping[str, System], chance: Random) -> None:
        self.process = process
        self.systems = systems
        self.missing: dict[str, set[str]] = {each: set() for each in systems}
        """Models whose list an integration does not have."""
        self.failing: dict[str, float] = dict.fromkeys(systems, 0.0)
        """How often requests for an integration fail."""
        self._chance = chance
        self._tasks: set[asyncio.Task[None]] = set()

    def receive(self, request: httpx.Request, hear: Hear) -> None:
        """Take a request; what comes of it is heard later."""
        task = self.process.loop.create_task(self._serve(request, hear))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, request: httpx.Request, hear: Hear) -> None:
        chance, integration_id = self._chance, request.headers["X-Integration-Id"]
        trouble = chance.random() < self.failing[integration_id]
        await anyio.sleep(chance.choice([0.02, 0.02, 0.2, 2.0]))
        answer = await self._trouble() if trouble else self._page(request, integration_id)
        await anyio.sleep(chance.choice([0.0, 0.1, 5.0]))  # what changes now is not in the answer
        hear(answer)

    def _page(self, request: httpx.Request, integration_id: str) -> httpx.Response:
        model, query = LISTS[request.url.path], request.url.params
        if model in self.missing[integration_id]:
            return self._dated(failure(403, "INTEGRATION.MODEL_NOT_AVAILABLE"))
        system = self.systems[integration_id]
        records = list(system.records(model, system.now(), deleted=query.get("include_deleted") == "true"))
        if "updated_after" in query:
            since = query["updated_after"]
            records = [each for each in records if each["changed_at"] is not None and each["changed_at"] > since]
        if "ids" in query:
            ids = query["ids"].split(",")
            records = [each for each in records if each["id"] in ids]
        records = [each for each in records if each["id"] > query.get("cursor", "")]
        more = records[PAGE - 1]["id"] if len(records) > PAGE else None
        return self._dated(page(*records[:PAGE], next=more))

    def _dated(self, response: httpx.Response) -> httpx.Response:
        now = datetime.fromtimestamp(EPOCH + self.process.world.now, UTC)
        response.headers["Date"] = format_datetime(now, usegmt=True)
        return response

    async def _trouble(self) -> httpx.Response | Exception:
        kind = self._chance.choice(["hang", "failure", "limit", "lost"])
        if kind == "hang":
            await anyio.sleep(40)
        if kind == "lost":
            return httpx.ReadError("the connection was lost")
        if kind == "limit":
            return failure(429, "PLATFORM.RATE_LIMIT_EXCEEDED", headers={"Retry-After": "3"})
        return failure(500, "PLATFORM.UNKNOWN_ERROR")


class Network(httpx.AsyncBaseTransport):
    """What a client of *process* sends through. What has left goes on without it."""

    def __init__(self, process: Process, kombo: Kombo) -> None:
        self._process = process
        self._kombo = kombo

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request*, and wait for what comes back."""
        loop = self._process.loop
        query = f" {request.url.query.decode()}" if request.url.query else ""
        what = f"{request.headers['X-Integration-Id']} {request.url.path}{query}"
        self._process.world.say(self._process.name, what)
        heard: asyncio.Future[httpx.Response | Exception] = loop.create_future()

        def hear(answer: httpx.Response | Exception) -> None:
            loop.call_soon(lambda: None if heard.done() else heard.set_result(answer))

        self._kombo.receive(request, hear)
        answer = await heard
        if isinstance(answer, Exception):
            raise answer
        return answer


def data_changed(integration_id: str, models: list[str]) -> bytes:
    """The webhook that names what changed."""
    return _webhook("data-changed", integration_id, {"changed_models": [{"name": name} for name in models]})


def sync_finished(integration_id: str, began: str) -> bytes:
    """The webhook that says when the sync began that is over."""
    more = {"sync_id": "sync", "sync_state": "SUCCEEDED", "sync_started_at": began}
    return _webhook("sync-finished", integration_id, more)


def _webhook(type: str, integration_id: str, more: dict[str, Any]) -> bytes:
    data = {"integration_id": integration_id, "integration_tool": "lever", "integration_category": "ATS", **more}
    return json.dumps({"id": "event", "type": type, "data": data}).encode()
