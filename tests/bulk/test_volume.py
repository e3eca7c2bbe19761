"""Many rows: memory stays bounded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kombo_async import ats
from tests.bulk.conftest import Bench


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
