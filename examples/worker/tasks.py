"""The workers of an upload: start as many as you like, on any number of machines.

    taskiq worker tasks:broker --app-dir examples/worker --workers 1
    taskiq scheduler tasks:scheduler --app-dir examples/worker      (one; for integrations whose first sync still runs)

They need KOMBO_API_KEY and REDIS_URL. Each row is done once, whatever becomes of the workers: the journal in Redis,
which all of them share, knows each row that was sent.
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import timedelta

from redis.asyncio import Redis
from taskiq import TaskiqScheduler
from taskiq_redis import ListQueueBroker, ListRedisScheduleSource

from kombo_async import AsyncKomboClient, SharedLimits, SyncPending, ats
from kombo_async.bulk import Row
from kombo_async.bulk.redis import RedisJournal
from kombo_async.contrib.taskiq import WORKER_CLIENT, SyncPendingLater, use_kombo

REDIS_URL = os.environ.get("REDIS_URL", "redis://localhost:6379/0")
LEASE = float(os.environ.get("LEASE", "30"))
"""Seconds after which a worker that is not heard of counts as dead, and others take over its rows."""
RESEND_AFTER = timedelta(seconds=float(os.environ["RESEND_AFTER"])) if "RESEND_AFTER" in os.environ else None
"""How long after it was sent an application surely shows in Kombo's lists, if it was made; unset says nothing."""
REPLY_TIMEOUT = 15.0
"""Seconds to wait for a reply from Redis: a busy worker may be late to read it."""

schedules = ListRedisScheduleSource(REDIS_URL, socket_timeout=REPLY_TIMEOUT)
# A worker waits for its next task inside a single command: with a time limit (redis-py's default is 5 s), an idle one
# would end with a TimeoutError.
broker = ListQueueBroker(REDIS_URL, socket_timeout=None).with_middlewares(SyncPendingLater(schedules))
scheduler = TaskiqScheduler(broker, [schedules])
redis: Redis = Redis.from_url(REDIS_URL, socket_timeout=REPLY_TIMEOUT)  # pyright: ignore[reportUnknownMemberType] - redis leaves its options untyped
use_kombo(broker, limits=SharedLimits(redis, lease=LEASE))


def journal(job: str) -> RedisJournal:
    """The journal of an upload."""
    return RedisJournal(REDIS_URL, job=job, lease=LEASE)


def application(row: dict[str, str]) -> Row:
    """The request for a row of the input, and what it is known by."""
    return Row(
        ats.CreateApplication(
            job_id=row["job_id"],
            candidate=ats.CandidateInput(
                first_name=row["first_name"], last_name=row["last_name"], email_address=row["email"]
            ),
        ),
        key=row["id"],
        integration_id=row["integration_id"],
    )


@broker.task
async def upload(job: str, rows: list[dict[str, str]], kombo: AsyncKomboClient = WORKER_CLIENT) -> dict[str, int]:
    """Send *rows* that have not been sent yet, and settle those that a dead worker was sending."""
    results = Counter[str]()
    pending: SyncPending | None = None
    requests = [application(row) for row in rows]
    async for outcome in kombo.bulk(requests, journal=journal(job), resend_after=RESEND_AFTER, settle_wait=10):
        results[outcome.result] += 1
        if isinstance(outcome.response, SyncPending):
            pending = outcome.response
    if pending is not None:
        pending.unwrap()  # raises it: this task is sent again later, and does what is left
    return dict(results)
