"""A step of one task's own around each attempt, at the very end of the chain.

Bulk uploads use it to write down that a request is about to leave, once there is a place for it and not before.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from kombo_async.middleware import Call, Middleware, Next
from kombo_async.response import Response

innermost: ContextVar[Middleware | None] = ContextVar("kombo_async.innermost", default=None)
"""The step around each attempt of the calls that the current task makes."""


async def leaving(call: Call, call_next: Next) -> Response[Any]:
    """Answer *call*, through the current task's own step where it has one."""
    step = innermost.get()
    return await (call_next(call) if step is None else step(call, call_next))
