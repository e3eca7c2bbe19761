"""Compose middleware into a chain."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from kombo_async.middleware import Call, Middleware, Next
from kombo_async.response import Response


def compose(send: Next, chain: Sequence[Middleware]) -> Next:
    """Wrap *send* in *chain*; the first step ends up outermost."""
    for step in reversed(chain):
        send = partial(step, call_next=send)
    return send


async def around_attempt(call: Call, call_next: Next) -> Response[Any]:
    """Answer *call* through its own `attempt_middleware`."""
    return await (compose(call_next, call.attempt_middleware)(call) if call.attempt_middleware else call_next(call))
