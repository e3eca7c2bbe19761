"""A process of its own that sends actions through shared limits: `python -m tests.scale.uploader URL REDIS NUMBER`.

It prints what they came to, by class, and the longest call in seconds.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter

from redis.asyncio import Redis

from kombo_async import AsyncKomboClient, SharedLimits
from tests.support.calls import CREATE
from tests.support.wire import API_KEY, INTEGRATION


async def upload(url: str, redis_url: str, number: int) -> dict[str, object]:
    """Send *number* actions at once."""
    outcomes: Counter[str] = Counter()
    longest = 0.0
    redis = Redis.from_url(redis_url)

    async def create() -> None:
        nonlocal longest
        start = time.monotonic()
        outcomes[type(await kombo.send(CREATE)).__name__] += 1
        longest = max(longest, time.monotonic() - start)

    async with (
        SharedLimits(redis, lease=2.0) as limits,
        AsyncKomboClient(API_KEY, integration_id=INTEGRATION, base_url=url, limits=limits) as kombo,
        asyncio.TaskGroup() as calls,
    ):
        print("ready", flush=True)  # noqa: T201
        for _ in range(number):
            calls.create_task(create())
    await redis.aclose()
    return {**outcomes, "longest": longest}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(upload(sys.argv[1], sys.argv[2], int(sys.argv[3])))))  # noqa: T201
