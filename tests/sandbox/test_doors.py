"""What others can reach and what makes no sense: names of hosts, markup, clocks, settings, names of models."""

from __future__ import annotations

import inspect
from typing import Any

import attrs
import pytest

from kombo_async.sandbox import GREENHOUSE, Fault, Sandbox
from kombo_async.sandbox._state.environment import Environment
from tests.sandbox.raw_calls import admin, call

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "host", ["evil.com", "sandbox.localhost.evil.com", "127.0.0.1.nip.io", "localhost:80@evil.com", "10.0.0.1", ""]
)
async def test_names_that_may_be_somebody_elses_are_refused(sandbox: Sandbox, host: str) -> None:
    """Host names that may be somebody else's are refused by the API, the page and `/_sandbox`."""
    assert (await call(sandbox, "GET", "/check-api-key", headers={"Host": host})).status_code == 400
    assert sandbox.requests() == []
    async with admin(sandbox) as http:
        for path in ("/", "/_sandbox/state", "/_sandbox/static/page.js", "/connect/x"):
            assert (await http.get(path, headers={"Host": host})).status_code == 400


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8420", "localhost", "[::1]:8420", "LOCALHOST", "a.localhost", "kombo.test"]
)
async def test_names_of_this_machine_are_taken(sandbox: Sandbox, host: str) -> None:
    """This machine's names are accepted, with and without a port."""
    assert (await call(sandbox, "GET", "/check-api-key", headers={"Host": host})).status_code == 200


async def test_more_names_can_be_allowed() -> None:
    """More host names can be allowed, for example for a container."""
    sandbox = Sandbox(hosts=["kombo"])
    assert (await call(sandbox, "GET", "/check-api-key", headers={"Host": "kombo:8420"})).status_code == 200
    assert (await call(sandbox, "GET", "/check-api-key", headers={"Host": "other"})).status_code == 400


MARKUP = '<img src=x onerror="alert(1)">'


async def test_nothing_is_drawn_as_markup(sandbox: Sandbox) -> None:
    """Nothing from integrations, records, requests, faults and webhooks is shown as markup."""
    sandbox.add_integration(f"lever:{MARKUP}", organization=MARKUP)
    sandbox.faults.add(code=MARKUP, message=MARKUP, integration=MARKUP)
    sandbox.webhooks.add(f"http://127.0.0.1:1/{MARKUP}")
    sandbox.world(GREENHOUSE).add("ats_tags", {"name": MARKUP})
    await call(sandbox, "GET", f"/ats/tags?ids={MARKUP}", headers={"X-Integration-Id": MARKUP})
    async with admin(sandbox) as http:
        for path in FRAGMENTS:
            answer = await http.get(path)
            assert answer.status_code == 200, path
            assert "<img" not in answer.text
            assert "script-src 'self'" in answer.headers["content-security-policy"]


FRAGMENTS = [
    "/",
    "/_sandbox/fragments/integrations",
    "/_sandbox/fragments/faults",
    "/_sandbox/fragments/requests",
    "/_sandbox/fragments/requests/1",
    "/_sandbox/fragments/webhooks",
    f"/_sandbox/fragments/records?integration={GREENHOUSE}&model=ats_tags",
]


@pytest.mark.parametrize(
    "settings",
    [
        {"category": "<b>"},
        {"category": "CRM"},
        {"sync_status": 500},
        {"active": "no"},
        {"permissions": {"ats_candidate": "MISSING"}},
        {"permissions": {"ats_candidates": "missing"}},
        {"permissions": "MISSING"},
        {"organization": None},
        {"email": 5},
        {"calls": -1},
    ],
)
async def test_integrations_that_make_no_sense_are_refused(sandbox: Sandbox, settings: dict[str, Any]) -> None:
    """Invalid integrations are refused, from Python and over HTTP."""
    before = len(sandbox.integrations)
    (name,) = settings
    with pytest.raises(ValueError, match=name.removeprefix("sync_")):
        sandbox.add_integration("lever:demo", **settings)
    async with admin(sandbox) as http:
        answer = await http.post("/_sandbox/integrations", json={"id": "lever:demo", **settings})
        assert answer.status_code == 400
        if name in ("active", "permissions"):
            changed = await http.patch(f"/_sandbox/integrations/{GREENHOUSE}", json=settings)
            assert changed.status_code == 400
        unknown = await http.patch(f"/_sandbox/integrations/{GREENHOUSE}", json={"activ": False})
        assert "activ" in unknown.json()["error"]
    assert len(sandbox.integrations) == before
    assert sandbox.integration(GREENHOUSE).state == "active"


HALF = '{"status": 500, "message": "\\ud800"}'
"""Half a character, which no response could repeat."""


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        "{",
        "\xff",
        "[]",
        "9" * 5_000,
        HALF,
        '{"a": 1e999}',
        f'{{"status": 5{"0" * 30}}}',
    ],
)
async def test_bodies_that_are_no_objects(sandbox: Sandbox, content: str) -> None:
    """What is nested too deeply, cut off or of another type is refused, by the API and by `/_sandbox`."""
    headers = {"Content-Type": "application/json"}
    async with admin(sandbox) as http:
        assert (await http.post("/_sandbox/faults", content=content, headers=headers)).status_code == 400
        answer = await call(sandbox, "POST", "/ats/candidates", content=content, headers=headers)
        assert answer.status_code == 400
        for path in ("requests", "requests/1", "fragments/requests", "fragments/requests/1"):
            assert (await http.get(f"/_sandbox/{path}")).status_code == 200


@pytest.mark.parametrize("seconds", [1e308, float("nan"), float("inf"), -1e12, 1e12])
async def test_a_clock_stays_in_its_years(sandbox: Sandbox, seconds: float) -> None:
    """Times outside the clock's years are refused."""
    with pytest.raises(ValueError, match="1970 to 9999"):
        sandbox.clock.advance(seconds)
    async with admin(sandbox) as http:
        content = f'{{"advance": {str(seconds).replace("nan", "NaN").replace("inf", "Infinity")}}}'
        answer = await http.post("/_sandbox/clock", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400
        assert (await http.get("/_sandbox/state")).status_code == 200


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"connection": "timeout"}, "connection"),
        ({"connection": ""}, "connection"),
        ({"status": "500"}, "status"),
        ({"status": 600}, "status"),
        ({"status": 500, "times": 0}, "times"),
        ({"status": 500, "probability": 2}, "probability"),
        ({"status": 500, "every": 1.5}, "every"),
        ({"delay": -1}, "delay"),
        ({"delay": float("nan")}, "delay"),
        ({"jump": float("inf")}, "jump"),
        ({"status": 500, "operation": "PostAtsCandidate"}, "operation"),
        ({"status": 500, "operation": ["PostAtsCandidates", "x"]}, "operation"),
        ({"status": 500, "headers": ["a"]}, "headers"),
        ({"status": 500, "headers": {"a": "b\r\nc: d"}}, "headers"),
        ({"status": 500, "headers": {"a b": "c"}}, "headers"),
        ({"status": 500, "content_type": "text/html; charset=\u20ac"}, "content_type"),
        ({"status": 500, "skip": None}, "skip"),
        ({"status": 500, "operation": 5}, "operation"),
        ({"after_performing": True}, "has no effect"),
        ({"message": "no status"}, "has no effect"),
        ({"statu": 500}, "statu: faults have no such setting; did you mean status"),
    ],
)
async def test_faults_that_do_nothing_are_refused(sandbox: Sandbox, settings: dict[str, Any], named: str) -> None:
    """Faults without an effect are refused by name, from Python and over HTTP."""
    with pytest.raises((ValueError, TypeError), match=named):
        sandbox.faults.add(**settings)
    if all(value == value and value not in (float("inf"),) for value in settings.values()):
        async with admin(sandbox) as http:
            answer = await http.post("/_sandbox/faults", json=settings)
            assert answer.status_code == 400
            assert named in answer.json()["error"]
    assert len(sandbox.faults) == 0


def test_a_fault_has_the_parameters_of_its_class(sandbox: Sandbox) -> None:
    """Editors and `help` show them, though they are written once."""
    own = list(inspect.signature(sandbox.faults.add).parameters)
    assert own == list(inspect.signature(Fault).parameters)


async def test_mistyped_models_are_refused(sandbox: Sandbox) -> None:
    """Unknown models are refused with the nearest names."""
    with pytest.raises(LookupError, match="ats_candidates"):
        sandbox.world(GREENHOUSE).table("ats_candidate")
    with pytest.raises(LookupError, match="ats_candidates"):
        sandbox.delete_record(GREENHOUSE, "ats_candidate", "x")
    async with admin(sandbox) as http:
        answer = await http.get(f"/_sandbox/records/{GREENHOUSE}/ats_candidate")
        assert (answer.status_code, "ats_candidates" in answer.text) == (400, True)


@pytest.mark.parametrize(
    "settings",
    [
        {"actions_at_once": 0},
        {"latency": -1},
        {"latency": float("nan")},
        {"latency": (2, 1)},
        {"read_latency": "1"},
        {"rate_limit": (0, 1)},
        {"rate_limit": (1, 0)},
        {"employees": -1},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    """Invalid settings are refused by name when the sandbox is created."""
    (name,) = settings
    with pytest.raises(ValueError, match=name.removeprefix("read_")):
        Sandbox(**settings)


NONSENSE: tuple[Any, ...] = (None, [], -1, 1e308, 10**30, "\u00e9\u0000", True)
SETTINGS = {
    "POST /clock": ("advance", "set", "stop", "go"),
    "POST /latency": ("actions", "reads"),
    "POST /faults": tuple(field.name for field in attrs.fields(Fault) if field.init),
    "POST /integrations": tuple(inspect.signature(Environment.add_integration).parameters)[1:],
    f"PATCH /integrations/{GREENHOUSE}": ("active", "qa_passed", "permissions", "organization", "email", "sync"),
    "POST /webhooks": ("url", "secret", "events"),
    "POST /webhooks/disturb": ("delay", "copies", "shuffle"),
    "POST /orders": ("integration_id", "inline"),
    "POST /connect/x": ("tool",),
    **{f"POST /scenes/{each['name']}": tuple(each["settings"]) for each in Sandbox().scenes.describe()},
}
NEEDED: dict[str, dict[str, Any]] = {
    "POST /integrations": {"id": "lever:x"},
    "POST /webhooks": {"url": "http://a.example"},
    "POST /faults": {"status": 500},
}


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("door", SETTINGS)
async def test_nonsense_at_a_door_breaks_nothing(door: str) -> None:
    """Any value for any setting is refused with a message, or works."""
    method, _, path = door.partition(" ")
    for name in SETTINGS[door]:
        for value in NONSENSE:
            sandbox = Sandbox(employees=1, candidates=1)
            async with admin(sandbox) as http:
                answer = await http.request(method, f"/_sandbox{path}", json={**NEEDED.get(door, {}), name: value})
                assert answer.status_code in (200, 400, 404), (name, value)
                assert answer.status_code == 200 or answer.json()["error"], (name, value)
                for fragment in (*FRAGMENTS[1:3], "/_sandbox/state"):
                    assert (await http.get(fragment)).status_code == 200, (name, value, fragment)
            if not set_to_wait(sandbox):
                asked = await call(sandbox, "POST", "/force-sync")
                assert "fault of its own" not in asked.text, (name, value)


def set_to_wait(sandbox: Sandbox) -> bool:
    """Whether a call would take its time now."""
    return any(fault.delay or fault.slow or fault.connection for fault in sandbox.faults) or any(
        (sandbox.action_latency, sandbox.read_latency)
    )


@pytest.mark.parametrize(
    "query",
    ["page=99999999999999999999", "page=-1", "page=%C2%B2", "page=%D9%A3", "page=x", "status=9", "q=%00", "q=%FF"],
)
async def test_odd_queries_of_the_page(sandbox: Sandbox, query: str) -> None:
    """Odd queries of the page show what there is."""
    async with admin(sandbox) as http:
        for fragment in ("requests", "records", "webhooks", "models"):
            assert (await http.get(f"/_sandbox/fragments/{fragment}?{query}")).status_code == 200


@pytest.mark.parametrize("query", ["limit=x", "after=soon", "performed=perhaps", "nothing=1"])
async def test_odd_queries_of_the_request_log(sandbox: Sandbox, query: str) -> None:
    """Odd queries of the request log are refused by parameter; empty ones are ignored."""
    async with admin(sandbox) as http:
        answer = await http.get(f"/_sandbox/requests?{query}")
        assert (answer.status_code, answer.json()["error"].partition(":")[0]) == (400, query.partition("=")[0])
        await call(sandbox, "GET", "/ats/tags")
        await call(sandbox, "GET", "/ats/jobs")
        empty = await http.get("/_sandbox/requests?operation=&integration=&status=&performed=&after=&limit=1")
        assert [each["operation"] for each in empty.json()] == ["GetAtsJobs"]


@pytest.mark.parametrize("status", [204, 205, 304])
async def test_a_fault_without_a_body(sandbox: Sandbox, status: int) -> None:
    """Responses whose status allows no body have none."""
    sandbox.faults.add("GetAtsTags", status=status, body="x", times=1)
    answer = await call(sandbox, "GET", "/ats/tags")
    assert (answer.status_code, answer.content) == (status, b"")


async def test_a_clock_that_cannot_jump_stays(sandbox: Sandbox) -> None:
    """A clock that cannot jump stays, and the call is answered."""
    sandbox.faults.add("GetAtsTags", jump=-1e9)
    statuses = [(await call(sandbox, "GET", "/ats/tags")).status_code for _ in range(3)]
    assert statuses == [200] * 3
    assert sandbox.clock.now().year >= 1970
