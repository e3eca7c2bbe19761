"""A Kombo that fails as it is told: real TCP on 127.0.0.1, in a thread of its own, so that it serves any event loop.

A request names its scenario in `X-Scenario`: the steps that its attempts meet, one after the other; the last one stays.
The server counts what it was asked and what it performed, by scenario, and how many actions it had in flight.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self, TypeAlias

import attrs

from tests.support.wire import CANDIDATE


@attrs.define(eq=False)
class Exchange:
    """One request, and what can be done about it."""

    server: FaultServer
    writer: asyncio.StreamWriter
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def scenario(self) -> str:
        """The scenario that the request belongs to."""
        return self.headers.get("x-scenario", "")

    def perform(self) -> bool:
        """Do what is asked; False for a DELETE of what is gone."""
        if self.method == "DELETE" and self.server.performed[self.scenario]:
            return False
        self.server.performed[self.scenario] += 1
        return True

    async def answer(
        self,
        status: int = 200,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        cut_at: int | None = None,
        drip: float = 0.0,
    ) -> None:
        """Answer with *body* (bytes, or what JSON has); up to byte *cut_at* (from the end if negative), or in drips."""
        whole = answer(status, body, headers)
        if drip:
            for place in range(len(whole)):
                await self.send(whole[place : place + 1])
                await asyncio.sleep(drip)
        await self.send(whole[:cut_at])
        if cut_at is not None:
            self.cut()

    async def succeed(self) -> None:
        """Do it, and say so; 404 for what is gone."""
        if self.perform():
            await self.answer(200, {"status": "success", "data": self.server.data(self)})
        else:
            await self.fail(404, "ATS.NOT_FOUND")

    async def fail(self, status: int, code: str | None, headers: Mapping[str, str] | None = None) -> None:
        """Answer with Kombo's JSON for a failure."""
        error = {"code": code, "title": None, "message": "It failed.", "log_url": None}
        await self.answer(status, {"status": "error", "error": error}, headers=headers)

    async def send(self, data: bytes) -> None:
        """Write *data* as it is."""
        self.writer.write(data)
        await self.writer.drain()

    def cut(self, *, reset: bool = False) -> None:
        """Close the connection, in an orderly way or by a reset."""
        close(self.writer, reset=reset)


def answer(status: int = 200, body: object = None, headers: Mapping[str, str] | None = None) -> bytes:
    """An answer as it goes over the wire."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"Content-Type": "application/json", "Content-Length": str(len(content)), **(headers or {})}
    head = f"HTTP/1.1 {status} X\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return head.encode("latin-1") + b"\r\n" + content


Step: TypeAlias = Callable[[Exchange], Awaitable[None]]


def close(writer: asyncio.StreamWriter, *, reset: bool = False) -> None:
    """Close a connection, in an orderly way or by a reset."""
    if reset:
        raw: Any = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()


async def succeed(exchange: Exchange) -> None:
    """The step of a server that is well."""
    await exchange.succeed()


def fitting_data(exchange: Exchange) -> object:
    """What fits the types of the calls that the tests make."""
    if exchange.method == "GET":
        return {"results": [], "next": None}
    return CANDIDATE if exchange.method == "POST" else {}


async def _turns() -> None:
    """Let the loop do what it has begun; asyncio takes a few turns to accept or close a connection."""
    for _ in range(10):
        await asyncio.sleep(0)


class FaultServer:
    """The server; `with FaultServer() as server` starts and stops it.

    *latency*: seconds that an action takes. *actions_at_once*: as Kombo, refuse more than so many at once, and
    say in `Concurrency-Remaining` how many more there may be. *deaf*: reset each connection before reading a request.
    *tls*: speak it, as `https://localhost`.
    """

    def __init__(
        self,
        *,
        latency: float = 0.0,
        actions_at_once: int | None = None,
        deaf: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.tls = tls
        self.latency = latency
        self.actions_at_once = actions_at_once
        self.deaf = deaf
        self.data: Callable[[Exchange], object] = fitting_data
        self.default: Step = succeed
        self.scenarios: dict[str, list[Step]] = {}
        self.asked: Counter[str] = Counter()
        self.performed: Counter[str] = Counter()
        self.requests: list[Exchange] = []
        self.connections = 0
        self.open: set[asyncio.StreamWriter] = set()
        self.in_flight = self.most_in_flight = self.refused = 0
        self.spans: list[tuple[float, float]] = []
        """When each action that was not refused began and ended, under *actions_at_once*."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="fault-server", daemon=True)
        self._listening = threading.Event()
        self.port = 0

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}/v1" if self.tls is None else f"https://localhost:{self.port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        self._listening.wait(10)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)

    def use(self, *, until_last_begun: bool = False) -> float:
        """Which part of *actions_at_once* was used from the first action to the end of the last.

        *until_last_begun* leaves out the time after the last action began, when there is no work for all places.
        """
        assert self.actions_at_once is not None
        start = min(begun for begun, _ in self.spans)
        end = max(begun if until_last_begun else ended for begun, ended in self.spans)
        held = sum(max(0.0, min(ended, end) - begun) for begun, ended in self.spans)
        return held / (end - start) / self.actions_at_once

    def close_connections(self) -> None:
        """Close all connections, as a server does with those that it has kept long enough; waits until it is done."""

        async def close_all() -> None:
            for writer in list(self.open):
                writer.close()
            while self.open:  # noqa: ASYNC110 - each connection leaves when its own task has seen it
                await asyncio.sleep(0.001)

        asyncio.run_coroutine_threadsafe(close_all(), self._loop).result(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._run())
        self._loop.close()

    async def _run(self) -> None:
        self._stopping = asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", self.port, backlog=1000, ssl=self.tls)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._stopping.wait()
        await _turns()  # connections that have just come begin: Python 3.11 loses one whose server is closed meanwhile
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await _turns()  # and their sockets are closed

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.deaf:
            await reader.read(1)  # something has come, so the connection has been made
            close(writer, reset=True)
            return
        self.open.add(writer)
        try:
            while not writer.is_closing():
                await self._exchange(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has closed it
        except asyncio.CancelledError:
            writer.transport.abort()  # the server stops: what has not been taken by now is not waited for
        finally:
            self.open.discard(writer)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        exchange = Exchange(self, writer, method, target, headers, body)
        self.asked[exchange.scenario] += 1
        self.requests.append(exchange)
        steps = self.scenarios.get(exchange.scenario)
        if steps:
            await (steps.pop(0) if len(steps) > 1 else steps[0])(exchange)
        elif self.actions_at_once is not None:
            await self._limited(exchange, self.actions_at_once)
        else:
            await asyncio.sleep(self.latency)
            await self.default(exchange)

    async def _limited(self, exchange: Exchange, limit: int) -> None:
        """Kombo's limit: refuse at once what is too much at once."""
        if self.in_flight >= limit:
            self.refused += 1
            await exchange.fail(429, "PLATFORM.CONCURRENCY_LIMIT_EXCEEDED")
            return
        begun = time.monotonic()
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await asyncio.sleep(self.latency)
        exchange.perform()
        self.in_flight -= 1
        self.spans.append((begun, time.monotonic()))
        remaining = {"Concurrency-Remaining": str(limit - self.in_flight)}
        await exchange.answer(200, {"status": "success", "data": self.data(exchange)}, headers=remaining)
