"""The sandbox's clock: real time, until a test moves or stops it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

_LATEST = datetime(9999, 1, 1, tzinfo=UTC).timestamp()


class Clock:
    """Tells the time to everything in the sandbox: records, syncs, rate limits.

    Waiting (latency, slow answers) takes real time, whatever this clock says.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._offset = 0.0 if start is None else start.timestamp() - time.time()
        self._stopped_at: float | None = None

    def time(self) -> float:
        """Seconds since 1970."""
        return time.time() + self._offset if self._stopped_at is None else self._stopped_at

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.fromtimestamp(self.time(), UTC)

    def stamp(self) -> str:
        """The time as Kombo writes it."""
        return stamp(self.now())

    def advance(self, seconds: float) -> None:
        """Move the clock forward, or back where *seconds* is negative.

        Raises `ValueError` for times outside of the years 1970 to 9999.
        """
        if not 0 <= self.time() + seconds <= _LATEST:  # nor is NaN
            raise ValueError(f"advance: {seconds!r} seconds lead out of the years 1970 to 9999")
        if self._stopped_at is None:
            self._offset += seconds
        else:
            self._stopped_at += seconds

    def set(self, when: datetime) -> None:
        """Move the clock to *when*."""
        self.advance(when.timestamp() - self.time())

    def stop(self) -> None:
        """Stop the clock: it moves by `advance` and `set` alone."""
        self._stopped_at = self.time()

    def go(self) -> None:
        """Let a stopped clock go on."""
        if self._stopped_at is not None:
            self._offset, self._stopped_at = self._stopped_at - time.time(), None


def stamp(when: datetime) -> str:
    """*when* as Kombo writes it, `2026-05-19T08:30:00.000Z`: such strings sort by time."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def day(when: datetime) -> str:
    """The day of *when* as Kombo writes dates of birth, of entry and the like: its midnight in UTC."""
    return f"{when:%Y-%m-%d}T00:00:00.000Z"


def parse(text: str) -> datetime:
    """A time (or date) of a request. Raises `ValueError` for what is none."""
    when = datetime.fromisoformat(text)
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)


def days(count: float) -> timedelta:
    """*count* days."""
    return timedelta(days=count)
