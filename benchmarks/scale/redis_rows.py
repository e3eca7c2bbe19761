"""Rows through a journal in Redis, without Kombo's part.

`python -m benchmarks.scale.redis_rows REDIS ROWS TASKS NUMBER`.

Prints, as JSON, how many were done, when it began and ended, seconds of CPU, and connections to Redis.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator
from email.utils import formatdate
from itertools import count

import httpx

from kombo_async import AsyncKomboClient, ats
from kombo_async.bulk import Row
from kombo_async.bulk.redis import RedisJournal
from tests.support.wire import APPLICATION

NUMBERS = count()
MADE = json.dumps({"status": "success", "data": APPLICATION, "warnings": []}).encode()
HEADERS = {"Content-Type": "application/json", "Concurrency-Limit": "1000", "Concurrency-Remaining": "900"}


async def answer(request: httpx.Request) -> httpx.Response:
    """Say at once that it was made."""
    made = MADE.replace(APPLICATION["id"].encode(), b"%d.%d" % (os.getpid(), next(NUMBERS)))
    return httpx.Response(200, content=made, headers={**HEADERS, "Date": formatdate(usegmt=True)})


def rows(number: int, name: str) -> Iterator[Row]:
    """So many applications."""
    for index in range(number):
        candidate = ats.CandidateInput(first_name="A", last_name="B", email_address=f"{name}.{index}@example.com")
        yield Row(ats.CreateApplication(job_id="job", candidate=candidate), integration_id=f"greenhouse:{index % 5}")


async def main(address: str, number: int, tasks: int, name: str) -> None:
    """Upload, and print how it went."""
    from redis.asyncio import Redis

    done = 0
    async with (
        AsyncKomboClient("key", transport=httpx.MockTransport(answer)) as kombo,
        Redis.from_url(address) as redis,
    ):

        async def run(task: int) -> None:
            nonlocal done
            each = rows(number, f"{name}.{task}")
            async with kombo.bulk(each, journal=RedisJournal(address, job="upload")) as outcomes:
                async for outcome in outcomes:
                    done += outcome.result == "done"

        connections = 0

        async def watch() -> None:
            nonlocal connections
            while True:
                connections = max(connections, len(await redis.client_list()) - 1)
                await asyncio.sleep(0.5)

        watching = asyncio.create_task(watch())
        start, busy = time.time(), time.process_time()
        await asyncio.gather(*(run(task) for task in range(tasks)))
        end, used = time.time(), time.process_time() - busy
        watching.cancel()
    sys.stdout.write(json.dumps({"done": done, "start": start, "end": end, "cpu": used, "connections": connections}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
