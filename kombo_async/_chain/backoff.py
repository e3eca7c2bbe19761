"""How long to wait before the next attempt: pure arithmetic."""

from __future__ import annotations

import random
from collections.abc import Callable


def backoff(
    retry: int, *, initial_delay: float, max_delay: float, jitter: bool, rand: Callable[[], float] = random.random
) -> float:
    """Seconds before retry number *retry* (from 1): doubling from *initial_delay* to *max_delay*, with full jitter.

    Full jitter draws evenly between zero and the whole, which spreads out clients that failed together.
    """
    whole = min(max_delay, initial_delay * 2.0 ** min(retry - 1, 60))
    return whole * rand() if jitter else whole
