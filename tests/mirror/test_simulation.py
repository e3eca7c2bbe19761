"""The simulation of mirrors: seeds hold, and a seed is always the same."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.mirror.simulation.history import play_seed
from tests.support.postgres_server import needs_postgres


@pytest.mark.parametrize("seed", [0, 13, 18])
def test_a_history(seed: int) -> None:
    """Whatever happens, after some quiet every table equals a full read."""
    played = play_seed(seed)
    assert not played.violations, played.described(trace=False)


@needs_postgres
def test_a_history_in_postgres(postgres_address: str) -> None:
    """The same holds in PostgreSQL, on a real server."""
    pytest.importorskip("asyncpg")
    pytest.importorskip("uvloop")
    played = play_seed(11, postgres_address)
    assert not played.violations, played.described(trace=False)


def test_a_seed_is_always_the_same() -> None:
    """A seed gives the same trace each time, also in a new process with other hashes of texts."""
    trace = play_seed(11).described(trace=True)
    command = [sys.executable, "-m", "tests.mirror.simulation", "--replay", "11"]
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    again = subprocess.run(command, env=environment, stdout=subprocess.PIPE, encoding="utf-8", check=False)
    assert again.stdout.strip() == trace
