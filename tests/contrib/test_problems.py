"""A web app's response when a call fails."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from kombo_async import ConnectionFailed, KomboError, TimedOut
from kombo_async.contrib._problems import problem_of
from tests.support.wire import answering, failure, mock_client, old_failure

pytestmark = pytest.mark.anyio


async def failed(answer: httpx.Response) -> KomboError:
    """The failure that *answer* is to an action."""
    async with mock_client(answering(answer)[0]) as kombo:
        response = await kombo.ats.reject_application("1", rejection_reason_id="2")
    assert isinstance(response, KomboError)
    return response


@pytest.mark.parametrize(
    ("answer", "status", "code", "retry_after"),
    [
        (failure(400, "ATS.JOB_CLOSED"), 422, "ATS.JOB_CLOSED", None),
        (failure(409, "HRIS.EMPLOYEE_ALREADY_EXISTS"), 422, "HRIS.EMPLOYEE_ALREADY_EXISTS", None),
        (failure(400, "PAYROLL.PERIOD_CLOSED"), 422, "PAYROLL.PERIOD_CLOSED", None),
        (failure(400, "PLATFORM.INPUT_INVALID"), 422, None, None),
        (failure(400, "REMOTE.INPUT_INVALID"), 422, None, None),
        (failure(400, "frank@example.com"), 502, None, None),
        (old_failure(400), 502, None, None),
        (old_failure(404), 404, None, None),
        (failure(404, "PLATFORM.INTEGRATION_NOT_FOUND"), 502, None, None),
        (failure(401, "PLATFORM.AUTHENTICATION_INVALID"), 502, None, None),
        (failure(403, "INTEGRATION.INACTIVE"), 502, None, None),
        (failure(409, "INTEGRATION.SETUP_INCOMPLETE"), 502, None, None),
        (failure(409, "INTEGRATION.SETUP_SYNC_PENDING"), 503, None, 60),
        (old_failure(503), 503, None, 60),
        (failure(429, "PLATFORM.RATE_LIMIT_EXCEEDED", headers={"Retry-After": "7"}), 503, None, 7),
        (failure(429, "PLATFORM.CONCURRENCY_LIMIT_EXCEEDED"), 503, None, 1),
        (failure(500, "AI_APPLY.JOB_FEED_IMPORT_TIMED_OUT"), 502, None, None),
        (httpx.Response(502, text="<html>"), 502, None, None),
        (httpx.Response(302, headers={"Location": "/"}), 502, None, None),
    ],
)
async def test_each_failure(answer: httpx.Response, status: int, code: str | None, retry_after: int | None) -> None:
    """A refusal keeps its code, a temporary failure its `Retry-After`; everything else is a 502."""
    problem = problem_of(await failed(answer))
    assert (problem.status, problem.code, problem.retry_after) == (status, code, retry_after)
    body: dict[str, Any] = json.loads(problem.body)
    assert body["status"] == status
    assert body.keys() <= {"title", "status", "code", "may_have_applied"}


@pytest.mark.parametrize(("cls", "status"), [(ConnectionFailed, 502), (TimedOut, 504)])
def test_no_answer(cls: type[Any], status: int) -> None:
    """Without a response, the problem says whether the call may have been done."""
    for may_have_applied in (False, True):
        problem = problem_of(cls(message="m", sent=may_have_applied, may_have_applied=may_have_applied))
        assert problem.status == status
        assert json.loads(problem.body).get("may_have_applied", False) is may_have_applied


async def test_nothing_leaks() -> None:
    """Kombo's messages and log links are not passed on."""
    problem = problem_of(await failed(failure(400, "ATS.JOB_CLOSED", "frank@example.com applied too late")))
    assert b"frank" not in problem.body
    assert b"kombo" not in problem.body
