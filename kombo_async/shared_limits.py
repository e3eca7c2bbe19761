"""Limits that any number of processes share exactly, through Redis (extra `[redis]`, asyncio only)."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from kombo_async._cancellation import unless_cancelled
from kombo_async._shared_limits_scripts import ACQUIRE, RELEASE, RENEW

if TYPE_CHECKING:
    from redis.asyncio import Redis

logger: logging.Logger = logging.getLogger("kombo_async.shared_limits")

DOCUMENTED_LIMIT = 30
"""How many actions Kombo runs at once per integration, until it says otherwise."""
LONGEST_POLL = 1.0
"""Seconds after which a waiting process asks again, in case a message was lost."""
MARGIN = 0.8
"""The part of a lease in which an action may still be sent; later, others may have its place."""
_SCRIPTS: Mapping[str, str] = {"acquire": ACQUIRE, "release": RELEASE, "renew": RENEW}


class SharedLimits:
    """Shares each integration's places for actions among all processes that use the same Redis::

        async with SharedLimits(redis) as limits, AsyncKomboClient(limits=limits) as kombo: ...

    Each place is used by one process at a time, the process that has waited longest is next, and the places of one that
    died are free again after *lease* seconds, by the server's clock. How many places there are is what Kombo says
    (`Concurrency-Limit`), 30 to begin with. While Redis cannot be reached, a client finds its share by itself, and logs
    that: at worst, Kombo refuses an action, which does no harm.

    Args:
        redis: Your client (`redis.asyncio.Redis`), which stays open. Waiting takes one connection of its pool.
        lease: Seconds after which the places of a silent process become free.
        prefix: The prefix of its keys; use a different one for each Kombo environment.

    Raises:
        ValueError: The lease is shorter than a second.
    """

    def __init__(self, redis: Redis, *, lease: float = 15.0, prefix: str = "kombo:limits") -> None:
        if lease < 1:
            raise ValueError("lease: must be at least 1 second")
        self.lease: float = lease
        self._redis: Any = redis
        self._prefix = prefix
        self._process = uuid.uuid4().hex
        self._numbers = 0
        self._held: dict[str, dict[str, float]] = {}
        self._turns: dict[str, asyncio.Event] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = asyncio.Event()
        self._scripts = {name: redis.register_script(text) for name, text in _SCRIPTS.items()}

    def __repr__(self) -> str:
        return f"SharedLimits(prefix={self._prefix!r}, lease={self.lease})"

    async def __aenter__(self) -> SharedLimits:
        self._start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Stop renewing, and give all places back."""
        tasks, self._tasks = self._tasks, []
        self._closing.set()
        if tasks:  # the listener waits inside the Redis client, which may lose a cancellation
            with suppress(Exception):
                await self._redis.rpush(self._wake(self._process), "")
            await asyncio.gather(*tasks)
        for integration_id, held in list(self._held.items()):
            for place in list(held):
                await self.release(integration_id, place, wanted=0)

    async def acquire(self, integration_id: str, *, wanted: int) -> str:
        """Wait for a place; per integration, one caller of this process waits at a time.

        *wanted* is how many callers of this process want one, this one included.

        Raises:
            redis.RedisError: Redis cannot be reached.
        """
        self._start()
        self._numbers += 1
        place = f"{self._process}:{self._numbers}"
        turn = self._turns.setdefault(integration_id, asyncio.Event())
        loop = asyncio.get_running_loop()
        try:
            while True:
                turn.clear()
                asked = loop.time()
                if await self._run("acquire", integration_id, place, wanted):
                    self._held.setdefault(integration_id, {})[place] = asked
                    return place
                await _wait(turn, LONGEST_POLL)
        except asyncio.CancelledError:  # the place may have been granted by a reply that never arrived
            await asyncio.shield(self._give_back(integration_id, place, wanted - 1))
            raise

    async def release(self, integration_id: str, place: str, *, wanted: int) -> None:
        """Give *place* back; *wanted* is how many callers of this process still want one."""
        if self._held.get(integration_id, {}).pop(place, None) is not None:
            await self._give_back(integration_id, place, wanted)

    def holds(self, integration_id: str, place: str) -> bool:
        """Whether *place* is certainly still this process's: renewed within its lease, by the monotonic clock."""
        renewed = self._held.get(integration_id, {}).get(place)
        return renewed is not None and asyncio.get_running_loop().time() - renewed < MARGIN * self.lease

    async def tell(self, integration_id: str, limit: int) -> None:
        """Apply a `Concurrency-Limit` from Kombo."""
        with suppress(Exception):
            await unless_cancelled(self._redis.set(self._key(integration_id, "limit"), limit, ex=86_400))

    async def _give_back(self, integration_id: str, place: str, wanted: int) -> None:
        try:
            await self._run("release", integration_id, place, wanted)
        except Exception as error:
            logger.warning(
                "a place could not be released; it becomes free when its lease ends: %s", type(error).__name__
            )

    async def _run(self, script: str, integration_id: str, *arguments: str | int) -> Any:
        keys = [self._key(integration_id, part) for part in ("places", "waiting", "limit", "seen")]
        fixed: list[str | int] = [
            self._process,
            int(self.lease * 1000),
            DOCUMENTED_LIMIT,
            self._wake(""),
            integration_id,
        ]
        return await unless_cancelled(self._scripts[script](keys=keys, args=[*fixed, *arguments]))

    def _key(self, integration_id: str, part: str) -> str:
        return f"{self._prefix}:{{{integration_id}}}:{part}"

    def _wake(self, process: str) -> str:
        return f"{self._prefix}:wake:{process}"

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        if self._tasks and self._tasks[0].get_loop() is not loop:
            self._tasks, self._held, self._turns = [], {}, {}  # from an event loop that is gone
        if not self._tasks:
            self._closing = asyncio.Event()
            self._tasks = [loop.create_task(self._renew()), loop.create_task(self._listen())]

    async def _renew(self) -> None:
        """Renew this process's places, three times per lease."""
        loop = asyncio.get_running_loop()
        while not await self._closes_within(self.lease / 3):
            for integration_id, held in list(self._held.items()):
                if not held:
                    continue
                asked = loop.time()
                try:
                    kept = await self._run("renew", integration_id, *held)
                except Exception as error:
                    logger.warning("cannot renew places in Redis: %s", type(error).__name__)
                    continue
                held.update({name: asked for name in map(_text, kept) if name in held})

    async def _closes_within(self, seconds: float) -> bool:
        await _wait(self._closing, seconds)
        return self._closing.is_set()

    async def _listen(self) -> None:
        """Wake the caller that waits for an integration when another process gives a place back."""
        while not self._closing.is_set():
            try:
                message = await self._redis.blpop(self._wake(self._process), timeout=LONGEST_POLL)
            except Exception as error:
                logger.warning("cannot listen to Redis: %s", type(error).__name__)
                await self._closes_within(LONGEST_POLL)
                continue
            turn = self._turns.get(_text(message[1])) if message is not None else None
            if turn is not None:
                turn.set()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Wait for *event*, at most so long. (`asyncio.wait_for` loses cancellations on Python 3.11.)"""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
