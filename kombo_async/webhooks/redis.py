"""Events that have been handled, in Redis: for several processes that receive webhooks (extra `[redis]`, asyncio only).

The journal of bulk uploads in Redis is `kombo_async.bulk.redis.RedisJournal`.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from kombo_async._cancellation import unless_cancelled
from kombo_async._lazy import missing_extra

try:
    from redis.asyncio import Redis
except ModuleNotFoundError as _error:
    raise missing_extra(_error, "redis", "redis") from None

from kombo_async.webhooks._deduplication import EventStatus

_DONE = "done"

_FINISH = """
local held = redis.call('GET', KEYS[1])
if held == false or held == ARGV[1] then redis.call('SET', KEYS[1], 'done', 'PX', ARGV[2]) end
"""
_ABANDON = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


class RedisEventDeduplicator:
    """For `Receiver(deduplicator=...)`: an event is handled once by all processes together.

    Args:
        redis: Your client, which stays open.
        busy_for: How long an event may be in handling before it counts as new again; must be longer than the receiver's
            `handler_timeout`.
        kept_for: How long handled events are remembered.
        prefix: The prefix of its keys.
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
        self._owner = uuid.uuid4().hex

    async def begin(self, event_id: str, owner: str = "") -> EventStatus:
        """See `EventDeduplicator.begin`."""
        name = self._prefix + event_id
        if await unless_cancelled(self._redis.set(name, self._claim(owner), nx=True, px=self._busy_for)):
            return "new"
        return "done" if await unless_cancelled(self._redis.get(name)) in (_DONE, _DONE.encode()) else "busy"

    async def finish(self, event_id: str, owner: str = "") -> None:
        """See `EventDeduplicator.finish`."""
        milliseconds = int(self._kept_for.total_seconds() * 1000)
        await unless_cancelled(self._redis.eval(_FINISH, 1, self._prefix + event_id, self._claim(owner), milliseconds))

    async def abandon(self, event_id: str, owner: str = "") -> None:
        """See `EventDeduplicator.abandon`."""
        await unless_cancelled(self._redis.eval(_ABANDON, 1, self._prefix + event_id, self._claim(owner)))

    def _claim(self, owner: str) -> str:
        return f"busy {owner or self._owner}"
