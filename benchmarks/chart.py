"""The chart of the README: creates per second by each client, as an SVG that is legible on light and dark pages."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from benchmarks.measure import Figure

WIDTH, LABELS, BAR, STEP, TOP = 760, 250, 18, 28, 44

NAMES = {
    "official": "kombo (official client)",
    "httpx": "httpx",
    "httpx2": "httpx2",
    "ours-httpx2": "kombo_async, given an httpx2 client",
    "ours": "kombo_async",
    "httpx-aiohttp": "httpx over httpx-aiohttp",
    "aiohttp": "aiohttp, untyped",
}

STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 14px }
.bar { fill: #b8c0cc } .ours { fill: #2f6fde } .spread { stroke: #24292f; stroke-opacity: .5 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .bar { fill: #545d68 } .ours { fill: #5b93ff } .spread { stroke: #e6edf3 }
}"""


def svg(throughput: Mapping[str, Figure]) -> str:
    """The bars of *throughput*, the slowest first; httpx's is the better of its two pools."""
    shown = {**throughput, "httpx": max(throughput["httpx"], throughput["httpx-30"], key=lambda figure: figure.median)}
    bars = sorted(((name, shown[kind], kind) for kind, name in NAMES.items()), key=lambda bar: bar[1].median)
    longest = max(figure.high for _, figure, _ in bars)
    scale = (WIDTH - LABELS - 70) / longest
    height = TOP + STEP * len(bars) + 8
    title = "Candidates created a second, 30 at once over loopback, one core (more is better)"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}">',
        f"<style>\n{STYLE}\n</style>",
        f'<text class="title" x="8" y="24">{title}</text>',
    ]
    for place, (name, figure, kind) in enumerate(bars):
        y = TOP + STEP * place
        middle, end = y + BAR / 2, LABELS + figure.median * scale
        low, high = LABELS + figure.low * scale, LABELS + figure.high * scale
        css = "bar ours" if kind.startswith("ours") else "bar"
        parts += [
            f'<text x="{LABELS - 10}" y="{middle + 4.5:.1f}" text-anchor="end">{escape(name)}</text>',
            f'<rect class="{css}" x="{LABELS}" y="{y}" width="{end - LABELS:.1f}" height="{BAR}" rx="2"/>',
            f'<line class="spread" x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}"/>',
            f'<text x="{max(end, high) + 8:.1f}" y="{middle + 4.5:.1f}">{figure.median:,.0f}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])
