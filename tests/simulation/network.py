"""The network between a process and Kombo, as the client sees it: an httpx transport."""

from __future__ import annotations

import asyncio

import httpx

from tests.simulation.disturbance import Disturbance
from tests.simulation.kombo import Answer, Kombo
from tests.simulation.scheduler import Process


class Network(httpx.AsyncBaseTransport):
    """What a client of *process* sends through. What has left goes on without it."""

    def __init__(self, process: Process, kombo: Kombo, disturbance: Disturbance) -> None:
        self._process = process
        self._kombo = kombo
        self._disturbance = disturbance

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request*, whose first byte leaves at once, and wait for what comes back."""
        body = await request.aread()
        loop = self._process.loop
        heard: asyncio.Future[Answer] = loop.create_future()

        def hear(answer: Answer) -> None:
            loop.call_soon(lambda: None if heard.done() else heard.set_result(answer))

        integration = request.headers.get("x-integration-id", "")
        self._kombo.receive(self._process.name, integration, request.method, str(request.url), body, hear)
        await self._disturbance.point(f"{request.method} has left")
        answer = await heard
        await self._disturbance.point(f"{request.method} is answered")
        if answer.error:
            raise getattr(httpx, answer.error)(answer.error)
        return httpx.Response(answer.status, headers=answer.headers, content=answer.body)
