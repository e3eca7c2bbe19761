"""The rows of the table: what is measured, against what, and what it should come to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.measure import Figure, run, serving

PAGES = ("candidates", "applications", "jobs", "employees")
KINDS = ("httpx", "httpx-30", "httpx2", "httpx-aiohttp", "aiohttp", "official", "ours", "ours-httpx2")
STARTS = ("nothing", "import-httpx", "import-ours", "create-httpx", "create-ours", "create-official")


@dataclass(frozen=True)
class Row:
    """One comparison. Seconds are to be few, throughput is to be high."""

    what: str
    against: str
    ours: Figure
    theirs: Figure
    target: float
    unit: str
    more_is_better: bool = False
    remark: str = ""

    @property
    def ratio(self) -> float:
        """Our median by theirs."""
        return self.ours.median / self.theirs.median

    @property
    def met(self) -> bool:
        """Whether the target is met."""
        return self.ratio >= self.target if self.more_is_better else self.ratio <= self.target


@dataclass(frozen=True)
class Bench:
    """Where the measurements are made."""

    core: Path
    peers: Path
    data: Path
    rounds: int
    say: Callable[[str], None]


def hot(bench: Bench) -> list[Row]:
    """The create call and pages of 250, over `httpx.MockTransport`."""
    bench.say("the create call over MockTransport")
    ours, theirs = _both([run(bench.core, "hot", bench.data) for _ in range(bench.rounds)], 1e6)
    create = "`create_candidate`, typed in and out, all middleware on, over `MockTransport`"
    rows = [Row(create, "`httpx.AsyncClient.post(json=...)` and `.json()`", ours, theirs, 1.0, "µs")]
    for name in PAGES:
        bench.say(f"a page of 250 {name}")
        ours, theirs = _both([run(bench.core, "pages", bench.data, name) for _ in range(bench.rounds)], 1e3)
        rows.append(Row(f"a page of 250 {name}, typed", "bare httpx and `.json()`", ours, theirs, 0.7, "ms"))
    return rows


def attachment(bench: Bench) -> list[Row]:
    """A 2 MB file."""
    bench.say("a 2 MB attachment")
    with serving(bench.peers, bench.data) as url:
        ours, theirs = _both([run(bench.core, "attachment", bench.data, url) for _ in range(bench.rounds)], 1e3)
    against = "bare httpx with the base64 in memory"
    return [Row("a 2 MB attachment, from its path", against, ours, theirs, 1.1, "ms")]


def throughput(bench: Bench) -> tuple[list[Row], Mapping[str, Figure]]:
    """Creates over loopback, 30 at once, by each client in turn."""
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with serving(bench.peers, bench.data) as url:
        for number in range(bench.rounds):
            for kind, values in found.items():
                bench.say(f"creates per second by {kind}, round {number + 1} of {bench.rounds}")
                values.append(run(bench.peers, "throughput", kind, url, 30, 1.0))
    each = {kind: Figure.of(values) for kind, values in found.items()}
    default, thirty = each["httpx"], each["httpx-30"]
    httpx, pool = (default, "its default pool") if default.median > thirty.median else (thirty, "a pool of 30")

    def row(what: str, against: str, ours: str, theirs: Figure, target: float) -> Row:
        return Row(what, against, each[ours], theirs, target, "calls/s", more_is_better=True)

    rows = [
        row("30 at once over loopback, core install", f"bare httpx with {pool}", "ours", httpx, 3.5),
        row("creates per second, core install", "the official client", "ours", each["official"], 25.0),
        row("30 at once with an `httpx2.AsyncClient`", "bare httpx2", "ours-httpx2", each["httpx2"], 1.0),
    ]
    return rows, each


def many_at_once(bench: Bench) -> list[Row]:
    """300 at once, in turn with 30, since how fast a machine is differs from minute to minute by more than they do."""
    found: dict[str, list[float]] = {"ours": [], "ours-50": []}
    with serving(bench.peers, bench.data) as url:
        for number in range(3 * bench.rounds):
            bench.say(f"300 at once, round {number + 1} of {3 * bench.rounds}")
            for kind, values in found.items():
                values.append(run(bench.core, "throughput", kind, url, 300 if kind == "ours-50" else 30, 1.0))
    ours, theirs = Figure.of(found["ours-50"]), Figure.of(found["ours"])
    against = "its own throughput at 30"
    return [Row("300 at once for 50 integrations", against, ours, theirs, 0.9, "calls/s", more_is_better=True)]


def start(bench: Bench) -> list[Row]:
    """How a process starts, each in turn."""
    found: dict[str, list[Any]] = {what: [] for what in STARTS}
    with serving(bench.peers, bench.data) as url:
        for number in range(3 * bench.rounds):
            bench.say(f"starts, round {number + 1} of {3 * bench.rounds}")
            for what, values in found.items():
                python = bench.peers if what == "create-official" else bench.core
                values.append(run(python, "start", what, url))

    def figure(what: str, place: str, unit: float) -> Figure:
        return Figure.of([value[place] * unit for value in found[what]])

    def row(
        what: str, against: str, ours: str, theirs: str, target: float, place: str = "total", unit: str = "ms"
    ) -> Row:
        scale = 1e3 if unit == "ms" else 1
        return Row(what, against, figure(ours, place, scale), figure(theirs, place, scale), target, unit)

    floor = figure("create-httpx", "total", 1e3).median / figure("import-httpx", "total", 1e3).median
    first = row("process start to the first finished create", "`import httpx`", "create-ours", "import-httpx", 1.6)
    remark = f"Bare httpx's own first POST takes {floor:.2f} x here: asyncio, anyio and httpcore load with it."
    return [
        replace(first, remark=remark),
        row("`import kombo_async` and a client", "`import httpx`", "import-ours", "import-httpx", 1.2),
        row("first call of an operation", "the official client's", "create-ours", "create-official", 0.1, "call"),
        row("resident memory after one call", "httpx's", "create-ours", "create-httpx", 1.25, "resident", "MB"),
    ]


def walk(bench: Bench) -> list[Row]:
    """Reading 100,000 employees, where each page takes the server 20 ms."""
    found: dict[str, list[Any]] = {"httpx": [], "ours": []}
    with serving(bench.peers, bench.data, latency=0.02) as url:
        for number in range(2):
            for kind, values in found.items():
                bench.say(f"100,000 employees by {kind}, round {number + 1} of 2")
                values.append(run(bench.core, "walk", kind, url))
    ours, theirs = (Figure.of([value["seconds"] for value in found[kind]]) for kind in ("ours", "httpx"))
    grown = max(value["grown"] for value in found["ours"])
    remark = f"Memory grew by {max(grown, 0):.1f} MB from the 20th page to the 400th."
    what, against = "100,000 employees by `.items()`", "bare httpx and `.json()`, page by page"
    return [Row(what, against, ours, theirs, 0.6, "s", remark=remark)]


def _both(runs: list[Any], unit: float) -> tuple[Figure, Figure]:
    """The figures of ours and httpx's over all rounds of all processes."""
    ours, theirs = ([value * unit for each in runs for value in each[kind]] for kind in ("ours", "httpx"))
    return Figure.of(ours), Figure.of(theirs)
