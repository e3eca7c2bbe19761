"""Bulk uploads to systems with limits of their own, on virtual time."""

from __future__ import annotations

from collections import Counter

import pytest

from kombo_async import ats
from kombo_async.bulk import Row
from tests.scale.model import Kombo, System, on_virtual_time


def uploaded(system: System, number: int) -> Counter[str]:
    """What becomes of so many rows."""

    async def scene() -> Counter[str]:
        kombo = Kombo()
        kombo.systems["greenhouse:a"] = system
        people = (
            ats.CandidateInput(first_name="A", last_name="B", email_address=f"{index}@example.com")
            for index in range(number)
        )
        rows = (Row(ats.CreateApplication(job_id="job", candidate=person)) for person in people)
        async with kombo.client().bulk(rows) as outcomes:
            return Counter([outcome.result async for outcome in outcomes])

    results: Counter[str] = on_virtual_time(scene)
    return results


@pytest.mark.parametrize("limit", [2, 5, 12])
def test_a_small_limit_is_no_outage(limit: int) -> None:
    """A system that refuses one action too many by a code of its own gets all rows, at its pace; few are in doubt."""
    results = uploaded(System(limit=limit, seconds=0.4, refusal="remote", headers=False), 1_000)
    assert results["in_doubt"] <= 24
    assert results["done"] == 1_000 - results["in_doubt"]


def test_who_refuses_everything_is_left_alone() -> None:
    """A system that refuses each action as one too many is one that is down."""
    results = uploaded(System(refusal="remote", headers=False, down=True), 1_000)
    assert results["in_doubt"] <= 24
    assert results["unsent"] == 1_000 - results["in_doubt"]
