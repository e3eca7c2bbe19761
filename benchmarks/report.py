"""The text of `results.md`."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from benchmarks.measure import Figure, cores
from benchmarks.rows import Row

ABOUT = """\
Made by `python -m benchmarks`, which installs everything in separate environments and measures the two sides of each
pair in turn, in one run on one machine: what matters is the ratio. Figures are medians, with the middle half of all
rounds in brackets. Client and server have a core each; the server is a bare `asyncio.Protocol` that responds with
ready-made bytes. Pages are generated from the types: they have every field, with values in three of four nullable ones,
and every variant of each union.
"""


def markdown(
    rows: Sequence[Row], throughput: Mapping[str, Figure], versions: Mapping[str, str], reasons: Mapping[str, str]
) -> str:
    """The table of *rows*, the *throughput* of each client, and why a target was missed, by what was measured."""
    lines = [
        "# Benchmarks",
        "",
        ABOUT,
        "| what | measured against | ours | theirs | ratio | target |",
        "| --- | --- | --- | --- | --- | --- |",
        *(_line(row) for row in rows),
        "",
    ]
    missed = [row for row in rows if not row.met]
    if missed:
        lines += ["## Missed", ""]
        lines += [f"- **{row.what}**, against {row.against}: {_reason(row, reasons)}" for row in missed]
        lines.append("")
    remarks = [row for row in rows if row.remark and row.met]
    lines += [f"- **{row.what}**: {row.remark}" for row in remarks] + [""] * bool(remarks)
    lines += ["## Creates per second over loopback, 30 at once", "", "| client | calls/s |", "| --- | --- |"]
    lines += [f"| {name} | {_figure(figure)} |" for name, figure in throughput.items()]
    lines += ["", "## Where", "", *_where(versions), ""]
    return "\n".join(lines)


def _line(row: Row) -> str:
    sign = "≥" if row.more_is_better else "≤"
    ratio = f"**{row.ratio:.2f} x** {'✓' if row.met else '✗'}"
    ours, theirs = (f"{_figure(figure)} {row.unit}" for figure in (row.ours, row.theirs))
    return f"| {row.what} | {row.against} | {ours} | {theirs} | {ratio} | {sign} {row.target:g} x |"


def _reason(row: Row, reasons: Mapping[str, str]) -> str:
    return " ".join(filter(None, (reasons.get(row.what, ""), row.remark))) or "not understood yet."


def _figure(figure: Figure) -> str:
    return f"{_number(figure.median)} ({_number(figure.low)}-{_number(figure.high)})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _where(versions: Mapping[str, str]) -> list[str]:
    used = "the same core" if len(set(cores())) == 1 else f"cores {cores()[0]} and {cores()[1]} of {os.cpu_count()}"
    return [
        f"- {datetime.now(UTC):%Y-%m-%d}, {platform.python_implementation()} {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}, {used}",
        "- " + ", ".join(f"{name} {version}" for name, version in versions.items()),
    ]
