"""Run seeds of the simulation, or replay one: `python -m tests.mirror.simulation --help`."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import nullcontext

from tests.mirror.simulation.history import play_seed
from tests.support.postgres_server import postgres_server


def main() -> int:
    """Run what the arguments say; 1 where a seed fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.mirror.simulation", description="A simulation of mirrors.")
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds to play (default: 200)")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--replay", type=int, metavar="SEED", help="play one seed and print its trace")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at the first seed that fails")
    parser.add_argument("--mutate", action="store_true", help="switch off one rule after another: which seed notices?")
    parser.add_argument("--postgres", action="store_true", help="in PostgreSQL, not in SQLite")
    arguments = parser.parse_args()
    with postgres_server() if arguments.postgres else nullcontext() as address:
        return _run(arguments, address)


def _run(arguments: argparse.Namespace, address: str | None) -> int:
    if arguments.mutate:
        return _mutate(arguments.first, arguments.seeds)
    if arguments.replay is not None:
        played = play_seed(arguments.replay, address)
        print(played.described(trace=True))
        return 1 if played.violations else 0
    began, failed = time.time(), 0
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        played = play_seed(seed, address)
        if played.violations:
            failed += 1
            print(played.described(trace=False), flush=True)
            if not arguments.keep_going:
                return 1
    print(f"{arguments.seeds} seeds in {time.time() - began:.0f} s, {failed} failed")
    return 1 if failed else 0


def _mutate(first: int, seeds: int) -> int:
    from tests.mirror.simulation.mutations import MUTATIONS, search

    missed = 0
    for mutation in (each for each in MUTATIONS if isinstance(each.noticed_by, int)):
        seed = search(mutation, first, seeds)
        missed += seed is None
        print(f"{mutation.name}: {f'seed {seed}' if seed is not None else 'NOT NOTICED'}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
