"""What is beside the API: webhooks, the connection flow, the passthrough, files, control and the page."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import anyio
import httpx
import pytest

from kombo_async._generated.events import EVENTS
from kombo_async.sandbox import GREENHOUSE, Sandbox, SandboxTransport, serve
from kombo_async.sandbox._api.projection import shape
from kombo_async.sandbox._server.asgi import read_body
from tests.sandbox.test_recruiting import create

pytestmark = pytest.mark.anyio

ROOT = "http://sandbox.localhost"


def http_of(sandbox: Sandbox) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=SandboxTransport(sandbox), base_url=ROOT)


class Receiver:
    """An application that takes webhooks."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.signatures: list[str] = []
        self.came = anyio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.bodies.append(await read_body(receive))
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.signatures.append(headers["x-kombo-signature"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        self.came.set()

    @property
    def events(self) -> list[Any]:
        return [json.loads(body) for body in self.bodies]


async def test_webhooks_are_signed_and_tell_what_changed(sandbox: Sandbox) -> None:
    """One `data-changed` for all changes until it is delivered; it names the models."""
    receiver = Receiver()
    sandbox.webhooks.add("http://app.example/kombo", secret="s3cret", app=receiver)
    kombo = sandbox.client(GREENHOUSE)
    (await create(kombo, sandbox)).unwrap()
    (await kombo.general.trigger_sync()).unwrap()
    sent = await sandbox.webhooks.deliver()
    assert [(each.type, each.status) for each in sent] == [("sync-finished", 204), ("data-changed", 204)]
    names = [model["name"] for model in receiver.events[1]["data"]["changed_models"]]
    assert names == ["ats_applications", "ats_candidates"]
    for body, signature in zip(receiver.bodies, receiver.signatures, strict=True):
        expected = base64.urlsafe_b64encode(hmac.new(b"s3cret", body, hashlib.sha256).digest()).decode()
        assert signature == expected.rstrip("=")
    assert await sandbox.webhooks.deliver() == []


async def test_every_event_has_the_fields_of_its_type(sandbox: Sandbox) -> None:
    """Every event has the fields of its type."""
    receiver = Receiver()
    sandbox.webhooks.add("http://app.example/kombo", app=receiver)
    kombo = sandbox.client()
    link = (
        await kombo.connect.create_connection_link(
            end_user_email="a@b.de", end_user_organization_name="B", integration_category="ATS"
        )
    ).unwrap()
    token = sandbox.connect(link.link, "lever")
    connected = (await kombo.connect.activate_integration(token=token)).unwrap()
    (await kombo.general.set_integration_enabled(connected.id, value=False)).unwrap()
    (await kombo.general.delete_integration(connected.id)).unwrap()
    site = (await kombo.ai_apply.get_career_sites()).unwrap().results[0]
    (await kombo.ai_apply.parse_job_posting(url="https://x.example/1", career_site_id=site.id)).unwrap()
    await sandbox.webhooks.deliver()
    types = [event["type"] for event in receiver.events]
    assert types == [
        "integration-created",
        "integration-state-changed",
        "issue-status-changed",
        "integration-deleted",
        "ai-apply-job-posting-status-updated",
        "ai-apply-data-changed",
    ]
    for event in receiver.events:
        assert shape(event, EVENTS[event["type"]]) == event


async def test_a_receiver_that_is_not_there_does_no_harm(sandbox: Sandbox) -> None:
    """An unreachable receiver does no harm; the delivery says what happened."""
    sandbox.webhooks.add("http://127.0.0.1:1/nobody", events=["sync-finished"])
    (await sandbox.client(GREENHOUSE).general.trigger_sync()).unwrap()
    (delivery,) = await sandbox.webhooks.deliver()
    assert delivery.status is None
    assert "ConnectError" in (delivery.error or "")


async def test_the_connection_flow_in_a_browser(sandbox: Sandbox) -> None:
    """The page offers the tools of the category, and gives the token."""
    kombo = sandbox.client()
    link = (
        await kombo.connect.create_connection_link(
            end_user_email="a@b.de", end_user_organization_name="B", integration_category="LMS"
        )
    ).unwrap()
    async with http_of(sandbox) as http:
        page = await http.get(link.link)
        assert "Moodle" in page.text
        assert "Greenhouse" not in page.text
        done = await http.post(link.link, data={"tool": "moodle"})
    token = done.text.partition('data-activation-token="')[2].partition('"')[0]
    found = (await kombo.connect.get_integration_by_token(token)).unwrap()
    assert (found.tool, found.setup_status) == ("moodle", "COMPLETED")
    assert (await sandbox.client(found.id).lms.get_courses()).unwrap().results


async def test_the_passthrough_reaches_a_toy_tool(sandbox: Sandbox) -> None:
    """It has the same records under the tool's own IDs, and echoes what it does not know."""
    kombo = sandbox.client(GREENHOUSE)
    candidate = sandbox.world(GREENHOUSE).table("ats_candidates")[0].data
    answer = (
        await kombo.general.send_passthrough_request(
            "greenhouse", "harvest", method="GET", path=f"/candidates/{candidate['remote_id']}"
        )
    ).unwrap()
    assert isinstance(answer.data, dict)
    assert answer.data["first_name"] == candidate["first_name"]
    echo = (
        await kombo.general.send_passthrough_request("greenhouse", "harvest", method="POST", path="/x", data={"a": 1})
    ).unwrap()
    assert (echo.status, echo.data) == (
        201,
        {"echo": {"method": "POST", "path": "/x", "headers": None, "params": None, "data": {"a": 1}}},
    )


async def test_files_need_their_whole_address(sandbox: Sandbox) -> None:
    """Files need their whole URL, and are sent in a way that no browser runs them."""
    from kombo_async import ats

    kombo = sandbox.client(GREENHOUSE)
    page = ats.AttachmentInput.from_bytes(b"<script>alert(1)</script>", "a.html", type="OTHER")
    created = (await create(kombo, sandbox, attachments=[page])).unwrap()
    (file,) = (await kombo.ats.get_candidate_attachments(created.id)).unwrap().results
    async with http_of(sandbox) as http:
        answer = await http.get(file.data_url)
        assert answer.content == b"<script>alert(1)</script>"
        assert answer.headers["content-disposition"].startswith("attachment")
        assert (await http.get(file.data_url[:-1] + "x")).status_code == 404


async def test_control_over_http(sandbox: Sandbox) -> None:
    """Faults, integrations, the clock and the request log can be used over HTTP."""
    kombo = sandbox.client(GREENHOUSE)
    async with http_of(sandbox) as http:
        fault = await http.post("/_sandbox/faults", json={"operation": "GetAtsTags", "status": 500, "times": 5})
        assert fault.json()["operation"] == ["GetAtsTags"]
        assert (await http.post("/_sandbox/faults", json={"operation": "Nothing", "status": 500})).status_code == 400
        assert (await http.post("/_sandbox/faults", content=b"{}")).status_code == 415
        await http.delete(f"/_sandbox/faults/{fault.json()['id']}")
        assert (await http.get("/_sandbox/faults")).json() == []
        path = f"/_sandbox/integrations/{GREENHOUSE}"
        assert (await http.patch(path, json={"sync": {"calls": 1, "status": 503}})).json()["state"] == "sync pending"
        (await http.patch(path, json={"sync": "finish"})).raise_for_status()
        added = await http.post("/_sandbox/integrations", json={"id": "lever:demo", "active": False})
        assert added.json()["state"] == "inactive"
        before = sandbox.clock.time()
        await http.post("/_sandbox/clock", json={"advance": 3600})
        assert sandbox.clock.time() - before > 3599
        (await kombo.ats.get_tags()).unwrap()
        (call,) = (await http.get("/_sandbox/requests?operation=GetAtsTags")).json()
        detail = (await http.get(f"/_sandbox/requests/{call['number']}")).json()
        assert len(detail["answer"]["data"]["results"]) == 4
        assert (await http.get("/_sandbox/state")).json()["requests"] == 1
        await http.post("/_sandbox/reset", json={})
        assert sandbox.requests() == []


async def test_other_sites_cannot_reach_it(sandbox: Sandbox) -> None:
    """A name that somebody else's page points at this machine is refused."""
    async with http_of(sandbox) as http:
        assert (await http.get("/", headers={"Host": "evil.com"})).status_code == 400


async def test_the_page_shows_what_goes_on(sandbox: Sandbox) -> None:
    """Integrations with their states, calls with their bodies, candidates, faults; and nothing of it runs as HTML."""
    from kombo_async import ats

    kombo = sandbox.client(GREENHOUSE)
    sandbox.faults.add("GetAtsTags", status=500, code="PLATFORM.UNKNOWN_ERROR")
    (
        await kombo.ats.create_candidate(
            candidate=ats.CandidateInput(first_name="<b>Eve</b>", last_name="D", email_address="eve@example.com"),
            application=ats.CandidateApplicationInput(job_id=sandbox.world(GREENHOUSE).table("ats_jobs")[0].id),
            attachments=[ats.AttachmentInput.from_bytes(b"x", "cv.pdf", type="CV")],
        )
    ).unwrap()
    async with http_of(sandbox) as http:
        parts = {
            name: (await http.get(f"/_sandbox/fragments/{name}")).text
            for name in ("integrations", "faults", "requests", "requests/1", f"records?integration={GREENHOUSE}")
        }
        whole = (await http.get("/")).text
        for asset in ("style.css", "page.js"):
            assert (await http.get(f"/_sandbox/static/{asset}")).status_code == 200
    assert "QA failed" in parts["integrations"]
    assert "PLATFORM.UNKNOWN_ERROR" in parts["faults"]
    assert "PostAtsCandidates" in parts["requests"]
    assert "&quot;first_name&quot;: &quot;&lt;b&gt;Eve&lt;/b&gt;&quot;" in parts["requests/1"]
    people = parts[f"records?integration={GREENHOUSE}"]
    assert "cv.pdf" in people
    assert "<b>Eve" not in "".join(parts.values()) + whole
    assert sandbox.api_key in whole


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_served_sandboxes_deliver_by_themselves(sandbox: Sandbox) -> None:
    """Served sandboxes deliver webhooks by themselves."""
    receiver = Receiver()
    sandbox.webhooks.add("http://app.example/kombo", app=receiver)
    async with serve(sandbox):
        (await sandbox.client(GREENHOUSE).general.trigger_sync()).unwrap()
        with anyio.fail_after(5):
            await receiver.came.wait()
    assert receiver.events[0]["type"] == "sync-finished"
