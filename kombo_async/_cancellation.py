"""Cancellation that other libraries lose."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import anyio.lowlevel

T = TypeVar("T")


async def unless_cancelled(reply: Awaitable[T]) -> T:
    """Await *reply* in a task of asyncio; raise `CancelledError` even if what is awaited lost a cancellation.

    On Python 3.11, `asyncio.wait_for` loses one that arrives together with the result
    (https://github.com/python/cpython/issues/86296), and redis-py sends each command through it.
    """
    requests = _requests()
    value = await reply
    if _requests() > requests:
        await anyio.lowlevel.checkpoint_if_cancelled()  # scopes of anyio cancel again, and know their own error
        raise asyncio.CancelledError
    return value


def _requests() -> int:
    task = asyncio.current_task()
    return task.cancelling() if task is not None else 0
