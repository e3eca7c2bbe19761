"""A process that makes many actions at once: `python -m tests.failures.uploader URL NUMBER`.

It prints what they came to, by class.
"""

from __future__ import annotations

import json
import sys
from collections import Counter

import anyio

from kombo_async import AsyncKomboClient, RetryPolicy
from tests.support.calls import CREATE
from tests.support.wire import API_KEY, INTEGRATION

RETRY = RetryPolicy(attempts=30)
"""On a busy machine, the processes run in bursts, and one action may well be refused four times."""


async def upload(url: str, number: int) -> Counter[str]:
    """Make *number* actions at once; how often they came to what."""
    outcomes: Counter[str] = Counter()

    async def create() -> None:
        outcomes[type(await kombo.send(CREATE)).__name__] += 1

    async with (
        AsyncKomboClient(API_KEY, integration_id=INTEGRATION, base_url=url, retry=RETRY) as kombo,
        anyio.create_task_group() as calls,
    ):
        for _ in range(number):
            calls.start_soon(create)
    return outcomes


if __name__ == "__main__":
    print(json.dumps(anyio.run(upload, sys.argv[1], int(sys.argv[2]))))  # noqa: T201
