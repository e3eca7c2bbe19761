"""Rows in doubt of a run that was killed, on virtual time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import anyio

from kombo_async import ats
from kombo_async.bulk import ApplicationReconciler, Claim, Entry, NoJournal, Row, RowKey
from kombo_async.bulk._identity import shows_of
from tests.scale.model import Kombo, on_virtual_time


def application(number: int, jobs: int = 1) -> ats.CreateApplication:
    """An application of somebody called A B."""
    candidate = ats.CandidateInput(first_name="A", last_name="B", email_address=f"{number}@example.com")
    return ats.CreateApplication(job_id=f"job {number % jobs}", candidate=candidate)


def rows(number: int, integration: str, jobs: int = 1) -> Iterator[Row]:
    """So many applications, for the jobs in turn."""
    return (Row(application(index, jobs), integration_id=integration) for index in range(number))


class InDoubt(NoJournal):
    """The journal of a run that was killed while it was sending: each row is in doubt."""

    async def claim(self, key: RowKey) -> Claim:
        """An entry without times, as it is when no server ever answered."""
        identity = ApplicationReconciler().identity(application(0))
        assert identity is not None
        return Claim(Entry(state="in_doubt", digest="", subject=key.key, shows=shows_of(identity)))


def settled(
    kombo: Kombo, source: Iterable[Row], *, why: str = "it was not found", **settings: Any
) -> dict[str | None, list[float]]:
    """When each row was settled, by integration."""

    async def scene() -> dict[str | None, list[float]]:
        times: defaultdict[str | None, list[float]] = defaultdict(list)
        async with kombo.client().bulk(source, journal=InDoubt(), **settings) as outcomes:
            async for outcome in outcomes:
                assert outcome.result == "in_doubt"
                assert why in outcome.message
                times[outcome.integration_id].append(anyio.current_time())
        return times

    return on_virtual_time(scene)
