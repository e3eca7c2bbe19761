"""The client: its settings, what it refuses at once, and what views and single calls can override."""

from __future__ import annotations

import math
from typing import Any, cast

import anyio
import httpx
import pytest

from kombo_async import (
    AsyncKomboClient,
    RetryPolicy,
    ServerError,
    TimedOut,
    Timeout,
    ats,
)
from tests.support.wire import API_KEY, INTEGRATION, answering, failure, mock_client, page, success

LINK: dict[str, Any] = {"label": "Report", "url": "https://example.com/r"}


# Settings


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"api_key": None}, "KOMBO_API_KEY"),
        ({"api_key": ""}, "KOMBO_API_KEY"),
        ({"api_key": "k3y\r\nk3y"}, "^api_key: "),
        ({"region": "moon"}, "use one of eu, us, ca"),
        ({"base_url": "http://api.example.com/v1"}, "https://.*allow_http=True"),
        ({"base_url": "api.example.com"}, "pass an address such as"),
        ({"base_url": "ftp://example.com"}, "pass an address such as"),
        ({"base_url": "https://user:pw@example.com/v1"}, "without user"),
        ({"base_url": "https://example.com/v1?x=1"}, "without user, query"),
        ({"integration_id": "a\nb"}, "^integration_id: "),
        ({"timeout": 0}, "^timeout: "),
        ({"timeout": -1.0}, "^timeout: "),
        ({"timeout": math.nan}, "^timeout: "),
        ({"timeout": "3"}, "^timeout: must be a number"),
        ({"deadline": math.nan}, "^deadline: "),
        ({"deadline": "3"}, "^deadline: must be a number"),
        ({"max_connections": math.nan}, "^max_connections: "),
        ({"max_connections": 0}, "^max_connections: "),
        ({"max_response_bytes": 0}, "^max_response_bytes: "),
        ({"integration_id": 5}, "^integration_id: must be text"),
        ({"headers": {"X-Trace": b"k3y"}}, "must be text, not a bytes"),
        ({"headers": {5: "x"}}, "^headers: a name must be text"),
        ({"headers": ["X-Trace"]}, "^headers: must be a mapping"),
        ({"headers": {"Authorization: k3y": "x"}}, "not a valid header name"),
        ({"headers": {"X-Trace": "a\r\nX-Integration-Id: other"}}, "X-Trace"),
        ({"headers": {"Authorization": "Bearer other"}}, "api_key="),
        ({"headers": {"x-integration-id": "other"}}, "integration_id="),
        ({"headers": {"no name": "x"}}, "not a valid header name"),
        ({"headers": {"X-Trace": ""}}, "X-Trace"),
        (
            {"transport": httpx.MockTransport(lambda _: httpx.Response(200)), "http_client": object()},
            "pass only one of them",
        ),
    ],
)
def test_wrong_settings_fail_at_once(settings: dict[str, Any], says: str) -> None:
    """A setting that cannot work is refused when the client is created, with what to do instead."""
    with pytest.raises(ValueError, match=says) as caught:
        AsyncKomboClient(**{"api_key": API_KEY, **settings})
    assert "k3y" not in str(caught.value), "the key is not shown"


@pytest.mark.parametrize("value", [-1, math.nan, "3", None, True, [1]])
@pytest.mark.parametrize("field", ["attempts", "initial_delay", "max_delay", "max_retry_after", "sync_wait"])
def test_wrong_retry_policy_fails_at_once(field: str, value: object) -> None:
    """A retry policy that makes no sense is refused when it is created."""
    with pytest.raises(ValueError, match=f"^{field}: "):
        RetryPolicy(**cast("Any", {field: value}))


@pytest.mark.parametrize(
    "settings", [{"retry_ambiguous": "false"}, {"jitter": 1}, {"on_wait": 3}, {"attempts": 1.5}, {"attempts": 0}]
)
def test_retry_policies_of_wrong_types_fail_at_once(settings: dict[str, Any]) -> None:
    """The text "false" is not taken for true, least of all where that could create something twice."""
    with pytest.raises(ValueError, match=f"^{next(iter(settings))}: "):
        RetryPolicy(**settings)


@pytest.mark.parametrize("value", [0, math.nan, "3", None])
def test_wrong_timeouts_fail_at_once(value: object) -> None:
    """A `Timeout` that makes no sense is refused when it is created."""
    with pytest.raises(ValueError, match=r"^read: "):
        Timeout(read=cast("Any", value))


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("settings", "environment", "url"),
    [
        ({}, {}, "https://api.kombo.dev/v1/check-api-key"),
        ({"region": "eu"}, {}, "https://api.kombo.dev/v1/check-api-key"),
        ({"region": "us"}, {}, "https://api.us.kombo.dev/v1/check-api-key"),
        ({"region": "ca"}, {}, "https://api.ca.kombo.dev/v1/check-api-key"),
        ({"base_url": "https://proxy.example.com/kombo/"}, {}, "https://proxy.example.com/kombo/check-api-key"),
        ({"base_url": "http://localhost:9/v1"}, {}, "http://localhost:9/v1/check-api-key"),
        ({"base_url": "http://127.0.0.2/v1"}, {}, "http://127.0.0.2/v1/check-api-key"),
        ({"base_url": "http://[::1]:9/v1"}, {}, "http://[::1]:9/v1/check-api-key"),
        ({"base_url": "http://kombo.test", "allow_http": True}, {}, "http://kombo.test/check-api-key"),
        ({}, {"KOMBO_BASE_URL": "https://env.example.com/v1"}, "https://env.example.com/v1/check-api-key"),
        ({"region": "us"}, {"KOMBO_BASE_URL": "https://env.example.com"}, "https://api.us.kombo.dev/v1/check-api-key"),
    ],
)
async def test_where_calls_go(
    settings: dict[str, Any], environment: dict[str, str], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The base URL is the argument, otherwise the region's, otherwise the environment's, otherwise the EU's."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    handler, sent = answering(failure(401))
    async with mock_client(handler, **settings) as kombo:
        await kombo.general.check_api_key()
    assert str(sent[0].url) == url


@pytest.mark.anyio
async def test_key_and_integration_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`KOMBO_API_KEY` and `KOMBO_INTEGRATION_ID` are used if nothing is passed."""
    monkeypatch.setenv("KOMBO_API_KEY", "from-environment")
    monkeypatch.setenv("KOMBO_INTEGRATION_ID", "workday:1")
    handler, sent = answering(page())
    async with AsyncKomboClient(transport=httpx.MockTransport(handler)) as kombo:
        await kombo.ats.get_candidates()
    assert sent[0].headers["authorization"] == "Bearer from-environment"
    assert sent[0].headers["x-integration-id"] == "workday:1"


def test_repr_has_no_key() -> None:
    """Printing a client shows its base URL, not the key."""
    kombo = AsyncKomboClient(API_KEY, integration_id=INTEGRATION)
    assert API_KEY not in repr(kombo)
    assert INTEGRATION in repr(kombo)


# Calls that cannot be made


@pytest.mark.anyio
async def test_missing_integration_is_refused() -> None:
    """An operation that needs an integration says so before anything is sent; platform operations need none."""
    handler, sent = answering(failure(401))
    async with mock_client(handler, integration_id=None) as kombo:
        with pytest.raises(ValueError, match=r"GetAtsCandidates needs one; .*for_integration"):
            await kombo.ats.get_candidates()
        assert not sent
        await kombo.general.check_api_key()
    assert "x-integration-id" not in sent[0].headers


@pytest.mark.anyio
@pytest.mark.parametrize("bad", ["", ".", ".."])
async def test_ids_that_lead_elsewhere_are_refused(bad: str) -> None:
    """An ID that would change the path is refused, and nothing is sent."""
    handler, sent = answering(success({}))
    async with mock_client(handler) as kombo:
        with pytest.raises(ValueError, match="candidate_id"):
            await kombo.ats.add_candidate_result_link(bad, **LINK)
    assert not sent


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("candidate_id", "segment"),
    [
        ("a/b", b"a%2Fb"),
        ("../jobs", b"..%2Fjobs"),
        ("a?b#c", b"a%3Fb%23c"),
        ("100%", b"100%25"),
        ("%2F", b"%252F"),
        ("a b\r\n", b"a%20b%0D%0A"),
        ("Jürgen", b"J%C3%BCrgen"),
    ],
)
async def test_ids_are_escaped(candidate_id: str, segment: bytes) -> None:
    """Whatever an ID contains, it stays one segment of the path."""
    handler, sent = answering(success({}, []))
    async with mock_client(handler) as kombo:
        await kombo.ats.add_candidate_result_link(candidate_id, **LINK)
    assert sent[0].url.raw_path == b"/v1/ats/candidates/" + segment + b"/result-links"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"integration_id": "a\r\nb"}, "^integration_id: "),
        ({"integration_id": ""}, "^integration_id: "),
        ({"headers": {"X-Trace": "a\nb"}}, "X-Trace"),
        ({"headers": {"Authorization": "Bearer other"}}, "api_key="),
    ],
)
async def test_wrong_options_are_refused(options: Any, says: str) -> None:
    """Options that would break out of their header, or replace the client's own, are refused before sending."""
    handler, sent = answering(page())
    async with mock_client(handler) as kombo:
        with pytest.raises(ValueError, match=says):
            await kombo.ats.get_candidates(options=options)
    assert not sent


@pytest.mark.anyio
async def test_closed_client_says_so() -> None:
    """A closed client refuses calls, and cannot be entered again."""
    handler, sent = answering(page())
    kombo = mock_client(handler)
    await kombo.ats.get_candidates()
    await kombo.aclose()
    await kombo.aclose()
    with pytest.raises(RuntimeError, match="closed; create a new one"):
        await kombo.ats.get_candidates()
    with pytest.raises(RuntimeError, match="closed; create a new one"):
        await kombo.__aenter__()
    assert len(sent) == 1


# Views and options


@pytest.mark.anyio
async def test_views_share_the_connections() -> None:
    """`for_integration` gives a view with its own integration; closing it closes nothing."""
    handler, sent = answering(page())
    async with mock_client(handler) as kombo:
        await kombo.ats.get_candidates()
        async with kombo.for_integration("workday:1") as view:
            await view.ats.get_candidates()
            await view.for_integration("personio:2").ats.get_candidates()
        await kombo.ats.get_candidates()
    assert [request.headers["x-integration-id"] for request in sent] == [
        INTEGRATION,
        "workday:1",
        "personio:2",
        INTEGRATION,
    ]
    with pytest.raises(RuntimeError, match="closed"):
        await view.ats.get_candidates()


def test_view_of_nothing_is_refused() -> None:
    """A view needs an integration ID that can be sent in a header."""
    kombo = AsyncKomboClient(API_KEY)
    with pytest.raises(ValueError, match="integration_id"):
        kombo.for_integration("a\r\nb")


@pytest.mark.anyio
async def test_options_of_a_call() -> None:
    """Integration and headers of one call replace the client's; others keep theirs."""
    handler, sent = answering(page())
    async with mock_client(handler, headers={"X-Trace": "client", "X-Team": "a"}) as kombo:
        await kombo.ats.get_candidates(options={"integration_id": "workday:1", "headers": {"X-Trace": "call"}})
        await kombo.send(ats.GetCandidates(), integration_id="workday:1", headers={"X-Trace": "call"})
        await kombo.ats.get_candidates()
    assert [request.headers["x-trace"] for request in sent] == ["call", "call", "client"]
    assert [request.headers["x-team"] for request in sent] == ["a"] * 3
    assert [request.headers["x-integration-id"] for request in sent] == ["workday:1", "workday:1", INTEGRATION]


@pytest.mark.anyio
async def test_timeout_must_be_more_than_nothing() -> None:
    """A timeout of zero or less, for the client or a call, is refused by name."""
    with pytest.raises(ValueError, match="timeout"):
        AsyncKomboClient("key", timeout=0)
    handler, sent = answering(page())
    async with mock_client(handler) as kombo:
        with pytest.raises(ValueError, match="timeout"):
            await kombo.ats.get_candidates(options={"timeout": -1})
    assert sent == []


@pytest.mark.anyio
async def test_timeout_deadline_and_retry_of_a_call() -> None:
    """Time limits and a retry policy can be set for a single call."""
    attempts = 0

    async def handler(_: httpx.Request) -> httpx.Response:
        nonlocal attempts
        attempts += 1
        if attempts == 3:
            return failure(500)
        await anyio.sleep_forever()
        raise AssertionError

    async with mock_client(handler) as kombo:
        with pytest.raises(TimedOut, match="GetAtsCandidates"), anyio.fail_after(5):
            await kombo.ats.get_candidates(options={"timeout": 0.01})
        with pytest.raises(TimedOut), anyio.fail_after(5):
            await kombo.ats.get_candidates(options={"deadline": 0.01, "retry": RetryPolicy(attempts=5)})
        reply = await kombo.ats.get_candidates(options={"retry": RetryPolicy(attempts=1)})
    assert isinstance(reply, ServerError)
    assert attempts == 3


@pytest.mark.anyio
async def test_actions_get_more_time() -> None:
    """Without `timeout=`, reads and actions have different ones; `Timeout` sets them."""
    seen: list[float] = []

    async def watch(call: Any, call_next: Any) -> Any:
        seen.append(call.timeout)
        return await call_next(call)

    handler, _ = answering(failure(400))
    for timeout in (None, Timeout(read=7, action=8), 9.0):
        async with mock_client(handler, timeout=timeout, middleware=[watch]) as kombo:
            await kombo.ats.get_candidates()
            await kombo.ats.add_candidate_result_link("1", **LINK)
    assert seen == [30, 300, 7, 8, 9, 9]
