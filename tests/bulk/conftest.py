"""A sandbox for bulk runs, and what the tests of them have in common."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterator

import attrs
import pytest

from kombo_async import AsyncKomboClient, RetryPolicy, ats
from kombo_async.bulk import Outcome
from kombo_async.sandbox import Sandbox

INTEGRATION = "greenhouse:bulk"
CREATE = "PostAtsJobsJobIdApplications"


@attrs.frozen
class Bench:
    """A sandbox that takes any number of applications, with an open job."""

    sandbox: Sandbox
    job_id: str

    def client(self) -> AsyncKomboClient:
        """A client that does not wait long."""
        return self.sandbox.client(INTEGRATION, retry=RetryPolicy(attempts=3, initial_delay=0.01, sync_wait=0))

    def application(self, name: str) -> ats.CreateApplication:
        """The application of a person called *name*."""
        person = ats.CandidateInput(first_name=name, last_name="Lovelace", email_address=f"{name}@example.com")
        return ats.CreateApplication(job_id=self.job_id, candidate=person)

    def applications(self, count: int) -> Iterator[ats.CreateApplication]:
        """The applications of *count* people, the same ones each time."""
        for number in range(count):
            yield self.application(f"ada{number}")

    @property
    def made(self) -> list[str]:
        """The first names of whoever has been made an application, in their order."""
        return [call.body["candidate"]["first_name"] for call in self.sandbox.performed(CREATE)]

    @property
    def asked(self) -> int:
        """How many applications the sandbox was asked to make."""
        return len(self.sandbox.requests(CREATE))


@pytest.fixture
def bench() -> Bench:
    """A fresh one."""
    return bench_of(Sandbox(candidates=0, jobs=3, allow_duplicates=True, integrations=False))


@pytest.fixture
def timed_bench() -> Bench:
    """One on virtual time, where an action takes long enough to tell what is new by the time of its creation."""
    return bench_of(
        Sandbox(candidates=0, jobs=3, allow_duplicates=True, integrations=False, virtual_time=True, latency=1.5)
    )


def bench_of(sandbox: Sandbox) -> Bench:
    """The bench of *sandbox*."""
    sandbox.add_integration(INTEGRATION)
    job_id = next(row.id for row in sandbox.world(INTEGRATION).table("ats_jobs") if row.data["status"] == "OPEN")
    return Bench(sandbox, job_id)


async def by_name(outcomes: AsyncIterable[Outcome]) -> dict[str, Outcome]:
    """All outcomes, by the first name of the person."""
    return {each.request.candidate.first_name: each async for each in outcomes}  # type: ignore[attr-defined]
