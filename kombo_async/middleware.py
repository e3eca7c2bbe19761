"""The types for your own middleware: a `Call` goes in, a `Response` comes out.

A middleware is an async function (or an object with `__call__`) of a call and the rest of the chain::

    async def timed(call: Call, call_next: Next) -> Response[Any]:
        start = time.perf_counter()
        response = await call_next(call)
        metrics.timing(call.operation.id, time.perf_counter() - start)
        return response

It may change the call (`attrs.evolve`), return a response of its own, or inspect the response. Every response is
returned, 4xx and 5xx too; only a missing one raises (`NoResponse`). It must not store anything about a single call.

`AsyncKomboClient(middleware=...)` puts it around each call, retries and waits included;
`attempt_middleware=` around each attempt, once the attempt may be sent. Neither sees the API key.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeAlias

import attrs

from kombo_async._codec.encode import Encoded
from kombo_async.options import RetryPolicy
from kombo_async.request import Operation, Request
from kombo_async.response import Response


@attrs.frozen(kw_only=True)
class Call:
    """One call in progress: immutable, replaced by a changed copy."""

    request: Request[Any]
    integration_id: str | None
    headers: Mapping[str, str] = attrs.field(repr=False)
    """The headers to send; the client's own are added on the way."""
    timeout: float
    """Seconds for each attempt."""
    deadline: float | None
    """When the whole call must end, by the client's clock."""
    retry: RetryPolicy
    attempt: int = 1
    """The number of this attempt; the chain outside the retries always sees 1."""
    encoded: Encoded | None = attrs.field(default=None, repr=False)
    """The request as it goes over the wire; None until the chain has encoded it."""
    attempt_middleware: tuple[Middleware, ...] = attrs.field(default=(), repr=False)
    """Steps around each attempt of this call, the first outermost."""
    before_write: Callable[[], None] | None = attrs.field(default=None, repr=False)
    """Called right before an attempt writes to the network, each time; with your own transport, once before it.

    If it raises, the bytes are not sent, the connection is closed, and the attempt raises the same.
    """

    @property
    def operation(self) -> Operation:
        """What the request does."""
        return self.request.operation


Next: TypeAlias = Callable[[Call], Awaitable[Response[Any]]]


class Middleware(Protocol):
    """One step of the chain."""

    async def __call__(self, call: Call, call_next: Next) -> Response[Any]:
        """Return the response to *call*, usually from `await call_next(call)`."""
        ...
