"""How long to wait before the next attempt: pure arithmetic."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime


def backoff(
    retry: int, *, initial: float, maximum: float, jitter: bool, rand: Callable[[], float] = random.random
) -> float:
    """Seconds before retry number *retry* (from 1): doubling from *initial* to *maximum*, with full jitter.

    Full jitter draws evenly between nothing and the whole, so that clients that failed together do not return together.
    """
    whole = min(maximum, initial * 2.0 ** min(retry - 1, 60))
    return whole * rand() if jitter else whole


def retry_after(value: str | None, *, now: datetime | None = None) -> float | None:
    """Seconds to wait by a `Retry-After` header, which holds seconds or an HTTP date (RFC 9110, 10.2.3).

    None where there is no header or it makes no sense; a date in the past is 0.
    """
    if value is None:
        return None
    value = value.strip()
    try:
        seconds = float(value)
    except ValueError:
        pass
    else:
        return seconds if 0 <= seconds < float("inf") else None
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None  # it promises ValueError alone, and does not keep that for every text
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
