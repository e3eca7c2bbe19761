"""The simulation: 200 seeds hold, each rule that is switched off is noticed, and a seed is always the same."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.simulation.mutations import MUTATIONS, Mutation, mutated
from tests.simulation.seeds import play_seed

SEEDS = 200
PARTS = 20
"""The seeds are played in so many tests, which several workers share."""


@pytest.mark.parametrize("part", range(PARTS))
def test_what_must_hold_holds(part: int) -> None:
    """No seed sees a double, a loss or a false word."""
    for seed in range(part, SEEDS, PARTS):
        played = play_seed(seed)
        assert not played.violations, played.described(trace=True)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[each.name.replace(" ", "-") for each in MUTATIONS])
def test_a_rule_that_is_switched_off_is_noticed(mutation: Mutation) -> None:
    """The seed that is known to notice it does; `python -m tests.simulation --mutate --seeds 1000` finds another."""
    with mutated(mutation):
        assert play_seed(mutation.seed).violations
    if mutation.seed >= SEEDS:  # the others hold without it, as another test says
        assert not play_seed(mutation.seed).violations


@pytest.mark.parametrize("seed", [1, 2, 12])
def test_a_seed_is_always_the_same(seed: int) -> None:
    """A seed gives the same trace each time, here and in a new process with other hashes of texts."""
    trace = play_seed(seed).described(trace=True)
    assert play_seed(seed).described(trace=True) == trace
    command = [sys.executable, "-m", "tests.simulation", "--replay", str(seed)]
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    again = subprocess.run(command, env=environment, stdout=subprocess.PIPE, encoding="utf-8", check=False)
    assert again.stdout.strip() == trace
