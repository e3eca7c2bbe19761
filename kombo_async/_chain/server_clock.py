"""The server's clock: what time it is at Kombo, from the `Date` of its answers.

Clocks of machines differ and step, so no time that two machines compare comes from one of ours. Each answer tells
within which bounds the server's clock is ahead of this process's monotonic one; together they narrow them.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
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
"""A `Date` is cut to whole seconds."""
ASK_EVERY = 30.0
"""Seconds between two questions for the time to a server that does not tell it."""


@attrs.define
class ServerClock:
    """Turns moments of this process into times of the server. Used as a middleware around each attempt, it learns."""

    clock: Clock
    _least: float = float("-inf")
    _most: float = float("inf")
    """The server's seconds since 1970 less this process's monotonic ones lie between these two."""
    _ask_again: float = float("-inf")
    _asking: anyio.Lock = attrs.field(factory=anyio.Lock)

    @property
    def known(self) -> bool:
        """Whether an answer has told the time."""
        return self._most != float("inf")

    async def ask(self, kombo: AsyncKomboClient) -> None:
        """Have the server tell the time, unless it has already; where it does not, ask again after a while."""
        if self.known:
            return
        async with self._asking:
            if self.known or self.clock.time() < self._ask_again:
                return
            with suppress(KomboError):  # its answer teaches; that it fails teaches nothing
                await kombo.send(CheckApiKey(), retry=RetryPolicy.none())
            self._ask_again = self.clock.time() + ASK_EVERY

    async def __call__(self, call: Call, call_next: Next) -> Response[Any]:
        """Answer *call*, and learn from the answer."""
        begun = self.clock.time()
        response = await call_next(call)
        self.learn(response.raw_response.headers, begun, self.clock.time())
        return response

    def learn(self, headers: Mapping[str, str], begun: float, ended: float) -> None:
        """Take in the `Date` of an answer to a request that began and ended at these moments."""
        date = None if "age" in headers else _time(headers.get("date"))  # with an age, it is a cache's copy
        if date is None:
            return
        least, most = date - ended, date + RESOLUTION - begun
        self._least, self._most = max(self._least, least), min(self._most, most)
        if self._least > self._most:  # the server's clock has stepped, or it is another server
            self._least, self._most = least, most

    def earliest(self, moment: float) -> datetime | None:
        """The earliest that the server's clock may have shown at *moment*; None while nothing is known of it."""
        return datetime.fromtimestamp(moment + self._least, UTC) if self.known else None

    def latest(self, moment: float) -> datetime | None:
        """The latest that the server's clock may have shown at *moment*; None while nothing is known of it."""
        return datetime.fromtimestamp(moment + self._most, UTC) if self.known else None

    def has_passed(self, since: datetime, span: timedelta) -> bool:
        """Whether *span* has certainly passed on the server's clock since it showed *since*."""
        now = self.earliest(self.clock.time())
        return now is not None and now - since >= span


@lru_cache(maxsize=16)
def _time(date: str | None) -> float | None:
    try:
        return None if date is None else parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, OverflowError, OSError):
        return None
