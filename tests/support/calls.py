"""The calls that the tests of failures make, one of each method, and their client."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import anyio

from kombo_async import AsyncKomboClient, Request, ats, hris
from tests.support.fault_server import FaultServer, Step
from tests.support.wire import API_KEY, INTEGRATION

CREATE = ats.CreateCandidate(
    candidate=ats.CandidateInput(first_name="Frank", last_name="Doe", email_address="frank@example.com"),
    application=ats.CandidateApplicationInput(job_id="job"),
)
READ = ats.GetJobs()

CALLS: dict[str, Request[Any]] = {
    "GET": READ,
    "PUT": ats.MoveApplicationToStage(application_id="application", stage_id="stage"),
    "DELETE": ats.RemoveCandidateTag(candidate_id="candidate", tag=ats.TagInput(name="tag")),
    "POST": CREATE,
    "PATCH": hris.UpdateSkill(skill_id="skill"),
}

_numbers = count(1)


def scenario(server: FaultServer, *steps: Step) -> str:
    """A new scenario of *server*: each attempt meets the next of *steps*, and then the last one again."""
    name = f"scenario-{next(_numbers)}"
    server.scenarios[name] = list(steps)
    return name


def client(server: FaultServer, *steps: Step, **settings: Any) -> AsyncKomboClient:
    """A client of *server*, whose calls meet *steps* if there are any."""
    headers = {"X-Scenario": scenario(server, *steps)} if steps else None
    return AsyncKomboClient(
        **{"api_key": API_KEY, "base_url": server.url, "integration_id": INTEGRATION, "headers": headers, **settings}
    )


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until *condition* holds of the server, which runs in another thread and so cannot set this loop's events."""
    with anyio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110
            await anyio.sleep(0.002)
