"""Run seeds of the simulation, or replay one: `python -m tests.simulation --help`."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.simulation.seeds import play_seed


def main() -> int:
    """Run what the arguments say; 1 where a seed fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description="A simulation of the adversary.")
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds to play (default: 200)")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--replay", type=int, metavar="SEED", help="play one seed and print its trace")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at the first seed that fails")
    arguments = parser.parse_args()
    if arguments.replay is not None:
        result = play_seed(arguments.replay)
        print(result.described(trace=True))
        return 1 if result.violations else 0
    began, failed, results = time.time(), 0, Counter[str]()
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        result = play_seed(seed)
        results.update(result.results)
        if result.violations:
            failed += 1
            print(result.described(trace=not arguments.keep_going), flush=True)
            if not arguments.keep_going:
                return 1
    counts = ", ".join(f"{count} {name}" for name, count in sorted(results.items()))
    print(f"{arguments.seeds} seeds in {time.time() - began:.0f} s, {failed} failed; outcomes of last runs: {counts}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
