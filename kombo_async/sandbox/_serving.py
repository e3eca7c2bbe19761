"""Serve the sandbox over HTTP, in this process, only to this machine."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncGenerator
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from kombo_async.sandbox._sandbox import Sandbox
from kombo_async.sandbox._server.asgi import BREAK, Receive, Scope, Send

HOST = "127.0.0.1"
_transports: dict[Any, asyncio.Transport] = {}
"""The transports of open connections, by their two ends."""
DELIVER_EVERY = 0.2
"""Seconds between deliveries of webhooks."""


def _ends(transport: asyncio.Transport) -> Any:
    return transport.get_extra_info("peername"), transport.get_extra_info("sockname")


class _Protocol(H11Protocol):
    """uvicorn's protocol, plus a note of each connection's transport, to let faults break it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        _transports[_ends(transport)] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        _transports.pop(_ends(self.transport), None)
        super().connection_lost(exc)


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


def config(sandbox: Sandbox, **settings: Any) -> uvicorn.Config:
    """uvicorn's settings for *sandbox*."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            breaker = _breaker((scope.get("client"), scope.get("server")))
            scope["extensions"] = {**cast("dict[str, Any]", scope.get("extensions") or {}), BREAK: breaker}
        await sandbox(scope, receive, send)

    defaults: dict[str, Any] = {
        "http": _Protocol,
        "ws": "none",
        "date_header": False,  # the sandbox sends its own Date
        "lifespan": "on",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": 1,
    }
    return uvicorn.Config(application, **{**defaults, **settings})


async def _deliver(sandbox: Sandbox) -> None:
    while True:
        await sandbox.webhooks.deliver()
        await asyncio.sleep(DELIVER_EVERY)


@contextlib.asynccontextmanager
async def serve(sandbox: Sandbox, port: int = 0) -> AsyncGenerator[str]:
    """Serve *sandbox* on 127.0.0.1 while the block runs (asyncio only); yields the base URL for clients.

    With *port* 0, a free one is used.
    """
    # With a named protocol, asyncio switches off Nagle's algorithm, which would delay responses by 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        server = _Server(config(sandbox))
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
            await asyncio.shield(task)
    finally:
        listener.close()
