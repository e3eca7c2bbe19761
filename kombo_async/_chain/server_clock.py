"""The server's clock: what time it is at Kombo, from the `Date` header of its responses.

Machines' clocks differ and are adjusted, so times that two machines compare must not come from our own. Each response
gives bounds for how far the server's clock is ahead of this process's monotonic clock; together, responses narrow them.
Proof uses the outer bounds. A `Date` is taken to be the time of its response, truncated to the second, as HTTP defines.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import anyio
import attrs

from kombo_async._clock import Clock
from kombo_async.errors import KomboError
from kombo_async.general import CheckApiKey
from kombo_async.middleware import Call, Next
from kombo_async.options import RetryPolicy
from kombo_async.response import Response

if TYPE_CHECKING:
    from kombo_async.client import AsyncKomboClient

RESOLUTION = 1.0
"""A `Date` is truncated to whole seconds."""
ASK_EVERY = 30.0
"""Seconds between two questions for the time to a server that does not tell it."""
NARROW = 0.1
"""Seconds: once the server's time is known this exactly, no more requests are made for it."""
QUESTIONS = 4
"""How many requests are made for that at most."""
DRIFT = 0.0005
"""Seconds per second by which two clocks may drift apart while one of them is being corrected."""
MOST_SPREAD = 60.0
"""Seconds by which the servers behind one address may differ; anything more is a clock that was set."""


@attrs.define
class ServerClock:
    """Turns moments of this process into times of the server. Used as a middleware around each attempt, it learns."""

    clock: Clock
    _least: float = float("-inf")
    _most: float = float("inf")
    """The bounds, at `_told`, of the server's seconds since 1970 minus the seconds of this process's own clock."""
    _told: float = 0.0
    """When the last response came that told the time."""
    _spread: float = 0.0
    """Seconds by which responses have contradicted each other."""
    _is_narrowed: bool = False
    _ask_again: float = float("-inf")
    _asking: anyio.Lock = attrs.field(factory=anyio.Lock)

    @property
    def known(self) -> bool:
        """Whether a response has told the time."""
        return self._most != float("inf")

    async def ask(self, kombo: AsyncKomboClient) -> None:
        """Ask the server for the time unless it is known; if the response does not tell it, ask again after a while."""
        if self.known:
            return
        async with self._asking:
            if self.known or self.clock.time() < self._ask_again:
                return
            await self._question(kombo)
            self._ask_again = self.clock.time() + ASK_EVERY

    async def narrow(self, kombo: AsyncKomboClient) -> None:
        """Ask for the time around the moments when the server's second changes, to know it more exactly. Does so once.

        Takes about two seconds. Does nothing if no response has told the time yet.
        """
        async with self._asking:
            for _ in range(QUESTIONS):
                if self._is_narrowed or not self.known or self._most - self._least <= NARROW:
                    break
                middle = self.clock.time() + (self._least + self._most) / 2
                await self.clock.sleep(-middle % 1.0)
                if not await self._question(kombo):
                    return
            self._is_narrowed = self.known

    async def _question(self, kombo: AsyncKomboClient) -> bool:
        with suppress(KomboError):  # a failure has no `Date` to learn from, or was learned from already
            await kombo.send(CheckApiKey(), retry=RetryPolicy.none())
            return True
        return False

    async def __call__(self, call: Call, call_next: Next) -> Response[Any]:
        """Answer *call*, and learn from the response."""
        begun = self.clock.time()
        response = await call_next(call)
        self.learn(response.raw_response.headers, begun, self.clock.time())
        return response

    def learn(self, headers: Mapping[str, str], begun: float, ended: float) -> None:
        """Learn from the `Date` of the response to a request that began and ended at these moments."""
        date = None if "age" in headers else _time(headers.get("date"))  # with an age, it is a cache's copy
        if date is None:
            return
        parted = DRIFT * (ended - self._told)
        least, most = date - ended, date + RESOLUTION - begun
        self._least, self._most = max(self._least - parted, least), min(self._most + parted, most)
        self._told = ended
        gap = self._least - self._most
        if gap > 0:
            self._least, self._most = least, most
            if gap < MOST_SPREAD:
                self._spread = max(self._spread, gap)

    def earliest(self, moment: float) -> datetime | None:
        """The earliest that the server's clock may have shown at *moment*; None while nothing is known of it."""
        return datetime.fromtimestamp(moment + self._least - self._slack(moment), UTC) if self.known else None

    def latest(self, moment: float) -> datetime | None:
        """The latest that the server's clock may have shown at *moment*; None while nothing is known of it."""
        return datetime.fromtimestamp(moment + self._most + self._slack(moment), UTC) if self.known else None

    def bounds(
        self, moment: float, earliest: datetime | None, latest: datetime | None
    ) -> tuple[datetime | None, datetime | None]:
        """The bounds of the server's time at *moment*: those known then (*earliest*, *latest*) and those known now."""
        first, by = self.earliest(moment), self.latest(moment)
        if first is None or by is None or earliest is None or latest is None:
            return first or earliest, by or latest
        if first > latest or by < earliest:  # the server's clock was set since
            return min(first, earliest), max(by, latest)
        return max(first, earliest), min(by, latest)

    def _slack(self, moment: float) -> float:
        return self._spread + DRIFT * abs(moment - self._told)


@lru_cache(maxsize=16)
def _time(date: str | None) -> float | None:
    try:
        return None if date is None else parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, OverflowError, OSError):
        return None
