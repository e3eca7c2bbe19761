"""Compose middleware into a chain."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from functools import partial
from typing import Any, Protocol

from kombo_async.middleware import Call, Next
from kombo_async.response import Response


class Step(Protocol):
    """A middleware, or a plain function that returns what the next step does: one coroutine less in each call."""

    def __call__(self, call: Call, call_next: Next) -> Awaitable[Response[Any]]:
        """Answer *call*."""
        ...


def compose(send: Next, chain: Sequence[Step]) -> Next:
    """Wrap *send* in *chain*; the first step ends up outermost."""
    for step in reversed(chain):
        send = partial(step, call_next=send)
    return send


def around_attempt(call: Call, call_next: Next) -> Awaitable[Response[Any]]:
    """Answer *call* through its own `attempt_middleware`."""
    return compose(call_next, call.attempt_middleware)(call) if call.attempt_middleware else call_next(call)
