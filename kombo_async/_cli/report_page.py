"""The report as one page of HTML with all that it needs inside: totals, the course of the upload, what was refused."""

from __future__ import annotations

import time
from collections.abc import Sequence
from html import escape

import attrs

from kombo_async._cli.tally import Reason, RowResult, Tally

MOST_BUCKETS = 120
"""How many points the chart has; beyond them, two become one."""
WIDTH, HEIGHT = 880, 220
LEFT, RIGHT, TOP, BOTTOM = 56, 56, 16, 32

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2433; --soft: #667085; --line: #e4e7ec; --card: #fff; --back: #f6f7f9;
  --good: #16794c; --bad: #b42318; --open: #a15c07; --bar: #7aa2e3; --slow: #c2410c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #98a2b3; --line: #2b3241; --card: #161b26;
  --back: #0e121b; --good: #47b881; --bad: #f97066; --open: #fdb022; --bar: #4f7cc4; --slow: #fb923c; } }
body { margin: 0; background: var(--back); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 944px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { font-size: 24px; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 17px; margin: 36px 0 12px; }
p { color: var(--soft); margin: 4px 0 0; }
.totals { display: grid; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); gap: 12px; margin-top: 24px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 16px; }
.card b { display: block; font-size: 26px; line-height: 1.2; font-variant-numeric: tabular-nums; }
.card span { color: var(--soft); }
.good b { color: var(--good); } .bad b { color: var(--bad); } .open b { color: var(--open); }
table { width: 100%; border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: 8px 12px 8px 0; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 500; }
tr:last-child td { border-bottom: 0; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
td.text { overflow-wrap: anywhere; }
code { font-size: 13px; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--soft); font: 12px system-ui, sans-serif; }
.bars { fill: var(--bar); } .slow { fill: none; stroke: var(--slow); stroke-width: 2; } .axis { stroke: var(--line); }
.key { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin: 0 6px 0 12px; }
"""


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

    width: float = 0.1
    """Seconds of a bucket."""
    buckets: list[_Bucket] = attrs.field(factory=list[_Bucket])
    _began: float = attrs.field(factory=time.monotonic)

    def add(self, row: RowResult) -> None:
        """Count a row that was sent now."""
        if row.attempts:
            self.count(time.monotonic() - self._began, row.seconds)

    def count(self, at: float, seconds: float) -> None:
        """Count a row that ended *at* so many seconds after the start, and took *seconds*."""
        while at >= self.width * MOST_BUCKETS:
            self.width *= 2
            pairs = [self.buckets[place : place + 2] for place in range(0, len(self.buckets), 2)]
            self.buckets = [_Bucket(sum(b.rows for b in pair), sum(b.seconds for b in pair)) for pair in pairs]
        place = int(at / self.width)
        self.buckets += [_Bucket() for _ in range(place + 1 - len(self.buckets))]
        self.buckets[place].rows += 1
        self.buckets[place].seconds += seconds


def page(title: str, tally: Tally, course: Timeline) -> str:
    """The whole page."""
    sums = tally.summary()
    cards = [
        _card("rows", sums["rows"], ""),
        _card("done", sums["done"], "good"),
        _card("refused", sums["refused"], "bad" if sums["refused"] else ""),
        _card("in doubt", sums["in_doubt"], "open" if sums["in_doubt"] else ""),
    ]
    cards += [_card("not sent", sums["unsent"], "open")] if sums["unsent"] else []
    cards += [_card("duplicates", sums["duplicates"], "")] if sums["duplicates"] else []
    about = f"{time.strftime('%Y-%m-%d %H:%M')}, {_duration(tally.seconds)}, {tally.rate:,.0f} rows a second"
    if tally.retries:
        about += f", {tally.retries:,} retries"
    if tally.earlier:
        about += f"; {tally.earlier:,} rows were done before this run"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}: upload to Kombo</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f'<h1>{escape(title)}</h1>\n<p>{escape(about)}</p>\n<div class="totals">{"".join(cards)}</div>\n'
        f"{_chart(course)}{_reasons(tally)}</main>\n</body>\n</html>\n"
    )


def _card(name: str, count: int, kind: str) -> str:
    return f'<div class="card {kind}"><b>{count:,}</b><span>{name}</span></div>'


def _reasons(tally: Tally) -> str:
    if not tally.reasons:
        return "<h2>All rows are done</h2>\n"
    order = sorted(tally.reasons.values(), key=lambda reason: -reason.count)
    rows = "".join(_reason(reason) for reason in order)
    return (
        '<h2>What is not done, and why</h2>\n<div class="card"><table>\n'
        f"<tr><th>Rows</th><th></th><th>Reason</th><th>Where</th></tr>\n{rows}</table></div>\n"
    )


def _reason(reason: Reason) -> str:
    where = ", ".join(_place(row) for row in reason.samples) + (" ..." if reason.count > len(reason.samples) else "")
    return (
        f'<tr><td class="number">{reason.count:,}</td><td>{reason.result.replace("_", " ")}</td>'
        f'<td class="text">{escape(reason.text)}</td><td>{where}</td></tr>\n'
    )


def _place(row: RowResult) -> str:
    """The number of a row, with a link to Kombo's log where there is one that a browser may follow."""
    if row.log_url and row.log_url.startswith(("https://", "http://")):
        return f'<a href="{escape(row.log_url)}">{row.row}</a>'
    return str(row.row)


def _chart(course: Timeline) -> str:
    if not course.buckets:
        return ""
    rates = [bucket.rows / course.width for bucket in course.buckets]
    latencies = [bucket.latency for bucket in course.buckets]
    most, slowest = max(rates) or 1.0, max(latencies) or 1.0
    step = (WIDTH - LEFT - RIGHT) / len(rates)
    floor, tall = HEIGHT - BOTTOM, HEIGHT - BOTTOM - TOP
    bars = "".join(
        f'<rect x="{LEFT + place * step:.1f}" y="{floor - rate / most * tall:.1f}" '
        f'width="{max(step - 1, 0.5):.1f}" height="{rate / most * tall:.1f}"/>'
        for place, rate in enumerate(rates)
    )
    line = _line([(LEFT + (place + 0.5) * step, floor - each / slowest * tall) for place, each in enumerate(latencies)])
    end = len(rates) * course.width
    return (
        '<h2>Timeline</h2>\n<div class="card">\n'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Rows a second and seconds a row over time">'
        f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{floor}" y2="{floor}"/><g class="bars">{bars}</g>'
        f'<polyline class="slow" points="{line}"/>'
        f'<text x="{LEFT - 8}" y="{TOP + 8}" text-anchor="end">{most:,.0f}/s</text>'
        f'<text x="{LEFT - 8}" y="{floor}" text-anchor="end">0</text>'
        f'<text x="{WIDTH - RIGHT + 8}" y="{TOP + 8}">{slowest:,.2g} s</text>'
        f'<text x="{LEFT}" y="{HEIGHT - 10}">0 s</text>'
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 10}" text-anchor="end">{_duration(end)}</text></svg>\n'
        '<p><span class="key" style="background: var(--bar)"></span>rows a second'
        '<span class="key" style="background: var(--slow)"></span>seconds a row, on average</p></div>\n'
    )


def _line(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
