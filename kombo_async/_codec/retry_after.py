"""How long Kombo asks to wait: the `Retry-After` and `ratelimit-*` headers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

_SECONDS = re.compile(r"[0-9]{1,15}(\.[0-9]*)?")


def retry_after(value: str | None, *, now: datetime | None = None) -> float | None:
    """Seconds to wait according to a `Retry-After` header: seconds or an HTTP date (RFC 9110, 10.2.3).

    None if there is no header or it makes no sense; a date in the past is 0.
    """
    if value is None:
        return None
    value = value.strip()
    if _SECONDS.fullmatch(value):
        return float(value)
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None  # documented to raise only ValueError, but does not for every text
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def asked_to_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: by `Retry-After`, otherwise until the window of an exhausted rate limit ends."""
    asked = retry_after(headers.get("retry-after"))
    return reset_after(headers) if asked is None else asked


def reset_after(headers: Mapping[str, str]) -> float | None:
    """Seconds until `ratelimit-reset` when `ratelimit-remaining` is 0; None while requests are left."""
    if headers.get("ratelimit-remaining") != "0":
        return None
    return retry_after(headers.get("ratelimit-reset"))
