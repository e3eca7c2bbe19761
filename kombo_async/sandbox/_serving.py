"""Serve the sandbox over HTTP, in this process, only to this machine."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import AsyncGenerator
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from kombo_async.sandbox._sandbox import Sandbox
from kombo_async.sandbox._server.asgi import BREAK, Receive, Scope, Send, until_gone

logger: logging.Logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
_transports: dict[Any, asyncio.Transport] = {}
"""The transports of open connections, by their two ends."""
GRACE = 1
"""Seconds that running calls have to finish when the server closes."""
DELIVER_EVERY = 0.2
"""Seconds between deliveries of webhooks."""


def _ends(transport: asyncio.BaseTransport) -> Any:
    return transport.get_extra_info("peername"), transport.get_extra_info("sockname")


class _Together:
    """A transport that joins two writes in a row: the head of a response and its body leave in one packet."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._written: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Send *data* with what was written before it, or else at the end of this turn of the event loop."""
        self._written.append(data)
        if len(self._written) > 1:
            self._send()
        else:
            self._loop.call_soon(self._send)

    def _send(self) -> None:
        if self._written:
            self._transport.write(b"".join(self._written))
            self._written.clear()

    def close(self) -> None:
        """Close the connection once everything is sent."""
        self._send()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class _Protocol(asyncio.Protocol):
    """uvicorn's protocol, plus a note of each connection's transport, to let faults break it."""

    def __init__(self, **settings: Any) -> None:
        # With httptools, where it is installed, the quickest call takes 0.14 ms of CPU instead of 0.27, and creating a
        # candidate 0.53 instead of 0.73.
        make: Any = AutoHTTPProtocol
        self._inner: asyncio.Protocol = make(**settings)
        self._ends: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the transport."""
        self._ends = _ends(transport)
        _transports[self._ends] = cast("asyncio.Transport", transport)
        self._inner.connection_made(cast("Any", _Together(cast("asyncio.Transport", transport))))

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass it on."""
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        """Pass it on."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        _transports.pop(self._ends, None)
        self._inner.connection_lost(exc)


class _Server(uvicorn.Server):
    """uvicorn without its signal handling, which is up to the process that runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        """Leave signals alone."""
        yield


def _breaker(ends: Any) -> Any:
    def break_connection(how: str) -> None:
        transport = _transports.get(ends)
        if transport is None:
            return
        if how == "reset":
            # Closing a socket with zero linger time sends RST instead of FIN.
            connection: socket.socket = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()

    return break_connection


class _Application:
    """The sandbox as uvicorn calls it. Keeps track of running calls."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._calls: set[asyncio.Task[Any]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._sandbox(scope, receive, send)
            return
        break_connection = _breaker((scope.get("client"), scope.get("server")))
        scope["extensions"] = {**cast("dict[str, Any]", scope.get("extensions") or {}), BREAK: break_connection}
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._calls.add(task)
        try:
            await self._sandbox(scope, receive, send)
        except asyncio.CancelledError:  # the server is closing, and this call did not finish in time
            break_connection("close")
            await until_gone(receive)
        finally:
            self._calls.discard(task)

    async def close(self) -> None:
        """Wait briefly for running calls, then disconnect the rest."""
        if self._calls:
            _, late = await asyncio.wait(self._calls, timeout=GRACE)
            for task in late:
                task.cancel()


def _config(application: _Application) -> uvicorn.Config:
    settings: dict[str, Any] = {
        "http": _Protocol,
        "ws": "none",
        "date_header": False,  # the sandbox sends its own Date
        "lifespan": "on",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,  # or faults could not find the connection of a caller that claims to be a proxy
        "timeout_graceful_shutdown": 2 * GRACE,
    }
    return uvicorn.Config(cast("Any", application), **settings)


async def _deliver(sandbox: Sandbox) -> None:
    """Deliver webhooks forever. A slow endpoint delays only its own events."""

    async def deliver() -> None:
        try:
            await sandbox.webhooks.deliver(wait=False)
        except Exception:
            logger.exception("The sandbox failed to deliver webhooks")

    async with asyncio.TaskGroup() as tasks:
        while True:
            tasks.create_task(deliver())
            await asyncio.sleep(DELIVER_EVERY)


async def _ended(application: _Application, server: asyncio.Task[None]) -> None:
    await application.close()
    await server


@contextlib.asynccontextmanager
async def serve(sandbox: Sandbox, port: int = 0) -> AsyncGenerator[str]:
    """Serve *sandbox* on 127.0.0.1 while the block runs (asyncio only); yields the base URL for clients.

    A *port* of 0 takes one that is free. Raises `OSError` that names the address if it is not available.
    """
    # With a named protocol, asyncio switches off Nagle's algorithm, which would delay responses by 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as error:
            raise OSError(error.errno, error.strerror, f"{HOST}:{port}") from None
        application = _Application(sandbox)
        server = _Server(_config(application))
        deliveries: asyncio.Task[None] | None = None
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            while not server.started:
                if task.done():
                    task.result()
                    raise RuntimeError("the sandbox's server did not start")
                await asyncio.sleep(0.005)
            deliveries = asyncio.create_task(_deliver(sandbox))
            yield f"http://{HOST}:{listener.getsockname()[1]}/v1"
        finally:
            if deliveries is not None:
                deliveries.cancel()
            server.should_exit = True
            await asyncio.shield(_ended(application, task))
    finally:
        listener.close()
