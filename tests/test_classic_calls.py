"""The most common calls: each response that Kombo documents for them becomes its own class."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, assert_never

import httpx
import pytest
import respx

from kombo_async import (
    AsyncKomboClient,
    BadRequest,
    Conflict,
    Failure,
    Forbidden,
    NotFound,
    RateLimited,
    Response,
    RetryPolicy,
    ServerError,
    Success,
    SyncPending,
    Unauthorized,
    UnexpectedResponse,
    ats,
)
from tests.support.loopback import Received, loopback, raw_answer
from tests.support.wire import API_KEY, CANDIDATE, INTEGRATION, failure, old_failure, sent_json, success

pytestmark = pytest.mark.anyio

CV = b"%PDF-1.7 Frank Doe"
CV_BASE64 = "JVBERi0xLjcgRnJhbmsgRG9l"


async def create_candidate(kombo: AsyncKomboClient) -> Response[Any]:
    return await kombo.ats.create_candidate(
        candidate=ats.CandidateInput(first_name="Frank", last_name="Doe", email_address="frank@example.com"),
        application=ats.CandidateApplicationInput(job_id="BDpgnpZ148nrGh4mYHNxJBgx"),
        attachments=[ats.AttachmentInput.from_bytes(CV, "cv.pdf", type="CV")],
    )


async def add_candidate_attachment(kombo: AsyncKomboClient) -> Response[Any]:
    return await kombo.ats.add_candidate_attachment(
        "26vafvWSRmbhNcxJYqjCzuJg", attachment=ats.AttachmentInput.from_bytes(CV, "cv.pdf", type="CV")
    )


async def add_candidate_result_link(kombo: AsyncKomboClient) -> Response[Any]:
    return await kombo.ats.add_candidate_result_link(
        "26vafvWSRmbhNcxJYqjCzuJg", label="Coding test", url="https://example.com/results/1"
    )


ATTACHMENT = {"name": "cv.pdf", "content_type": "application/pdf", "data": CV_BASE64, "type": "CV"}
ClassicCall = Callable[[AsyncKomboClient], Awaitable[Response[Any]]]
CALLS: list[tuple[ClassicCall, str, Any, Any]] = [
    (
        create_candidate,
        "/ats/candidates",
        {
            "candidate": {"first_name": "Frank", "last_name": "Doe", "email_address": "frank@example.com"},
            "application": {"job_id": "BDpgnpZ148nrGh4mYHNxJBgx"},
            "attachments": [ATTACHMENT],
        },
        CANDIDATE,
    ),
    (
        add_candidate_attachment,
        "/ats/candidates/26vafvWSRmbhNcxJYqjCzuJg/attachments",
        {"attachment": ATTACHMENT},
        {},
    ),
    (
        add_candidate_result_link,
        "/ats/candidates/26vafvWSRmbhNcxJYqjCzuJg/result-links",
        {"label": "Coding test", "url": "https://example.com/results/1"},
        {},
    ),
]
each_call = pytest.mark.parametrize(
    ("call", "path", "body", "data"), [pytest.param(*case, id=case[0].__name__) for case in CALLS]
)

FAILURES: list[tuple[httpx.Response, type[Failure]]] = [
    (old_failure(400), BadRequest),
    (failure(400, "REMOTE.INPUT_INVALID"), BadRequest),
    (old_failure(401), Unauthorized),
    (failure(401, "PLATFORM.AUTHENTICATION_INVALID"), Unauthorized),
    (old_failure(403), Forbidden),
    (failure(403, "INTEGRATION.INACTIVE"), Forbidden),
    (old_failure(404), NotFound),
    (failure(404, "PLATFORM.INTEGRATION_NOT_FOUND"), NotFound),
    (old_failure(503), SyncPending),
    (failure(503), SyncPending),
    (failure(503, "INTEGRATION.SETUP_SYNC_PENDING"), SyncPending),
    (failure(409, "INTEGRATION.SETUP_SYNC_PENDING"), SyncPending),
    (failure(409, "INTEGRATION.SETUP_INCOMPLETE"), Conflict),
    (failure(409, "INTEGRATION.QA_FAILED"), Conflict),
    (failure(429, "PLATFORM.CONCURRENCY_LIMIT_EXCEEDED"), RateLimited),
]


def a_client(base_url: str | None = None) -> AsyncKomboClient:
    return AsyncKomboClient(API_KEY, integration_id=INTEGRATION, base_url=base_url, retry=RetryPolicy.none())


def assert_fails_as(reply: Response[Any], cls: type[Failure], answer: httpx.Response) -> None:
    """Assert that *reply* has exactly the class for *answer*, and all of its content."""
    assert type(reply) is cls
    error = answer.json()["error"]
    assert reply.status == "error"
    assert reply.status_code == reply.raw_response.status_code == answer.status_code
    assert reply.content_type == "application/json"
    assert reply.raw_response.content == answer.content
    assert (reply.code, reply.title, reply.log_url) == (error.get("code"), error.get("title"), error.get("log_url"))
    assert reply.message == reply.error.message == error["message"]
    assert reply.attempts == 1
    assert not reply.may_have_applied
    with pytest.raises(cls, match=f"^{answer.status_code}"):
        reply.unwrap()


@each_call
async def test_success(call: ClassicCall, path: str, body: Any, data: Any, respx_mock: respx.MockRouter) -> None:
    """200 comes back as `Success` with typed data, the warnings, and the raw response."""
    answer = success(data, ["The connected system has no field for this."])
    route = respx_mock.post(f"https://api.kombo.dev/v1{path}").mock(return_value=answer)
    async with a_client() as kombo:
        reply = await call(kombo)
    assert isinstance(reply, Success)
    assert (reply.status, reply.status_code, reply.content_type) == ("success", 200, "application/json")
    assert reply.raw_response.json()["data"] == data
    assert [warning.message for warning in reply.warnings] == ["The connected system has no field for this."]
    assert reply.drift == []
    assert reply.unwrap() is reply.data
    request = route.calls.last.request
    assert sent_json(request) == body
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == f"Bearer {API_KEY}"
    assert request.headers["x-integration-id"] == INTEGRATION


@each_call
async def test_failures(call: ClassicCall, path: str, body: Any, data: Any, respx_mock: respx.MockRouter) -> None:
    """Each documented failure comes back as its class, with status, content type, raw response and Kombo's words."""
    route = respx_mock.post(f"https://api.kombo.dev/v1{path}")
    async with a_client() as kombo:
        for answer, cls in FAILURES:
            route.mock(return_value=answer)
            assert_fails_as(await call(kombo), cls, answer)


@each_call
async def test_over_a_real_socket(call: ClassicCall, path: str, body: Any, data: Any) -> None:
    """The same over real HTTP: what the server receives, and every documented response."""
    answers: list[tuple[httpx.Response, type[Any]]] = [(success(data, []), Success), *FAILURES]
    left, received = [answer for answer, _ in answers], list[Received]()

    def serve(request: Received) -> bytes:
        received.append(request)
        answer = left.pop(0)
        return raw_answer(answer.status_code, answer.content, {"Content-Type": "application/json"})

    with loopback(serve) as url:
        async with a_client(url) as kombo:
            for answer, cls in answers:
                reply = await call(kombo)
                if cls is Success:
                    assert type(reply) is Success
                    assert reply.raw_response.content == answer.content
                else:
                    assert_fails_as(reply, cls, answer)
    for request in received:
        assert (request.method, request.target) == ("POST", f"/v1{path}")
        assert int(request.headers["Content-Length"]) == len(request.body)
        assert sent_json(httpx.Request("POST", url, content=request.body)) == body


@each_call
async def test_first_sync_is_waited_for(
    call: ClassicCall, path: str, body: Any, data: Any, respx_mock: respx.MockRouter
) -> None:
    """A call during the first sync is sent again and succeeds once the sync ends, in the older and the newer form."""
    route = respx_mock.post(f"https://api.kombo.dev/v1{path}").mock(
        side_effect=[old_failure(503), failure(409, "INTEGRATION.SETUP_SYNC_PENDING"), success(data, [])]
    )
    policy = RetryPolicy(initial_delay=0.001, sync_wait=1.0)
    async with AsyncKomboClient(API_KEY, integration_id=INTEGRATION, retry=policy) as kombo:
        reply = await call(kombo)
    assert isinstance(reply, Success)
    assert reply.attempts == 3
    assert [sent_json(each.request) for each in route.calls] == [body] * 3


async def test_match_is_exhaustive(respx_mock: respx.MockRouter) -> None:
    """`match` over the classes distinguishes all responses."""
    respx_mock.post("https://api.kombo.dev/v1/ats/candidates").mock(return_value=old_failure(404))
    async with a_client() as kombo:
        reply = await create_candidate(kombo)
    match reply:
        case NotFound():
            assert reply.message == "It did not work."
        case Success() | BadRequest() | Unauthorized() | Forbidden() | SyncPending() | Conflict() | RateLimited():
            pytest.fail("another class")
        case ServerError() | UnexpectedResponse():
            pytest.fail("another class")
        case _:
            assert_never(reply)
