"""How long the connected system takes for an action."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import TypeAlias

import attrs

from kombo_async.sandbox._state.clock import duration

SHORTEST_MEDIAN = 1e-6


@attrs.frozen
class Latency:
    """A distribution of durations in seconds."""

    draw: Callable[[Random], float]
    """Draws one duration."""

    @classmethod
    def fixed(cls, seconds: float) -> Latency:
        """Always the same."""
        return cls(lambda _: seconds)

    @classmethod
    def uniform(cls, shortest: float, longest: float) -> Latency:
        """Any duration between the two, equally likely."""
        return cls(lambda random: random.uniform(shortest, longest))

    @classmethod
    def lognormal(cls, median: float, p95: float) -> Latency:
        """Like real systems: half of the calls take up to *median*, one in twenty longer than *p95*."""
        sigma = math.log(p95 / median) / 1.645  # the 95th percentile of the normal distribution
        return cls(lambda random: random.lognormvariate(math.log(median), sigma))


LatencyLike: TypeAlias = float | tuple[float, float] | Latency


def latency_of(value: LatencyLike, name: str = "latency") -> Latency | None:
    """The distribution for *value*: seconds, (median, p95) or a `Latency`; None for no wait.

    Raises `ValueError`, with *name*, for anything else.
    """
    if isinstance(value, Latency):
        return value
    if isinstance(value, list | tuple):
        pair = [duration(each, name) for each in value]
        if len(pair) != 2 or not SHORTEST_MEDIAN <= pair[0] <= pair[1]:
            raise ValueError(f"{name}: must be (median, 95th percentile), the first above 0 and not above the second")
        return Latency.lognormal(*pair)
    seconds = duration(value, name)
    return Latency.fixed(seconds) if seconds else None
