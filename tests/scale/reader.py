"""A process that uploads the same input as others: `python -m tests.scale.reader URL REDIS ROWS`.

It prints how many rows it did itself, and how many outcomes it had in all.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator

from kombo_async import AsyncKomboClient, ats
from kombo_async.bulk import Row
from kombo_async.bulk.redis import RedisJournal
from tests.support.wire import API_KEY


def rows(number: int) -> Iterator[Row]:
    """So many applications, the same ones each time."""
    for index in range(number):
        candidate = ats.CandidateInput(first_name="A", last_name="B", email_address=f"{index}@example.com")
        yield Row(ats.CreateApplication(job_id="job", candidate=candidate), integration_id=f"greenhouse:{index % 5}")


async def upload(url: str, redis_url: str, number: int) -> dict[str, int]:
    """Upload all rows that nobody else has taken."""
    did = outcomes = 0
    async with AsyncKomboClient(API_KEY, base_url=url) as kombo:
        journal = RedisJournal(redis_url, job="upload")
        print("ready", flush=True)  # noqa: T201
        sys.stdin.readline()  # all begin together
        async with kombo.bulk(rows(number), journal=journal) as run:
            async for outcome in run:
                assert outcome.result == "done", outcome
                did += not outcome.earlier
                outcomes += 1
    return {"did": did, "outcomes": outcomes}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(upload(sys.argv[1], sys.argv[2], int(sys.argv[3])))))  # noqa: T201
