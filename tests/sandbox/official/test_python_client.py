"""Kombo's official Python client, set on the sandbox: all of its operations, filters, pages, errors and webhooks."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kombo_async.sandbox import GREENHOUSE, Sandbox
from tests.conftest import needs_openapi
from tests.sandbox.calls import integration_of, prepare
from tests.sandbox.official.client_process import ClientProcess
from tests.sandbox.official.environments import python_with_client
from tests.sandbox.served import Served, serve_in_thread
from tests.support.schemas import all_facts

pytestmark = [needs_openapi, pytest.mark.timeout(240)]

SCRIPT = Path(__file__).with_name("python_client.py")


class Client(ClientProcess):
    """The official client."""

    def call(self, operation: str, integration: str = GREENHOUSE, **values: Any) -> Any:
        """Call an operation, through all pages."""
        line = {"operation": operation, "integration": integration, "values": values, "async": False, "pages": True}
        return self.ask(line)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serve_in_thread(Sandbox(seed=3, employees=12, candidates=8, jobs=10)) as served:
        yield served


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[Client]:
    with Client.running([str(python_with_client()), str(SCRIPT)], served) as client:
        yield client


def test_every_operation_succeeds_sync_and_async(served: Served, client: Client) -> None:
    """With all that may be sent, and with what must be; each success is read by the client's own models."""
    assert len(client.operations) >= 60
    failures: list[str] = []
    for operation in client.operations:
        for full, is_async in ((True, False), (True, True), (False, False)):
            served.sandbox.reset()
            facts = all_facts()[operation]
            prepared = prepare(served.sandbox, facts, full=full)
            integration = integration_of(served.sandbox, facts.path)
            line = {"operation": operation, "integration": integration, "values": prepared.values, "async": is_async}
            result = client.ask(line)
            if "error" in result:
                failures.append(f"{operation} full={full} async={is_async}: {result}")
    assert failures == []


def test_filters_of_several_values(served: Served, client: Client) -> None:
    """Filters with several values, which the client sends with an encoded comma, work."""
    served.sandbox.reset()
    wanted = [row.id for row in served.sandbox.world(GREENHOUSE).table("ats_candidates")[:3]]
    assert client.call("GetAtsCandidates", ids=wanted)["ids"] == wanted
    sent = served.sandbox.requests("GetAtsCandidates")[-1].path
    assert "%2C" in sent


def test_pages_to_the_end(served: Served, client: Client) -> None:
    """Reading to the end by the client's own `next` works."""
    served.sandbox.reset()
    everyone = [row.id for row in served.sandbox.world(GREENHOUSE).table("ats_applications")]
    assert client.call("GetAtsApplications", page_size=3)["ids"] == everyone
    assert len(served.sandbox.requests("GetAtsApplications")) == -(-len(everyone) // 3)


def test_errors_are_read(served: Served, client: Client) -> None:
    """Errors are read with their codes and statuses."""
    served.sandbox.reset()
    person = {"first_name": "F", "last_name": "D", "email_address": "f@example.com"}
    unknown = client.call("PostAtsJobsJobIdApplications", job_id="none", candidate=person)
    assert unknown["status"] == 404
    closed = next(
        row.id for row in served.sandbox.world(GREENHOUSE).table("ats_jobs") if row.data["status"] == "CLOSED"
    )
    refused = client.call("PostAtsJobsJobIdApplications", job_id=closed, candidate=person)
    assert (refused["status"], refused["code"]) == (400, "ATS.JOB_CLOSED")
    served.sandbox.change_integration(GREENHOUSE, sync={"calls": 1})
    assert client.call("GetAtsJobs")["code"] == "INTEGRATION.SETUP_SYNC_PENDING"


def test_webhooks_fit_the_clients_models(served: Served, client: Client) -> None:
    """Webhooks of each type are valid in the client's models."""
    from kombo_async.sandbox import default_id

    sandbox = served.sandbox
    sandbox.reset()
    sandbox.webhooks.add("http://127.0.0.1:1/hook")
    events: list[Any] = []
    sandbox.change_integration(GREENHOUSE, authenticated=False)
    sandbox.change_integration(GREENHOUSE, authenticated=True)
    sandbox.receive_order(default_id("icims"))
    sandbox.receive_order(default_id("icims"), inline=True)
    for id in list(sandbox.integrations):
        world = sandbox.world(id)
        for name in ("ats_candidates", "ats_tags", "hris_employees", "hris_groups", "lms_users"):
            if len(world.table(name)):
                world.change(name, world.table(name)[0], remote_id="x")
        sandbox.changed(world)
    served.portal.call(lambda: served.kombo.general.trigger_sync())
    link = served.portal.call(
        lambda: served.kombo.connect.create_connection_link(
            end_user_email="a@b.de", end_user_organization_name="B", integration_category="ATS"
        )
    ).unwrap()
    sandbox.fail_connection(link.link)
    made = sandbox.connect(link.link, "lever")
    connected = served.portal.call(lambda: served.kombo.connect.activate_integration(token=made)).unwrap()
    served.portal.call(lambda: served.kombo.general.delete_integration(connected.id)).unwrap()
    for _ in range(50):  # some are being delivered at this moment
        served.portal.call(sandbox.webhooks.deliver)
        events = [json.loads(each.body) for each in sandbox.webhooks.deliveries]
        if len({event["type"] for event in events}) == 9:
            break
        time.sleep(0.1)
    results = {event["type"]: client.ask({"event": event}) for event in events}
    assert {type: result for type, result in results.items() if "error" in result} == {}
    assert len([result for result in results.values() if "type" in result]) == 9
