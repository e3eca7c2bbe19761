"""The chart of a report: rows per second, and seconds per row, over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import attrs

from kombo_async._cli.durations import duration_text

MOST_BUCKETS = 120
"""The most points in the chart; beyond that, pairs are merged."""
LEAST_BUCKETS = 1
"""With fewer, there is nothing to see."""
HEIGHT = 100


@attrs.define
class _Bucket:
    rows: int = 0
    seconds: float = 0.0

    @property
    def latency(self) -> float:
        return self.seconds / self.rows if self.rows else 0.0


@attrs.define
class Timeline:
    """How an upload went over time, in a bounded number of buckets of equal length."""

    width: float = 0.2
    """Length of a bucket in seconds."""
    buckets: list[_Bucket] = attrs.field(factory=list[_Bucket])

    def count(self, at: float, seconds: float) -> None:
        """Count a row that ended *at* seconds after the start and took *seconds*."""
        while at >= self.width * MOST_BUCKETS:
            self.width *= 2
            pairs = [self.buckets[place : place + 2] for place in range(0, len(self.buckets), 2)]
            self.buckets = [_Bucket(sum(b.rows for b in pair), sum(b.seconds for b in pair)) for pair in pairs]
        place = int(at / self.width)
        self.buckets += [_Bucket() for _ in range(place + 1 - len(self.buckets))]
        self.buckets[place].rows += 1
        self.buckets[place].seconds += seconds


def chart(timeline: Timeline) -> str:
    """The chart as HTML; empty if too little happened."""
    buckets = timeline.buckets
    if len(buckets) < LEAST_BUCKETS:
        return ""
    rates = [bucket.rows / timeline.width for bucket in buckets]
    most = max(rates)
    slowest = max(bucket.latency for bucket in buckets)
    bars = "".join(
        f'<rect x="{place + 0.08:.2f}" y="{HEIGHT - rate / most * HEIGHT:.1f}" width="0.84" '
        f'height="{rate / most * HEIGHT:.1f}"/>'
        for place, rate in enumerate(rates)
        if rate
    )
    lines = "".join(
        f'<polyline class="slow" points="{" ".join(points)}"/>' for points in _lines(buckets, slowest or 1.0)
    )
    return (
        '<h2>How it went</h2>\n<section class="card"><div class="chart">\n'
        f"<div><span>{most:,.0f}/s</span><span>0</span></div>"
        f'<svg viewBox="0 0 {len(buckets)} {HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="Rows per second and seconds per row over time"><g class="bars">{bars}</g>{lines}</svg>'
        f"<div><span>{slowest:,.2g} s</span><span>0</span></div>"
        f'<div class="times"><span>0 s</span><span>{duration_text(len(buckets) * timeline.width)}</span></div></div>\n'
        '<p class="keys"><span><span class="key" style="background: var(--bar)"></span>rows per second</span>'
        '<span><span class="key" style="background: var(--slow)"></span>average seconds per row</span></p>\n'
        "</section>\n"
    )


def _lines(buckets: Sequence[_Bucket], slowest: float) -> Iterator[list[str]]:
    """The points of the latency, interrupted where nothing ran."""
    for ran, run in groupby(enumerate(buckets), key=lambda each: each[1].rows > 0):
        if ran:
            points = [f"{place + 0.5:.2f},{HEIGHT - bucket.latency / slowest * HEIGHT:.1f}" for place, bucket in run]
            yield points * 2 if len(points) == 1 else points
