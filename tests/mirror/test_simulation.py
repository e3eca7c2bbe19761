"""The simulation of mirrors: seeds hold, each rule that is switched off is noticed, and a seed is always the same."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.mirror.simulation.history import Played, play_seed
from tests.mirror.simulation.mutations import MUTATIONS, Mutation, mutated
from tests.support.postgres_server import needs_postgres

ONCE_WRONG = {
    22,  # a clock jumps ahead while a record is stale
    66,  # a webhook comes in the middle of the first look after a long pause
    128,  # a tag changes right before the first sync
}
SEEDS = sorted({each.noticed_by for each in MUTATIONS if isinstance(each.noticed_by, int)} | ONCE_WRONG)


@cache
def played(seed: int) -> Played:
    """What comes of a seed."""
    return play_seed(seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_history(seed: int) -> None:
    """Whatever happens, after some quiet every table equals a full read."""
    assert not played(seed).violations, played(seed).described(trace=False)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[each.name.replace(" ", "-") for each in MUTATIONS])
def test_a_rule_that_is_switched_off_is_noticed(mutation: Mutation, tmp_path: Path) -> None:
    """What is known to notice it does; `python -m tests.mirror.simulation --mutate` finds another seed."""
    with mutated(mutation):
        if isinstance(mutation.noticed_by, int):
            assert play_seed(mutation.noticed_by).violations
        else:
            with pytest.raises(AssertionError):
                mutation.noticed_by(tmp_path)


@needs_postgres
def test_a_history_in_postgres(postgres_address: str) -> None:
    """The same in PostgreSQL, on a real server."""
    pytest.importorskip("asyncpg")
    pytest.importorskip("uvloop")
    found = play_seed(SEEDS[0], postgres_address)
    assert not found.violations, found.described(trace=False)


def test_a_seed_is_always_the_same() -> None:
    """A seed gives the same trace each time, also in a new process with other hashes of texts."""
    command = [sys.executable, "-m", "tests.mirror.simulation", "--replay", str(SEEDS[0])]
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    again = subprocess.run(command, env=environment, stdout=subprocess.PIPE, encoding="utf-8", check=False)
    assert again.stdout.strip() == played(SEEDS[0]).described(trace=True)
