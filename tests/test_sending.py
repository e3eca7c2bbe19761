"""What calls are sent through: the default transport, others, and the caller's own clients."""

from __future__ import annotations

import gc
from typing import Any

import httpx
import httpx2
import pytest

from kombo_async import (
    AsyncKomboClient,
    BadRequest,
    KomboError,
    RetryPolicy,
    Success,
    UnexpectedResponse,
    ats,
)
from tests.support.wire import API_KEY, CANDIDATE, INTEGRATION, answering, mock_client, page, success

LINK: dict[str, Any] = {"label": "Report", "url": "https://example.com/r"}


@pytest.mark.anyio
async def test_user_agent_and_accept() -> None:
    """Each request says who sends it and what it takes; a GET has no body and no content type."""
    handler, sent = answering(page())
    async with mock_client(handler) as kombo:
        await kombo.ats.get_candidates()
    assert sent[0].headers["user-agent"].startswith("kombo-async/")
    assert sent[0].headers["accept"] == "application/json"
    assert sent[0].headers["authorization"] == f"Bearer {API_KEY}"
    assert "content-type" not in sent[0].headers
    assert sent[0].content == b""


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["User-Agent", "user-agent", "ACCEPT"])
async def test_defaults_of_headers_can_be_replaced(name: str) -> None:
    """A caller's `User-Agent` or `Accept`, in any case, replaces the client's own."""
    handler, sent = answering(page())
    async with mock_client(handler) as kombo:
        await kombo.ats.get_candidates(options={"headers": {name: "mine"}})
    assert sent[0].headers.get_list(name) == ["mine"]


@pytest.mark.anyio
async def test_own_http_client_stays_open() -> None:
    """A caller's `httpx.AsyncClient` is used, headers of its own included, and left open."""
    handler, sent = answering(success({}, []))
    async with httpx.AsyncClient(transport=httpx.MockTransport(handler), headers={"X-Mine": "1"}) as http_client:
        async with AsyncKomboClient(API_KEY, integration_id=INTEGRATION, http_client=http_client) as kombo:
            reply = await kombo.ats.add_candidate_result_link("1", **LINK)
        assert not http_client.is_closed
    assert isinstance(reply.raw_response, httpx.Response)
    assert reply.raw_response.json() == {"status": "success", "data": {}, "warnings": []}
    assert sent[0].headers["x-mine"] == "1"
    assert sent[0].headers["authorization"] == f"Bearer {API_KEY}"


@pytest.mark.anyio
async def test_own_http_client_adds_no_key_and_no_cookie() -> None:
    """No other key, and no cookie from other responses, is sent with a call."""
    handler, sent = answering(success({}, [], Set_Cookie="session=of-another-key"))
    async with httpx.AsyncClient(transport=httpx.MockTransport(handler), auth=("other", "key")) as http_client:
        for api_key in (API_KEY, "second-key"):
            async with AsyncKomboClient(api_key, integration_id=INTEGRATION, http_client=http_client) as kombo:
                await kombo.ats.add_candidate_result_link("1", **LINK)
    assert [request.headers["authorization"] for request in sent] == [f"Bearer {API_KEY}", "Bearer second-key"]
    assert not any("cookie" in request.headers for request in sent)


@pytest.mark.parametrize("http_client", [httpx.Client(), object(), "httpx"], ids=lambda each: type(each).__name__)
def test_http_client_that_is_none(http_client: Any) -> None:
    """What cannot send asynchronously is refused at once."""
    with pytest.raises(ValueError, match=r"http_client: pass an httpx\.AsyncClient or httpx2\.AsyncClient, not"):
        AsyncKomboClient(API_KEY, http_client=http_client)


@pytest.mark.anyio
@pytest.mark.parametrize("timeout", [0.02, 0.2, 3.0, 300.0])
async def test_time_for_connecting_ends_before_the_attempt_does(timeout: float) -> None:
    """The caller's transport times out on connecting before the attempt does, so it is known that nothing was sent."""
    handler, sent = answering(page())
    async with mock_client(handler) as kombo:
        await kombo.ats.get_candidates(options={"timeout": timeout})
    assert 0 < sent[0].extensions["timeout"]["connect"] < timeout
    assert 0 < sent[0].extensions["timeout"]["pool"] < timeout


@pytest.mark.anyio
async def test_httpx2_client_works_alike() -> None:
    """An `httpx2.AsyncClient` works as httpx's does, for successes, failures and missing answers."""

    def handler(request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            raise httpx2.ConnectError("no", request=request)
        return httpx2.Response(200, json={"status": "success", "data": {}, "warnings": [{"message": "w"}]})

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(handler)) as http_client:
        http: Any = http_client
        kombo = AsyncKomboClient(API_KEY, integration_id=INTEGRATION, http_client=http, retry=RetryPolicy.none())
        reply = await kombo.ats.add_candidate_result_link("1", **LINK)
        with pytest.raises(KomboError, match="no connection could be made"):
            await kombo.ats.get_candidates()
        await kombo.aclose()
        assert not http_client.is_closed
    assert isinstance(reply, Success)
    assert type(reply.raw_response).__module__.startswith("httpx2")
    assert [warning.message for warning in reply.warnings] == ["w"]


@pytest.mark.anyio
async def test_httpx2_transport_works_alike() -> None:
    """`transport=` takes httpx2's transports, too."""
    transport: Any = httpx2.MockTransport(lambda _: httpx2.Response(400, json={"error": {"message": "no"}}))
    async with AsyncKomboClient(API_KEY, transport=transport) as kombo:
        reply = await kombo.general.check_api_key()
    assert isinstance(reply, BadRequest)
    assert reply.message == "no"


@pytest.mark.anyio
@pytest.mark.parametrize("own_client", [False, True])
async def test_redirects_are_not_followed(own_client: bool) -> None:
    """Redirects are not followed, so the key reaches no other host, even if the caller's client follows them."""
    handler, sent = answering(httpx.Response(307, headers={"Location": "https://elsewhere.example.com/"}))
    transport = httpx.MockTransport(handler)
    async with httpx.AsyncClient(transport=transport, follow_redirects=True) as http_client:
        sending: Any = {"http_client": http_client} if own_client else {"transport": transport}
        async with AsyncKomboClient(API_KEY, integration_id=INTEGRATION, **sending) as kombo:
            reply = await kombo.ats.get_candidates()
    assert isinstance(reply, UnexpectedResponse)
    assert reply.status_code == 307
    assert len(sent) == 1


@pytest.mark.anyio
async def test_client_works_without_entering() -> None:
    """A client works without `async with`, and leaves nothing unclosed."""
    handler, _ = answering(success({**CANDIDATE}, []))
    kombo = mock_client(handler)
    reply = await kombo.send(
        ats.CreateCandidate(
            candidate=ats.CandidateInput(first_name="Frank", last_name="Doe", email_address="frank@example.com"),
            application=ats.CandidateApplicationInput(job_id="1"),
        )
    )
    assert reply.unwrap().id == CANDIDATE["id"]
    await kombo.aclose()
    gc.collect()


@pytest.mark.anyio
async def test_each_namespace_is_there() -> None:
    """The client has a resource for each namespace, made once."""
    kombo = AsyncKomboClient(API_KEY)
    for name in ("ats", "hris", "lms", "assessment", "ai_apply", "connect", "general", "custom"):
        assert getattr(kombo, name) is getattr(kombo, name)


@pytest.mark.anyio
@pytest.mark.parametrize("location", ["http://[", "//", "x" * 400, "http://a:b:c/", "\x00"])
async def test_a_redirect_to_nowhere_is_an_answer(location: str) -> None:
    """A redirect is never followed, so a `Location` that makes no sense makes no difference; it is kept as it came."""
    raw = httpx.Response(302, headers=[(b"location", location.encode())])
    transport = httpx.MockTransport(lambda _: raw)
    async with AsyncKomboClient(API_KEY, integration_id=INTEGRATION, transport=transport) as kombo:
        reply = await kombo.ats.get_jobs()
    assert isinstance(reply, UnexpectedResponse)
    assert reply.raw_response.headers["location"] == location
