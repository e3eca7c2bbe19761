"""Events that have been handled, in Redis: for several processes that receive webhooks (extra `[redis]`, asyncio only).

The journal of bulk uploads in Redis is `kombo_async.bulk.redis.RedisJournal`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from kombo_async._lazy import missing_extra

try:
    from redis.asyncio import Redis
except ModuleNotFoundError as _error:
    raise missing_extra(_error, "redis", "redis") from None

from kombo_async.webhooks._deduplication import EventStatus

_BUSY, _DONE = "busy", "done"


class RedisEventDeduplicator:
    """For `Receiver(deduplicator=...)`: an event is handled once by all processes together.

    Args:
        redis: Your client, which stays open.
        busy_for: After how long an event counts as new again whose handling did not end; longer than any handler takes.
        kept_for: For how long an event that was handled is known.
        prefix: What the names of its keys begin with.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        busy_for: timedelta = timedelta(minutes=5),
        kept_for: timedelta = timedelta(days=7),
        prefix: str = "kombo:event:",
    ) -> None:
        self._redis: Any = redis  # its own types are for two kinds of clients at once
        self._busy_for = busy_for
        self._kept_for = kept_for
        self._prefix = prefix

    async def begin(self, event_id: str) -> EventStatus:
        """See `EventDeduplicator.begin`."""
        name = self._prefix + event_id
        if await self._redis.set(name, _BUSY, nx=True, px=self._busy_for):
            return "new"
        return "done" if await self._redis.get(name) in (_DONE, _DONE.encode()) else "busy"

    async def finish(self, event_id: str) -> None:
        """See `EventDeduplicator.finish`."""
        await self._redis.set(self._prefix + event_id, _DONE, px=self._kept_for)

    async def abandon(self, event_id: str) -> None:
        """See `EventDeduplicator.abandon`."""
        await self._redis.delete(self._prefix + event_id)
