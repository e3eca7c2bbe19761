"""Webhooks as Kombo sends them: signed, again until they are taken, naming only what Kombo has."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest

from kombo_async import webhooks
from kombo_async._generated.events import EVENTS
from kombo_async.sandbox import GREENHOUSE, Sandbox, default_id
from kombo_async.sandbox._api.projection import shape
from kombo_async.sandbox._server.asgi import read_body
from kombo_async.sandbox._state.models import MODELS
from kombo_async.sandbox._webhooks.events import known_models
from kombo_async.sandbox._webhooks.sending import RETRY_DELAYS
from tests.sandbox.raw_calls import admin, call

pytestmark = pytest.mark.anyio

SECRET = "s3cret"


class Receiver:
    """An application that takes webhooks, and answers as it is told."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.status = 200

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = await read_body(receive)
        signature = dict(scope["headers"])[b"x-kombo-signature"].decode()
        webhooks.verify(SECRET, body, signature)
        self.events.append(json.loads(body))
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b"thanks"})

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    @property
    def ids(self) -> list[str]:
        return [event["id"] for event in self.events]


@pytest.fixture
def receiver(sandbox: Sandbox) -> Receiver:
    sandbox.clock.stop()
    for integration in sandbox.integrations.values():
        integration.sync.announced = True  # no first sync ends in these tests
    receiver = Receiver()
    sandbox.webhooks.add("http://app.example/kombo", secret=SECRET, app=receiver)
    return receiver


async def test_what_is_not_taken_is_sent_again(sandbox: Sandbox, receiver: Receiver) -> None:
    """A refused event is sent again with the same ID, later each time, until it gets a 2xx."""
    receiver.status = 500
    (await sandbox.client(GREENHOUSE).general.trigger_sync()).unwrap()
    await sandbox.webhooks.deliver()
    assert await sandbox.webhooks.deliver() == []
    sandbox.clock.advance(RETRY_DELAYS[0] - 1)
    assert await sandbox.webhooks.deliver() == []
    sandbox.clock.advance(1)
    (again,) = await sandbox.webhooks.deliver()
    assert (again.attempts, again.status) == (2, 500)
    receiver.status = 204
    sandbox.clock.advance(RETRY_DELAYS[1])
    (again,) = await sandbox.webhooks.deliver()
    assert (again.attempts, again.delivered) == (3, True)
    sandbox.clock.advance(1e6)
    assert await sandbox.webhooks.deliver() == []
    assert len(set(receiver.ids)) == 1
    assert len(receiver.ids) == 3


async def test_it_is_given_up_in_the_end(sandbox: Sandbox, receiver: Receiver) -> None:
    """An event is given up after the last retry."""
    receiver.status = 500
    (await sandbox.client(GREENHOUSE).general.trigger_sync()).unwrap()
    for _ in range(20):
        await sandbox.webhooks.deliver()
        sandbox.clock.advance(1e6)
    assert len(receiver.ids) == 1 + len(RETRY_DELAYS)


async def test_data_changed_comes_at_once_and_then_at_most_every_thirty_seconds(
    sandbox: Sandbox, receiver: Receiver
) -> None:
    """`data-changed` comes at once, then at most every thirty seconds per integration, and includes all changes."""
    world = sandbox.world(GREENHOUSE)

    async def told() -> list[str]:
        receiver.events.clear()
        await sandbox.webhooks.deliver()
        return [model["name"] for event in receiver.events for model in event["data"]["changed_models"]]

    def change(model: str) -> None:
        world.change(model, world.table(model)[0], remote_id="x")
        sandbox.changed(world)

    change("ats_tags")
    assert await told() == ["ats_tags"]
    change("ats_jobs")
    change("ats_users")
    assert await told() == []
    sandbox.clock.advance(29)
    assert await told() == []
    sandbox.clock.advance(1)
    assert await told() == ["ats_jobs", "ats_users"]


async def test_only_names_that_kombo_has_go_out(sandbox: Sandbox, receiver: Receiver) -> None:
    """Models that Kombo has no name for are not announced."""
    sandbox.webhooks.data_changed_every = 0
    for integration in sandbox.integrations:
        world = sandbox.world(integration)
        for model in sorted(MODELS):
            world.changed[model] = set()
            sandbox.changed(world)
            await sandbox.webhooks.deliver()
    names = {
        model["name"]
        for event in receiver.events
        if event["type"] == "data-changed"
        for model in event["data"]["changed_models"]
    }
    assert names <= known_models()
    assert {"ats_candidates", "hris_teams", "hris_employees", "lms_courses"} <= names


async def test_memberships_have_models_of_their_own(sandbox: Sandbox, receiver: Receiver) -> None:
    """Memberships, such as a candidate's tag, are announced as models."""
    candidate = sandbox.world(GREENHOUSE).table("ats_candidates")[0]
    await call(sandbox, "POST", f"/ats/candidates/{candidate.id}/tags", json={"tag": {"name": "New"}})
    await sandbox.webhooks.deliver()
    (event,) = receiver.events
    names = [model["name"] for model in event["data"]["changed_models"]]
    assert names == ["ats_candidates", "ats_join_candidates_tags", "ats_tags"]


async def test_every_event_happens(sandbox: Sandbox, receiver: Receiver) -> None:
    """Each of Kombo's types of events can occur, and is valid."""
    kombo = sandbox.client()

    async def link() -> str:
        made = await kombo.connect.create_connection_link(
            end_user_email="a@b.de", end_user_organization_name="B", integration_category="ATS"
        )
        return made.unwrap().link

    sandbox.fail_connection(await link(), "lever")
    token = sandbox.connect(await link(), "lever")
    connected = (await kombo.connect.activate_integration(token=token)).unwrap()
    sandbox.change_integration(connected.id, authenticated=False)
    sandbox.change_integration(connected.id, authenticated=True)
    (await sandbox.client(connected.id).general.trigger_sync()).unwrap()
    (await kombo.general.delete_integration(connected.id)).unwrap()
    sandbox.receive_order(default_id("icims"))
    sandbox.receive_order(default_id("icims"), inline=True)
    posting = (await kombo.ai_apply.get_job_postings()).unwrap().results[0]
    body = {"candidate": {"first_name": "F", "last_name": "D", "email_address": "f@example.com"}}
    applied = await call(sandbox, "POST", f"/ai-apply/unified-api/jobs/{posting.id}/applications", json=body)
    assert applied.status_code == 200, applied.text
    site = (await kombo.ai_apply.get_career_sites()).unwrap().results[0]
    (await kombo.ai_apply.parse_job_posting(url="https://x.example/1", career_site_id=site.id)).unwrap()
    candidate = sandbox.world(GREENHOUSE).table("ats_candidates")[0]
    await call(sandbox, "POST", f"/ats/candidates/{candidate.id}/tags", json={"tag": {"name": "New"}})
    await sandbox.webhooks.deliver()
    assert set(receiver.types) == set(EVENTS)
    for event in receiver.events:
        assert shape(event, EVENTS[event["type"]]) == event
    issues = [event["data"] for event in receiver.events if event["type"] == "issue-status-changed"]
    assert [(each["change"], each["issue"]["status"]) for each in issues] == [
        ("raised", "OPEN"),
        ("resolved", "RESOLVED"),
    ]
    assert issues[0]["issue"]["id"] == issues[1]["issue"]["id"]


async def test_an_order_that_is_received_is_in_the_list(sandbox: Sandbox, receiver: Receiver) -> None:
    """A received order is in the list, open, under the event's ID."""
    id = default_id("icims")
    sandbox.receive_order(id)
    await sandbox.webhooks.deliver()
    order = receiver.events[0]["data"]
    assert order["integration_id"] == id
    open_orders = (await sandbox.client(id).assessment.get_open_orders()).unwrap().results
    assert order["id"] in [each.id for each in open_orders]
    with pytest.raises(ValueError, match="ASSESSMENT"):
        sandbox.receive_order(GREENHOUSE)


async def test_late_twice_and_out_of_order(sandbox: Sandbox, receiver: Receiver) -> None:
    """Webhooks can be late, duplicated and out of order."""
    sandbox.webhooks.disturb(delay=60, copies=2, shuffle=True)
    kombo = sandbox.client(GREENHOUSE)
    for _ in range(10):
        (await kombo.general.trigger_sync()).unwrap()
    assert await sandbox.webhooks.deliver() == []
    sandbox.clock.advance(60)
    await sandbox.webhooks.deliver()
    first_seen = list(dict.fromkeys(receiver.ids))
    assert (len(receiver.ids), len(first_seen)) == (20, 10)
    started = [event["data"]["sync_id"] for event in receiver.events]
    made = [row.id for row in sandbox.world(GREENHOUSE).table("syncs")]
    assert list(dict.fromkeys(started)) != made
    assert set(started) == set(made)
    sandbox.webhooks.disturb()
    (await kombo.general.trigger_sync()).unwrap()
    assert len(await sandbox.webhooks.deliver()) == 1


async def test_a_delivery_can_be_sent_again_by_hand(sandbox: Sandbox, receiver: Receiver) -> None:
    """A delivery can be sent again from Python and over HTTP."""
    (await sandbox.client(GREENHOUSE).general.trigger_sync()).unwrap()
    (delivery,) = await sandbox.webhooks.deliver()
    assert delivery.answer == "thanks"
    await sandbox.webhooks.send_again(delivery.number)
    async with admin(sandbox) as http:
        answer = await http.post(f"/_sandbox/webhooks/deliveries/{delivery.number}", json={})
        assert answer.json()["attempts"] == 3
        listed = (await http.get("/_sandbox/webhooks/deliveries")).json()
        assert (await http.post("/_sandbox/webhooks/deliveries/99", json={})).status_code == 400
    assert [each["id"] for each in listed] == receiver.ids[:1]
    assert len(set(receiver.ids)) == 1
    assert len(receiver.ids) == 3


@pytest.mark.parametrize(
    "settings", [{"url": "ftp://x"}, {"url": "x"}, {"url": "http://x", "events": ["data_changed"]}]
)
def test_endpoints_that_make_no_sense_are_refused(sandbox: Sandbox, settings: dict[str, Any]) -> None:
    """With the name of what is wrong."""
    with pytest.raises(ValueError, match=r"url|events"):
        sandbox.webhooks.add(**settings)


async def test_a_delivery_that_is_cancelled_is_not_lost(sandbox: Sandbox) -> None:
    """A cancelled delivery is sent the next time."""
    hangs = True
    came: list[bytes] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if hangs:
            await anyio.sleep_forever()
        came.append(await read_body(receive))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    sandbox.webhooks.add("http://app.example/kombo", app=application)
    (await sandbox.client(GREENHOUSE).general.trigger_sync()).unwrap()
    with anyio.move_on_after(0.1):
        await sandbox.webhooks.deliver()
    hangs = False
    await sandbox.webhooks.deliver()
    assert len(came) == 1


async def test_what_is_being_sent_is_waited_for(sandbox: Sandbox) -> None:
    """`deliver` ends when events that the served sandbox is sending have arrived, and those that waited behind them."""
    came: list[bytes] = []
    begun, go_on = anyio.Event(), anyio.Event()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        await go_on.wait()
        came.append(await read_body(receive))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    sandbox.webhooks.add("http://app.example/kombo", app=application)
    kombo = sandbox.client(GREENHOUSE)
    (await kombo.general.trigger_sync()).unwrap()

    async def let_it_arrive() -> None:
        await anyio.sleep(0.1)
        go_on.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sandbox.webhooks.deliver)
        await begun.wait()
        sandbox.webhooks.emit("connection-flow-failed", {})
        assert await sandbox.webhooks.deliver(wait=False) == []
        tasks.start_soon(let_it_arrive)
        await sandbox.webhooks.deliver()
        assert [each.status for each in sandbox.webhooks.deliveries] == [200, 200]
    assert len(came) == 2
