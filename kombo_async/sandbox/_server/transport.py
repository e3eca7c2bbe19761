"""The sandbox as an httpx transport: the same application, in the same process, without sockets."""

from __future__ import annotations

import math

import httpx

from kombo_async.sandbox._server.asgi import Application, ConnectionBroken, Message, Scope
from kombo_async.sandbox._state.clock import Clock


class SandboxTransport(httpx.ASGITransport):
    """Passes requests to the sandbox. Connections broken by faults raise httpx's exceptions, as over a socket.

    Connection timeouts, TLS and proxies are not involved; test those against `serve`.
    """

    def __init__(self, sandbox: Application, clock: Clock | None = None) -> None:
        super().__init__(sandbox)
        self._sandbox = sandbox
        self._clock: Clock = clock or getattr(sandbox, "clock", None) or Clock()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer *request*."""
        body = await request.aread()
        scope: Scope = {
            "type": "http",
            "http_version": "1.1",
            "method": request.method,
            "path": request.url.path,
            "raw_path": request.url.raw_path.partition(b"?")[0],
            "query_string": request.url.query,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "scheme": request.url.scheme,
            "client": ("127.0.0.1", 0),
            "server": (request.url.host, request.url.port),
        }
        waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[Message] = []

        async def receive() -> Message:
            if not waiting:
                await self._clock.sleep(
                    math.inf
                )  # a caller that goes away cancels this task, so there is no disconnect message
            return waiting.pop()

        async def send(message: Message) -> None:
            sent.append(message)

        try:
            await self._sandbox(scope, receive, send)
        except ConnectionBroken:
            if sent:
                raise httpx.RemoteProtocolError("the body was cut", request=request) from None
            raise httpx.ReadError("the connection was broken", request=request) from None
        start, *rest = sent
        content = b"".join(message.get("body", b"") for message in rest)
        return httpx.Response(start["status"], headers=start["headers"], content=content, request=request)
