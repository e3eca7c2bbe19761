"""`python -m benchmarks [--quick] [FOLDER]`: measure, and write `results.md` and `results.svg` (into `benchmarks/`)."""

from __future__ import annotations

import argparse
import sys
import tomllib
from pathlib import Path

from benchmarks import chart, environment, report, rows

HERE = Path(__file__).parent


def say(text: str) -> None:
    """Show what is being measured, on one line."""
    print(f"\r\x1b[K{text}" if sys.stderr.isatty() else text, end="" if sys.stderr.isatty() else "\n", file=sys.stderr)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: to see that it works, not to quote")
    parser.add_argument("folder", nargs="?", type=Path, default=HERE, help="where to write the results")
    arguments = parser.parse_args()

    say("installing")
    core, peers = environment.prepare("core"), environment.prepare("peers", environment.PEERS)
    data = environment.folder() / "data"
    data.mkdir(exist_ok=True)
    environment.run_quietly(peers, HERE / "cases" / "bodies.py", data)

    bench = rows.Bench(core, peers, data, rounds=1 if arguments.quick else 5, say=say)
    throughput, by_client = rows.throughput(bench)
    table = [*rows.hot(bench), *rows.attachment(bench), *throughput, *rows.many_at_once(bench)]
    table += [*rows.start(bench), *rows.walk(bench)]

    reasons = tomllib.loads((HERE / "reasons.toml").read_text())
    text = report.markdown(table, by_client, environment.versions(peers), reasons)
    (arguments.folder / "results.md").write_text(text)
    (arguments.folder / "results.svg").write_text(chart.svg(by_client))
    say("")
    print(text)


if __name__ == "__main__":
    main()
