"""A cancellation is heeded even if the library that was awaited loses it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import anyio
import anyio.lowlevel
import pytest

from kombo_async._cancellation import unless_cancelled


async def lose_a_cancellation() -> str:
    """Return a result although cancelled, as `asyncio.wait_for` may on Python 3.11."""
    with suppress(asyncio.CancelledError):
        await asyncio.sleep(60)
    return "a result"


def test_a_lost_cancellation_ends_the_task() -> None:
    """The task ends as cancelled."""

    async def scene() -> None:
        task = asyncio.create_task(unless_cancelled(lose_a_cancellation()))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task], timeout=10)
        assert task.cancelled()

    asyncio.run(scene())


def test_a_lost_timeout_is_a_timeout() -> None:
    """`asyncio.timeout` ends what it is around, and only that."""

    async def scene() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await unless_cancelled(lose_a_cancellation())
        await asyncio.sleep(0)

    asyncio.run(scene())


def test_a_scope_of_anyio_ends() -> None:
    """`move_on_after` of anyio moves on, and the task goes on after it."""

    async def scene() -> None:
        with anyio.move_on_after(0.01) as scope:
            await unless_cancelled(lose_a_cancellation())
        assert scope.cancelled_caught
        await anyio.lowlevel.checkpoint()

    asyncio.run(scene())


def test_a_result_without_a_cancellation_is_returned() -> None:
    """Also in a task that was cancelled before, and is cleaning up."""

    async def scene() -> None:
        results = []

        async def work() -> None:
            try:
                await asyncio.sleep(60)
            finally:
                results.append(await unless_cancelled(asyncio.sleep(0, "a result")))

        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task], timeout=10)
        assert results == ["a result"]

    asyncio.run(scene())
