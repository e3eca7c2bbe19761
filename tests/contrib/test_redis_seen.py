"""Events that several processes receive, against a real Redis."""

from __future__ import annotations

from datetime import timedelta

import anyio
import pytest

pytest.importorskip("redis")

from redis.asyncio import Redis

from kombo_async.webhooks import EventBusy, Receiver
from kombo_async.webhooks.redis import RedisEventDeduplicator
from tests.support.redis_server import needs_redis, redis_server
from tests.support.webhook_events import DATA_CHANGED, SECRET, signed

pytestmark = [pytest.mark.anyio, needs_redis]


@pytest.fixture
def anyio_backend() -> str:
    """Redis's own client needs asyncio."""
    return "asyncio"


@pytest.mark.parametrize("decode", [False, True])
async def test_events_among_processes(decode: bool) -> None:
    """An event is new for one process, busy for the others until it is handled, and done from then on."""
    with redis_server() as url:
        async with Redis.from_url(url, decode_responses=decode) as redis:
            first, second = (RedisEventDeduplicator(redis, busy_for=timedelta(milliseconds=200)) for _ in range(2))
            assert await first.begin("1") == "new"
            assert await second.begin("1") == "busy"
            await first.abandon("1")
            assert await second.begin("1") == "new"
            await second.finish("1")
            assert await first.begin("1") == "done"
            assert await first.begin("2") == "new"
            await anyio.sleep(0.3)
            assert await second.begin("2") == "new"  # the process that had it has died


async def test_a_handler_that_outlives_its_time() -> None:
    """A process that took longer than `busy_for` cannot release or finish another's claim."""
    with redis_server() as url:
        async with Redis.from_url(url) as redis:
            seen = RedisEventDeduplicator(redis, busy_for=timedelta(milliseconds=50))
            assert await seen.begin("1", "slow") == "new"
            await anyio.sleep(0.1)
            others = RedisEventDeduplicator(redis)
            assert await others.begin("1", "next") == "new"
            await seen.abandon("1", "slow")
            assert await others.begin("1", "third") == "busy"
            await seen.finish("1", "slow")
            assert await others.begin("1", "third") == "busy"
            await others.finish("1", "next")
            await seen.abandon("1", "slow")
            assert await others.begin("1", "third") == "done"


async def test_receivers_that_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two receivers with one memory handle an event once."""
    with redis_server() as url:
        async with Redis.from_url(url) as redis:
            receivers = [Receiver(SECRET, deduplicator=RedisEventDeduplicator(redis)) for _ in range(2)]
            count = 0

            async def handle(event: object) -> None:
                nonlocal count
                count += 1
                with pytest.raises(EventBusy):
                    await receivers[1].receive(*signed(DATA_CHANGED))

            for receiver in receivers:
                receiver.on_any_other(handle)
            assert await receivers[0].receive(*signed(DATA_CHANGED)) == "handled"
            assert await receivers[1].receive(*signed(DATA_CHANGED)) == "duplicate"
            assert count == 1
