"""The ASGI side: read a call, send its response, and break the connection if a fault says so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from email.utils import formatdate
from functools import lru_cache
from typing import Any, TypeAlias, cast

from kombo_async.sandbox._api.answers import failure
from kombo_async.sandbox._api.hosts import is_local
from kombo_async.sandbox._server.core import SandboxCore
from kombo_async.sandbox._server.pipeline import Incoming, Outgoing, process
from kombo_async.sandbox._state.clock import Clock
from kombo_async.sandbox._state.refusals import Refusal

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

BREAK = "kombo_async.sandbox.break"
"""The entry in `scope["extensions"]` with the function that breaks the connection, if the server has one."""
_WRONG_HOST = Refusal(
    400,
    None,
    "Host: unknown host name; if it is yours, pass it in Sandbox(hosts=...).",
    title="Unknown host",
)
SLICES = 10
"""How many parts a slow body is sent in."""


class ConnectionBroken(Exception):
    """Raised by the application to break a connection that it cannot access."""


class CallerGone(Exception):
    """Raised when the caller disconnects in the middle of the body."""


async def answer_call(sandbox: SandboxCore, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a call to the API."""
    raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
    headers = _headers(scope)
    if not is_local(headers.get("host", ""), sandbox.hosts):
        await _send(Outgoing(failure(_WRONG_HOST, None)), scope, receive, send, sandbox.clock)
        return
    try:
        body = await read_body(receive)
    except CallerGone:  # half a body is not a request
        return
    incoming = Incoming(
        method=scope["method"],
        path=raw_path.partition(b"?")[0].decode("latin-1").removeprefix("/v1"),
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        body=body,
        root=f"{scope.get('scheme', 'http')}://{headers.get('host', 'localhost')}",
    )
    await _send(await process(sandbox, incoming), scope, receive, send, sandbox.clock)


def _headers(scope: Scope) -> dict[str, str]:
    """The headers by name; a repeated header has all of its values, separated by commas."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _date(clock: Clock) -> tuple[bytes, bytes]:
    """The `Date` header of a response, by the sandbox's clock."""
    return b"date", _format_date(int(clock.time()))


@lru_cache(maxsize=10)
def _format_date(seconds: int) -> bytes:
    return formatdate(seconds, usegmt=True).encode("ascii")


async def read_body(receive: Receive) -> bytes:
    """The whole body of a request. Raises `CallerGone` if it is incomplete."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CallerGone
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _send(outgoing: Outgoing, scope: Scope, receive: Receive, send: Send, clock: Clock) -> None:
    answer, fault = outgoing.answer, outgoing.fault
    connection = None if fault is None else fault.connection
    if connection == "hang":
        await until_gone(receive)
        return
    if connection in ("reset", "close"):
        await _break(scope, receive, connection)
        return
    headers = [_date(clock), *answer.raw_headers()]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if fault is None or not (fault.slow or connection == "cut"):
        await send({"type": "http.response.body", "body": answer.body})
        return
    length = len(answer.body)
    whole = length // 2 if connection == "cut" else length
    for place in range(SLICES):
        await clock.sleep(fault.slow / SLICES)
        part = answer.body[whole * place // SLICES : whole * (place + 1) // SLICES]
        last = place == SLICES - 1 and connection != "cut"
        await send({"type": "http.response.body", "body": part, "more_body": not last})
    if connection == "cut":
        await _break(scope, receive, "close")


async def until_gone(receive: Receive) -> None:
    """Wait until the caller has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _break(scope: Scope, receive: Receive, how: str) -> None:
    extensions = cast("Mapping[str, Any]", scope.get("extensions") or {})
    breaker: Callable[[str], None] | None = extensions.get(BREAK)
    if breaker is None:
        raise ConnectionBroken("the sandbox was told to break this connection")
    breaker(how)
    await until_gone(receive)  # else the server would complain that no answer came
