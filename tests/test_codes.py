"""What Kombo's status codes and error codes mean: the whole table, and what a response without Kombo's JSON proves."""

from __future__ import annotations

import httpx
import pytest

from kombo_async import ats
from kombo_async._codec.codes import Meaning, is_domain_code, meaning, printable
from kombo_async._codec.decode import decode
from kombo_async.errors import Failure


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        # By code, whatever the status.
        *((status, "INTEGRATION.SETUP_SYNC_PENDING", Meaning.SYNC_PENDING) for status in (200, 400, 409, 503)),
        *((status, "PLATFORM.RATE_LIMIT_EXCEEDED", Meaning.RATE_LIMIT) for status in (400, 429, 503)),
        *((status, "PLATFORM.CONCURRENCY_LIMIT_EXCEEDED", Meaning.CONCURRENCY_LIMIT) for status in (409, 429, 503)),
        *((status, "PLATFORM.TASK_TIMED_OUT", Meaning.OUTAGE) for status in (400, 408, 500, 504)),
        *((status, "PLATFORM.UNKNOWN_ERROR", Meaning.OUTAGE) for status in (400, 500)),
        *((status, "PLATFORM.INPUT_INVALID", Meaning.INPUT) for status in (400, 422, 500)),
        *((status, "REMOTE.INPUT_INVALID", Meaning.INPUT) for status in (400, 500)),
        *((status, "PLATFORM.AUTHENTICATION_INVALID", Meaning.SET_UP) for status in (400, 401)),
        (403, "PLATFORM.IP_NOT_WHITELISTED", Meaning.SET_UP),
        (404, "PLATFORM.INTEGRATION_NOT_FOUND", Meaning.SET_UP),
        *((status, "INTEGRATION.SETUP_INCOMPLETE", Meaning.SET_UP) for status in (409, 429, 503)),
        (403, "INTEGRATION.SOME_NEW_ONE", Meaning.SET_UP),
        (403, "INTEGRATION.MODEL_DISABLED", Meaning.UNSUPPORTED),
        (400, "INTEGRATION.ACTION_NOT_AVAILABLE", Meaning.UNSUPPORTED),
        *((status, "REMOTE.RATE_LIMIT_EXCEEDED", Meaning.REMOTE_RATE_LIMIT) for status in (400, 429, 503)),
        *((status, "REMOTE.SERVICE_UNAVAILABLE", Meaning.OUTAGE) for status in (400, 502, 503)),
        (400, "REMOTE.SOME_NEW_ONE", Meaning.OUTAGE),
        *((400, code, Meaning.OUTAGE) for code in ("AI_APPLY.JOB_FEED_IMPORT_TIMED_OUT", "HRIS.SOME_NEW_TIMEOUT")),
        # Codes without a meaning of their own: by status.
        *((status, "ATS.JOB_CLOSED", Meaning.REFUSED) for status in (400, 403, 404, 409, 418, 422, 429)),
        *((status, "ATS.JOB_CLOSED", Meaning.OUTAGE) for status in (408, 500, 503)),
        (200, "ATS.JOB_CLOSED", Meaning.UNCLEAR),
        (429, "PLATFORM.SOME_NEW_ONE", Meaning.RATE_LIMIT),
        # No code, as before codes existed.
        *((status, None, Meaning.REFUSED) for status in (302, 400, 404, 409, 413, 418, 422)),
        *((status, None, Meaning.SET_UP) for status in (401, 403)),
        (429, None, Meaning.RATE_LIMIT),
        (503, None, Meaning.SYNC_PENDING),
        *((status, None, Meaning.OUTAGE) for status in (408, 425, 460, 499, 500, 502, 504, 520)),
        (200, None, Meaning.UNCLEAR),
    ],
)
def test_kombos_own_answers(status: int, code: str | None, expected: Meaning) -> None:
    """A known code decides; otherwise its family; otherwise the status."""
    assert meaning(status, code, from_kombo=True) is expected


NOTHING_DONE = {401, 404, 405, 407, 411, 413, 414, 415, 417, 421, 426, 429, 431}
"""Statuses that a proxy or load balancer returns before it passes a request on."""

BODIES = {"html": b"<html>Sorry</html>", "text": b"upstream said no", "empty": b"", "json": b'{"message": "no"}'}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("status", [*range(200, 600), 600, 999])
def test_answers_of_something_on_the_way(status: int, body: bytes) -> None:
    """They leave it open whether a write was done, unless the status shows that the request was not passed on."""
    if 200 <= status < 300 and body == BODIES["json"]:
        return  # readable JSON is a success, if not a confirmed one: see test_decode
    failure = decode(ats.CreateApplication, httpx.Response(status, content=body), body, attempts=1)
    assert isinstance(failure, Failure)
    assert not failure.from_kombo
    assert failure.may_have_applied is (status not in NOTHING_DONE)


@pytest.mark.parametrize("status", [200, 302, 400, 403, 408, 460, 499, 502])
def test_reads_have_no_effect(status: int) -> None:
    """Whatever the response to a read, nothing was applied."""
    failure = decode(ats.GetCandidates, httpx.Response(status, content=b"Sorry"), b"Sorry", attempts=1)
    assert isinstance(failure, Failure)
    assert not failure.may_have_applied


def test_predicates() -> None:
    """What a caller may do for each meaning: none that was turned away, or that blames the request, is ambiguous."""
    assert {each for each in Meaning if each.ambiguous} == {Meaning.REMOTE_RATE_LIMIT, Meaning.OUTAGE, Meaning.UNCLEAR}
    assert {each for each in Meaning if each.turned_away} == {
        Meaning.SYNC_PENDING,
        Meaning.RATE_LIMIT,
        Meaning.CONCURRENCY_LIMIT,
    }
    assert {each for each in Meaning if each.passing} == {Meaning.REMOTE_RATE_LIMIT, Meaning.OUTAGE}
    assert {each for each in Meaning if each.blames_request} == {Meaning.INPUT, Meaning.REFUSED}
    assert {each for each in Meaning if each.is_limit} == {
        Meaning.RATE_LIMIT,
        Meaning.CONCURRENCY_LIMIT,
        Meaning.REMOTE_RATE_LIMIT,
    }


def test_what_a_code_looks_like() -> None:
    """Only text that looks like one of Kombo's codes is printed; only domain codes reach an app's callers."""
    assert printable("ATS.JOB_CLOSED") == "ATS.JOB_CLOSED"
    for other in (None, "", "frank@example.com", "ATS.", "ats.job", "ATS.JOB CLOSED", "ATS.JOB_CLOSED\n"):
        assert printable(other) is None
        assert not is_domain_code(other)
    assert is_domain_code("HRIS.ABSENCE_OVERLAPS")
    for other in ("PLATFORM.INPUT_INVALID", "INTEGRATION.INACTIVE", "REMOTE.INPUT_INVALID"):
        assert not is_domain_code(other)
