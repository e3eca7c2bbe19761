"""From a response's bytes to a `Response`: never an exception, whatever the bytes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kombo_async import (
    BadRequest,
    Conflict,
    Failure,
    Forbidden,
    NotFound,
    RateLimited,
    Response,
    ServerError,
    Success,
    SyncPending,
    Unauthorized,
    UnexpectedResponse,
    ats,
    general,
)
from kombo_async._codec.decode import LONGEST_MESSAGE, decode
from kombo_async._codec.retry_after import retry_after
from tests.support.wire import CANDIDATE, failure, old_failure, success

HTML = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


def decoded(request: Any, status: int, body: bytes, headers: dict[str, str] | None = None) -> Response[Any]:
    raw = httpx.Response(status, content=body, headers=headers)
    reply: Response[Any] = decode(request, raw, body, attempts=1)
    return reply


# Which class


@pytest.mark.parametrize(
    ("status", "code", "cls"),
    [
        (400, None, BadRequest),
        (405, None, BadRequest),
        (413, None, BadRequest),
        (415, None, BadRequest),
        (422, None, BadRequest),
        (401, None, Unauthorized),
        (403, None, Forbidden),
        (404, None, NotFound),
        (409, None, Conflict),
        (409, "INTEGRATION.SETUP_INCOMPLETE", Conflict),
        (409, "INTEGRATION.SETUP_SYNC_PENDING", SyncPending),
        (400, "INTEGRATION.SETUP_SYNC_PENDING", SyncPending),
        (503, "INTEGRATION.SETUP_SYNC_PENDING", SyncPending),
        (503, None, SyncPending),
        (503, "", SyncPending),
        (503, "REMOTE.SERVICE_UNAVAILABLE", ServerError),
        (400, "REMOTE.SERVICE_UNAVAILABLE", BadRequest),
        (429, None, RateLimited),
        (429, "REMOTE.RATE_LIMIT_EXCEEDED", RateLimited),
        (400, "PLATFORM.RATE_LIMIT_EXCEEDED", RateLimited),
        (503, "PLATFORM.CONCURRENCY_LIMIT_EXCEEDED", RateLimited),
        (500, None, ServerError),
        (502, "PLATFORM.UNKNOWN_ERROR", ServerError),
        (599, None, ServerError),
        (402, None, UnexpectedResponse),
        (418, "SOME.NEW_CODE", UnexpectedResponse),
        (404, "SOME.NEW_CODE", NotFound),
        (302, None, UnexpectedResponse),
        (304, None, UnexpectedResponse),
        (103, None, UnexpectedResponse),
        (600, None, UnexpectedResponse),
    ],
)
def test_class_by_code_then_status(status: int, code: str | None, cls: type[Failure]) -> None:
    """The code decides if it has a class, otherwise the status."""
    answer = failure(status, code)
    reply = decoded(ats.CreateCandidate, status, answer.content, {"Content-Type": "application/json"})
    assert type(reply) is cls
    assert reply.code == (code or None)
    assert reply.message == "It did not work."


@pytest.mark.parametrize(
    ("status", "code", "may_have"),
    [
        (400, None, False),
        (400, "REMOTE.UNKNOWN_HTTP_ERROR", True),
        (400, "REMOTE.INPUT_INVALID", False),
        (400, "ATS.JOB_CLOSED", False),
        (429, "PLATFORM.CONCURRENCY_LIMIT_EXCEEDED", False),
        (429, "REMOTE.RATE_LIMIT_EXCEEDED", True),
        (409, "INTEGRATION.SETUP_SYNC_PENDING", False),
        (503, None, False),
        (500, None, True),
        (500, "PLATFORM.UNKNOWN_ERROR", True),
        (504, "PLATFORM.TASK_TIMED_OUT", True),
        (503, "INTEGRATION.INACTIVE", False),
    ],
)
def test_may_have_applied(status: int, code: str | None, may_have: bool) -> None:
    """A write that failed midway may have been applied; a read never."""
    body = failure(status, code).content
    for request, expected in ((ats.CreateCandidate, may_have), (ats.GetCandidates, False)):
        reply = decoded(request, status, body)
        assert isinstance(reply, Failure)
        assert reply.may_have_applied is expected


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "9" * 400}, None),
        ({"Retry-After": "1e99"}, None),
        ({"Retry-After": "1_0"}, None),
        ({"Retry-After": "+7"}, None),
        ({"Retry-After": "7, 8"}, None),
        ({"Retry-After": " 7 "}, 7.0),
        ({"Retry-After": "Wed, 99 Oct 99999 07:28:00 GMT"}, None),
        ({}, None),
    ],
)
def test_retry_after(header: dict[str, str], seconds: float | None) -> None:
    """`retry_after` is in seconds, None if the header makes no sense."""
    reply = decoded(ats.GetCandidates, 429, failure(429).content, header)
    assert isinstance(reply, RateLimited)
    assert reply.retry_after == seconds


@pytest.mark.parametrize("value", ["\u0667", "\uff17", "\u00b2"])
def test_digits_of_other_scripts(value: str) -> None:
    """Only ASCII digits count in a header, whatever Python accepts as a number."""
    assert retry_after(value) is None


# Bodies


def test_success_is_typed() -> None:
    """A success has models with times in UTC, and warnings."""
    reply = decoded(ats.CreateCandidate, 200, success(CANDIDATE, ["careful"]).content)
    assert isinstance(reply, Success)
    assert isinstance(reply.data, ats.Candidate)
    assert reply.data.changed_at == datetime(2026, 5, 19, 8, 30, 0, 123000, tzinfo=UTC)
    assert isinstance(reply.data.phone_numbers, list)
    assert reply.data.phone_numbers[0].phone_number == "+49 30 1"
    assert [warning.message for warning in reply.warnings] == ["careful"]
    assert reply.drift == []


def test_older_envelopes() -> None:
    """`status` and `warnings` may be missing: it is still a success."""
    for body in ({"data": CANDIDATE}, {"status": "success", "data": CANDIDATE}):
        reply = decoded(ats.CreateCandidate, 200, json.dumps(body).encode())
        assert isinstance(reply, Success)
        assert reply.data.id == CANDIDATE["id"]
        assert reply.warnings == []


def test_fields_of_the_future_are_ignored() -> None:
    """Unknown fields are not drift."""
    body = {"status": "success", "data": {**CANDIDATE, "new": [1]}, "warnings": [], "meta": {}}
    reply = decoded(ats.CreateCandidate, 201, json.dumps(body).encode())
    assert isinstance(reply, Success)
    assert reply.drift == []


UNREADABLE = [
    pytest.param(HTML, id="html"),
    pytest.param(b"", id="empty"),
    pytest.param(b"   ", id="blank"),
    pytest.param(b'{"status": "success", "data": {"id": "1"', id="truncated"),
    pytest.param(b'{"status": "success", "data": "\xff\xfe"}', id="bad utf-8"),
    pytest.param("gut".encode("utf-16"), id="utf-16 text"),
    pytest.param(b"\x00" * 10, id="zeros"),
    pytest.param(b"[" * 10_000, id="deep and broken"),
    pytest.param(b"[" * 100_000 + b"]" * 100_000, id="too deep"),
    pytest.param(b"{}{}", id="two values"),
]


@pytest.mark.parametrize("body", UNREADABLE)
@pytest.mark.parametrize("request_", [ats.CreateCandidate, ats.GetCandidates, general.CheckApiKey])
def test_unreadable_successes(request_: Any, body: bytes) -> None:
    """A 2xx that is not JSON is an `UnexpectedResponse`, and a write may have been applied."""
    reply = decoded(request_, 200, body)
    assert type(reply) is UnexpectedResponse
    assert reply.message == "a success without readable JSON"
    assert reply.may_have_applied is (request_ is ats.CreateCandidate)
    assert reply.raw_response.content == body


@pytest.mark.parametrize("body", [*UNREADABLE, pytest.param(b"null", id="null"), pytest.param(b'"x"', id="text")])
@pytest.mark.parametrize(
    ("status", "cls"),
    [(400, BadRequest), (401, Unauthorized), (404, NotFound), (500, ServerError), (502, ServerError)],
)
def test_unreadable_failures(status: int, cls: type[Failure], body: bytes) -> None:
    """A failure that is not Kombo's JSON has the class of its status, and one readable line."""
    reply = decoded(ats.CreateCandidate, status, body, {"Content-Type": "text/html"})
    assert type(reply) is cls
    assert (reply.code, reply.title, reply.log_url) == (None, None, None)
    assert reply.message == f"HTTP {status} without Kombo's JSON (text/html)"
    assert reply.content_type == "text/html"


def test_503_of_a_load_balancer_is_no_pending_sync() -> None:
    """Only Kombo's own JSON makes a 503 the older form of `SyncPending`."""
    assert type(decoded(ats.GetCandidates, 503, HTML)) is ServerError
    assert type(decoded(ats.GetCandidates, 503, b'{"error": "down"}')) is ServerError
    assert type(decoded(ats.GetCandidates, 503, old_failure(503).content)) is SyncPending


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ({"message": "x", "code": 5, "title": [], "log_url": {}}, "x"),
        ({"message": "x" * 5000}, "x" * LONGEST_MESSAGE),
        ({"message": ""}, ""),
        ({"message": None}, "HTTP 400 without Kombo's JSON (no content type)"),
        ({}, "HTTP 400 without Kombo's JSON (no content type)"),
        (None, "HTTP 400 without Kombo's JSON (no content type)"),
        ("x", "HTTP 400 without Kombo's JSON (no content type)"),
    ],
)
def test_odd_error_objects(error: Any, message: str) -> None:
    """Errors with wrong types, endless texts or no content are still failures."""
    reply = decoded(ats.GetCandidates, 400, json.dumps({"status": "error", "error": error}).encode())
    assert type(reply) is BadRequest
    assert (reply.code, reply.title, reply.message, reply.log_url) == (None, None, message, None)


def test_error_body_with_success_status() -> None:
    """Kombo's error with a 200 is not a success."""
    reply = decoded(ats.CreateCandidate, 200, failure(400, "ATS.JOB_CLOSED").content)
    assert isinstance(reply, UnexpectedResponse)
    assert reply.code == "ATS.JOB_CLOSED"


def test_byte_order_mark_and_odd_json() -> None:
    """JSON that only Python's own parser takes is still a success."""
    body = success(CANDIDATE).content
    odd_numbers = [body.replace(b"false", number, 1) for number in (b"1e999", b"NaN", b"-Infinity", b"9" * 5_000)]
    for odd in (b"\xef\xbb\xbf" + body, body.replace(b"Frank", b"\\ud800"), *odd_numbers):
        reply = decoded(ats.CreateCandidate, 200, odd)
        assert isinstance(reply, Success)
        assert reply.data.last_name == "Doe"
        assert [each.path for each in reply.drift] == (["data.confidential"] if odd in odd_numbers else [])


def test_json_nested_deeply() -> None:
    """JSON nested 10,000 deep still becomes a class of the union."""
    deep = b'{"a":' * 10_000 + b"1" + b"}" * 10_000
    for status in (200, 400):
        for body in (deep, b'{"status":"success","data":{"id":' + deep + b"}}"):
            reply = decoded(ats.GetCandidates, status, body)
            assert isinstance(reply, UnexpectedResponse | BadRequest | Success)


@given(
    status=st.integers(100, 999),
    body=st.binary(max_size=60)
    | st.sampled_from([b'{"data":', b'{"error":{"message":"x"}}', b'{"data":{"results":[{}],"next":[]}}', b"NaN"]),
    content_type=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
)
@settings(max_examples=200, deadline=None)
def test_any_bytes_give_an_answer(status: int, body: bytes, content_type: str) -> None:
    """Whatever the bytes, status and content type, the reply is in the union, and prints as one line."""
    for request in (ats.GetCandidates, ats.CreateCandidate, general.CheckApiKey):
        reply = decoded(request, status, body, {"Content-Type": content_type})
        assert isinstance(reply, Success) == (200 <= status < 300 and not isinstance(reply, Failure))
        assert "\n" not in str(reply) or isinstance(reply, Success)


# What a 2xx confirms


@pytest.mark.parametrize("body", [b'{"ok": true}', b"[]", b"0", b'"done"', b"null", b"{}", b'{"status": "success"}'])
def test_other_json_with_a_2xx_confirms_nothing(body: bytes) -> None:
    """A success whose JSON is not Kombo's envelope is kept, but does not confirm that something was done."""
    for request in (ats.CreateCandidate, ats.AddCandidateTag, ats.GetCandidates):
        reply = decoded(request, 200, body)
        assert isinstance(reply, Success)
        assert not reply.confirmed


@pytest.mark.parametrize("envelope", [{"data": None}, {"data": CANDIDATE, "status": "ok"}, {"data": CANDIDATE}])
def test_an_envelope_that_lacks_something_confirms_nothing(envelope: dict[str, Any]) -> None:
    """An envelope without data or status does not, either."""
    status = {} if "status" in envelope or envelope["data"] else {"status": "success"}
    reply = decoded(ats.CreateCandidate, 200, json.dumps({**status, **envelope}).encode())
    assert isinstance(reply, Success)
    assert not reply.confirmed


def test_kombos_own_success_confirms() -> None:
    """Kombo's envelope with data confirms it, whether the data fits its types or not."""
    for data in (CANDIDATE, {**CANDIDATE, "tags": 7}):
        reply = decoded(ats.CreateCandidate, 200, success(data, []).content)
        assert isinstance(reply, Success)
        assert reply.confirmed


# How a success prints


def test_a_success_prints_its_type_and_ids() -> None:
    """Printing a success shows no people's data: not even a remote ID, which may be an e-mail address."""
    reply = decoded(ats.CreateCandidate, 200, success({**CANDIDATE, "remote_id": "frank_doe"}, ["x"]).content)
    assert repr(reply) == "<Success 200: Candidate id=26vafvWSRmbhNcxJYqjCzuJg, 1 warnings>"
    assert str(reply) == repr(reply)


@pytest.mark.parametrize(
    ("request_class", "body", "printed"),
    [
        (ats.GetCandidates, {"results": [CANDIDATE] * 2, "next": "c"}, "<Success 200: Page of 2 Candidate>"),
        (ats.GetCandidates, {"results": [], "next": None}, "<Success 200: Page of 0>"),
        (
            ats.GetCandidates,
            {"results": [{**CANDIDATE, "id": 5}, "Frank"], "next": None},
            "<Success 200: Page of 2 Candidate | str, 2 spots of drift>",
        ),
        (
            ats.CreateCandidate,
            {**CANDIDATE, "id": "Frank Doe"},
            "<Success 200: Candidate>",
        ),
    ],
)
def test_other_successes_print_as_little(request_class: Any, body: Any, printed: str) -> None:
    """Pages print how many records they have; what does not look like an ID is not printed as one."""
    reply = decoded(request_class, 200, json.dumps({"status": "success", "data": body}).encode())
    assert repr(reply) == printed
