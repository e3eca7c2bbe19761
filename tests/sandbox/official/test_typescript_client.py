"""Kombo's official TypeScript client, set on the sandbox: its operations, filters, pages and errors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kombo_async._generated.operations import REQUESTS
from kombo_async.sandbox import GREENHOUSE, Sandbox
from tests.conftest import needs_openapi
from tests.sandbox.calls import integration_of, prepare
from tests.sandbox.official.client_process import ClientProcess
from tests.sandbox.official.environments import npm_folder
from tests.sandbox.served import Served, serve_in_thread
from tests.support.schemas import all_facts

pytestmark = [needs_openapi, pytest.mark.timeout(240)]

SCRIPT = Path(__file__).with_name("typescript_client.mjs")


class Client(ClientProcess):
    """The official client."""

    def call(
        self, operation: str, values: dict[str, Any], integration: str = GREENHOUSE, *, pages: bool = False
    ) -> Any:
        """Call an operation with *values*, those of its body apart."""
        fields = REQUESTS[operation].operation.body
        body = None if fields is None else {name: value for name, value in values.items() if name in fields}
        outer = {name: value for name, value in values.items() if name not in (fields or ())}
        return self.ask(
            {"operation": operation, "integration": integration, "outer": outer, "body": body, "pages": pages}
        )


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serve_in_thread(Sandbox(seed=3, employees=12, candidates=8, jobs=10)) as served:
        yield served


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[Client]:
    with Client.running(["node", str(SCRIPT), str(npm_folder())], served) as client:
        yield client


def test_every_operation_succeeds(served: Served, client: Client) -> None:
    """With all that may be sent, and with what must be; each success is read by the client's own schemas."""
    assert len(client.operations) >= 55
    failures: list[str] = []
    for operation in client.operations:
        for full in (False, True):
            served.sandbox.reset()
            facts = all_facts()[operation]
            prepared = prepare(served.sandbox, facts, full=full)
            result = client.call(operation, prepared.values, integration_of(served.sandbox, facts.path))
            if "error" in result:
                failures.append(f"{operation} full={full}: {result}")
    assert failures == []


def test_filters_of_several_values_and_pages(served: Served, client: Client) -> None:
    """Filters with several values and the client's own iteration work."""
    served.sandbox.reset()
    wanted = [row.id for row in served.sandbox.world(GREENHOUSE).table("ats_candidates")[:3]]
    assert client.call("GetAtsCandidates", {"ids": wanted}, pages=True)["ids"] == wanted
    assert "%2C" in served.sandbox.requests("GetAtsCandidates")[0].path
    everyone = [row.id for row in served.sandbox.world(GREENHOUSE).table("ats_applications")]
    assert client.call("GetAtsApplications", {"page_size": 3}, pages=True)["ids"] == everyone


def test_errors_are_read(served: Served, client: Client) -> None:
    """Errors are read with their statuses."""
    served.sandbox.reset()
    person = {"first_name": "F", "last_name": "D", "email_address": "f@example.com"}
    unknown = client.call("PostAtsJobsJobIdApplications", {"job_id": "none", "candidate": person})
    assert unknown["status"] == 404
