"""Virtual time: tests of schedules and simulations take no real time (trio's clock jumps when all tasks wait)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, TypeVar

import anyio
import httpx
import pytest
from trio.testing import MockClock

from kombo_async.mirror import SqliteStore

T = TypeVar("T")
EPOCH = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def anyio_backend() -> Any:
    """Each test has a clock of its own; import this into a module to have its tests on virtual time."""
    return "trio", {"clock": MockClock(autojump_threshold=0)}


def seconds() -> float:
    """The virtual time, in seconds since 1970."""
    return EPOCH.timestamp() + anyio.current_time()


def now() -> datetime:
    """The virtual time."""
    return datetime.fromtimestamp(seconds(), UTC)


class InlineStore(SqliteStore):
    """A SQLite store that works in the calling thread, since other threads take real time."""

    def __init__(self, path: str = ":memory:") -> None:
        super().__init__(path, now=seconds)

    async def _run(self, work: Callable[..., T], *args: Any) -> T:
        return work(*args)


def dated(response: httpx.Response) -> httpx.Response:
    """*response* with Kombo's time, which is the virtual one."""
    response.headers["Date"] = format_datetime(now(), usegmt=True)
    return response


def ago(time: datetime) -> timedelta:
    """How long ago *time* was."""
    return now() - time
