"""Many rows: memory stays bounded, and the journal costs little."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from kombo_async import ats
from kombo_async.bulk import Journal, SqliteJournal
from tests.bulk.conftest import Bench

ROUNDS, ROWS = 5, 800
LEAST_RATIO = 0.5
"""Of the throughput without a journal, where nothing else takes time; low, since CI's machines are not quiet."""


def test_a_journal_costs_little_throughput(bench: Bench, tmp_path: Path) -> None:
    """With and without a journal in turns, in one process: the median of the ratios stays near 1."""
    ratios: list[float] = []

    async def main() -> None:
        async with bench.client() as kombo:

            async def rate(name: str, journal: Journal | None) -> float:
                rows = (bench.application(f"{name}{number}") for number in range(ROWS))
                start = time.perf_counter()
                async for outcome in kombo.bulk(rows, journal=journal):
                    assert outcome.result == "done"
                return ROWS / (time.perf_counter() - start)

            await rate("warm", None)
            for turn in range(ROUNDS):
                without = await rate(f"without{turn}-", None)
                ratios.append(await rate(f"with{turn}-", SqliteJournal(tmp_path / "j")) / without)

    anyio.run(main)
    assert statistics.median(ratios) > LEAST_RATIO, ratios


@pytest.mark.anyio
async def test_an_endless_source_is_read_only_as_far_as_outcomes_are_taken(bench: Bench, tmp_path: Path) -> None:
    """Of a source without end no more is read, or kept, than what is under way."""
    read = 0

    def rows() -> Iterator[ats.CreateApplication]:
        nonlocal read
        while True:
            read += 1
            yield bench.application(f"ada{read}")

    taken = 0
    async with bench.client() as kombo, kombo.bulk(rows(), journal=tmp_path / "j", concurrency=10) as outcomes:
        async for _ in outcomes:
            taken += 1
            assert read <= taken + 11
            if taken == 300:
                break
    assert taken == 300
