"""What the official client's own tests and examples show, moved to this client: the way over is open.

Each test does with ours what one of theirs does with `kombo` 1.4.0; where the outcome differs, it is what the page
on moving says.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from kombo_async import (
    AsyncKomboClient,
    BadRequest,
    Forbidden,
    KomboError,
    RateLimited,
    RetryPolicy,
    ServerError,
    Success,
    Unauthorized,
    UnexpectedResponse,
    ats,
    hris,
)

pytestmark = pytest.mark.anyio
EMPTY_PAGE = {"status": "success", "data": {"results": [], "next": None}}
PERSON = ats.CandidateInput(first_name="John", last_name="Doe", email_address="john.doe@example.com")


class Kombo:
    """Answers as it is told, and keeps the requests."""

    def __init__(self, *answers: httpx.Response | Callable[[httpx.Request], httpx.Response]) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer(request) if callable(answer) else answer

    def client(
        self, api_key: str = "test-key", integration_id: str | None = "workday:1", **settings: Any
    ) -> AsyncKomboClient:
        """A client of this Kombo, which tries each call once."""
        settings = {"retry": RetryPolicy.none(), **settings}
        return AsyncKomboClient(api_key, integration_id=integration_id, transport=httpx.MockTransport(self), **settings)


def page(*results: object, cursor: str | None = None) -> httpx.Response:
    """A page of a list."""
    return httpx.Response(200, json={"status": "success", "data": {"results": list(results), "next": cursor}})


def error(status: int, code: str, message: str) -> httpx.Response:
    """One of Kombo's failures."""
    told = {"code": code, "title": "A title", "message": message, "log_url": "https://app.kombo.dev/logs/1"}
    return httpx.Response(status, json={"status": "error", "error": told})


async def test_the_key_is_sent() -> None:
    """As a bearer token."""
    far = Kombo(page())
    await far.client("my-own-key").ats.get_jobs()
    assert far.requests[0].headers["authorization"] == "Bearer my-own-key"


async def test_the_integration_is_sent() -> None:
    """In its header."""
    far = Kombo(page())
    await far.client(integration_id="greenhouse:abc").ats.get_jobs()
    assert far.requests[0].headers["x-integration-id"] == "greenhouse:abc"


async def test_a_missing_integration_is_told() -> None:
    """Theirs sends the call without; ours says so before anything is sent, except where none is needed."""
    far = Kombo(httpx.Response(200, json={"status": "success", "data": {"environment_id": "e", "customer_id": "c"}}))
    client = far.client(integration_id=None)
    with pytest.raises(ValueError, match="integration_id"):
        await client.ats.get_jobs()
    assert isinstance(await client.general.check_api_key(), Success)
    assert [request.headers.get("x-integration-id") for request in far.requests] == [None]


async def test_lists_of_filters_are_joined() -> None:
    """By commas: encoded or not, Kombo takes both."""
    far = Kombo(page())
    await far.client().ats.get_jobs(
        statuses=["OPEN", "CLOSED"], ids=["CPDifhHr7izJhKHmGPkXqknC", "J7znt8TJRiwPVA7paC2iCh8u"]
    )
    query = far.requests[0].url.params
    assert query["ids"] == "CPDifhHr7izJhKHmGPkXqknC,J7znt8TJRiwPVA7paC2iCh8u"
    assert query["statuses"] == "OPEN,CLOSED"


@pytest.mark.parametrize("value", [True, False])
async def test_yes_and_no_are_words(value: bool) -> None:
    """`true` and `false`."""
    far = Kombo(page())
    await far.client().ats.get_jobs(include_deleted=value)
    assert far.requests[0].url.params["include_deleted"] == str(value).lower()


async def test_defaults_are_kombos() -> None:
    """Theirs writes `page_size=100&include_deleted=false`; ours leaves out what is left out."""
    far = Kombo(page())
    await far.client().ats.get_jobs()
    assert (far.requests[0].url.path, far.requests[0].url.query) == ("/v1/ats/jobs", b"")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error(429, "PLATFORM.RATE_LIMIT_EXCEEDED", "You have exceeded the rate limit."), RateLimited),
        (error(403, "INTEGRATION.PERMISSION_MISSING", "The integration lacks permissions."), Forbidden),
        (error(400, "PLATFORM.INPUT_INVALID", "The input is invalid."), BadRequest),
        (error(401, "PLATFORM.AUTHENTICATION_INVALID", "The API key is invalid."), Unauthorized),
    ],
    ids=lambda each: each.__name__ if isinstance(each, type) else "",
)
async def test_failures_have_a_class_and_their_details(answer: httpx.Response, kind: type[KomboError]) -> None:
    """Theirs is `KomboAtsError` for all; what was in `error.data.error` is on the failure itself."""
    reply = await Kombo(answer).client().ats.get_jobs()
    assert isinstance(reply, kind)
    assert not isinstance(reply, Success)
    told = answer.json()["error"]
    assert (reply.code, reply.title, reply.message, reply.log_url) == (
        told["code"],
        told["title"],
        told["message"],
        told["log_url"],
    )
    assert reply.status == "error"
    with pytest.raises(kind, match=told["message"]):
        reply.unwrap()


async def test_a_closed_job() -> None:
    """A refusal of the domain, by its code."""
    far = Kombo(error(400, "ATS.JOB_CLOSED", "The job is closed."))
    reply = await far.client().ats.create_application("job", candidate=PERSON)
    assert isinstance(reply, BadRequest)
    assert (reply.code, reply.may_have_applied) == ("ATS.JOB_CLOSED", False)
    assert json.loads(far.requests[0].content)["candidate"]["email_address"] == "john.doe@example.com"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500, content=b"500 Internal Server Error"),
        httpx.Response(502, content=b"502 Bad Gateway", headers={"content-type": "text/plain"}),
        httpx.Response(503, content=b"<!DOCTYPE html><title>503 Service Temporarily Unavailable</title>"),
        httpx.Response(500, content=b""),
        httpx.Response(500, content=b"Server error occurred", headers={"content-type": "text/xml"}),
        httpx.Response(500, json={"errorCode": "500", "errorMessage": "Internal server error"}),
    ],
    ids=["text", "text/plain", "html", "empty", "xml", "other-json"],
)
async def test_answers_that_are_not_kombos(answer: httpx.Response) -> None:
    """Theirs raises `SDKDefaultError` or `ResponseValidationError`; ours is `ServerError`, and says it is in doubt."""
    reply = await Kombo(answer).client().ats.create_application("job", candidate=PERSON)
    assert isinstance(reply, ServerError)
    assert reply.may_have_applied
    assert reply.raw_response.content == answer.content


async def test_a_success_that_does_not_fit() -> None:
    """Theirs raises `ResponseValidationError`; ours is a success that lists the spot."""
    answer = httpx.Response(200, json={"status": "success", "data": {"environment_id": "e1", "customer_id": None}})
    reply = await Kombo(answer).client().general.check_api_key()
    assert isinstance(reply, Success)
    assert reply.data.environment_id == "e1"
    assert [spot.path for spot in reply.drift] == ["data.customer_id"]


async def test_a_success_that_is_no_json() -> None:
    """Neither can read it; ours returns it."""
    reply = await Kombo(httpx.Response(200, content=b"<html>")).client().ats.get_jobs()
    assert isinstance(reply, UnexpectedResponse)


async def test_pages_to_the_end() -> None:
    """Theirs: `while res is not None: res = res.next()`. Ours: a loop over the items, or over the pages."""
    tag = {
        "id": "t1",
        "remote_id": None,
        "name": "A",
        "changed_at": "2026-01-01T00:00:00.000Z",
        "remote_deleted_at": None,
    }
    far = Kombo(page(tag, cursor="2"), page({**tag, "id": "t2"}))
    assert [each.id async for each in far.client().ats.get_tags(page_size=1).items()] == ["t1", "t2"]
    assert [request.url.params.get("cursor") for request in far.requests] == [None, "2"]


async def test_a_form_is_read() -> None:
    """The fields of an employee form, by their kinds."""
    text = {"type": "text", "label": "First Name", "required": True, "description": None, "unified_key": "first_name"}
    number = {
        "type": "number",
        "label": "Key",
        "required": False,
        "description": None,
        "unified_key": None,
        "min": 0,
        "max": 99,
    }
    several = {**number, "type": "array", "item_type": number, "min_items": 2, "max_items": 5}
    fields = {"firstName": {**text, "min_length": 1, "max_length": 100}, "keyNumbers": several}
    answer = httpx.Response(200, json={"status": "success", "data": {"properties": fields}, "warnings": []})
    reply = await Kombo(answer).client().hris.get_employee_form()
    assert isinstance(reply, Success)
    assert {*reply.data.properties} == {"firstName", "keyNumbers"}
    assert reply.warnings == []


async def test_an_employee_is_created_by_a_form() -> None:
    """Nested values and lists travel as they are."""
    made = {"id": "emp-123", "remote_id": "remote-emp-123", "prehire": {"remote_id": None}}
    far = Kombo(httpx.Response(200, json={"status": "success", "data": made, "warnings": []}))
    properties: dict[str, Any] = {
        "firstName": "John",
        "startDate": "2025-01-15",
        "keyNumbers": [142, 525, 63],
        "workLocation": {"site": "FXrER44xubBqA9DLgZ3PFNNx"},
    }
    reply = await far.client().send(hris.CreateEmployeeWithForm(properties=properties))
    assert reply.unwrap().id == "emp-123"
    assert json.loads(far.requests[0].content) == {"properties": properties}


async def test_a_header_for_all_calls() -> None:
    """Theirs needs a client of httpx for it."""
    far = Kombo(page())
    await far.client(headers={"x-custom-header": "someValue"}).ats.get_jobs()
    assert far.requests[0].headers["x-custom-header"] == "someValue"


async def test_a_client_of_httpx() -> None:
    """Given by the caller, who closes it."""
    far = Kombo(page())
    async with httpx.AsyncClient(transport=httpx.MockTransport(far)) as http:
        async with AsyncKomboClient("key", integration_id="workday:1", http_client=http) as kombo:
            assert isinstance(await kombo.ats.get_jobs(), Success)
        assert not http.is_closed


@pytest.mark.parametrize(
    ("region", "host"), [(None, "api.kombo.dev"), ("us", "api.us.kombo.dev"), ("ca", "api.ca.kombo.dev")]
)
async def test_regions(region: Any, host: str) -> None:
    """Theirs: `server=`."""
    far = Kombo(page())
    await far.client(region=region).ats.get_jobs()
    assert far.requests[0].url.host == host


def test_a_client_in_a_synchronous_worker() -> None:
    """A client can be made and closed in an event loop of a worker, also when its work fails."""

    async def work(fails: bool) -> None:
        async with AsyncKomboClient("test-key"):
            if fails:
                raise ValueError("original")

    asyncio.run(work(fails=False))
    with pytest.raises(ValueError, match="original"):
        asyncio.run(work(fails=True))
