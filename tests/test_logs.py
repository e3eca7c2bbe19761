"""Logs: one line per call, without keys or people's data."""

from __future__ import annotations

import logging
import re

import anyio
import httpx
import pytest

from kombo_async import ConnectionFailed, RetryPolicy, ats
from tests.support.wire import API_KEY, CANDIDATE, INTEGRATION, answering, failure, mock_client, page, success

pytestmark = pytest.mark.anyio

PERSON = "frank.doe@example.com"
MS = r"ms=\d+"


@pytest.fixture(autouse=True)
def _all_levels(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        f"{record.levelname} {record.getMessage()}"
        for record in caplog.records
        if record.name.startswith("kombo_async")
    ]


async def test_one_line_for_a_success(caplog: pytest.LogCaptureFixture) -> None:
    """A success is one line at INFO: operation, integration, status, attempts and milliseconds."""
    handler, _ = answering(page())
    async with mock_client(handler) as kombo:
        await kombo.ats.get_candidates()
    (line,) = lines(caplog)
    assert re.fullmatch(rf"INFO GetAtsCandidates {INTEGRATION} 200 attempt=1 {MS}", line)


async def test_one_line_for_a_call_with_retries(caplog: pytest.LogCaptureFixture) -> None:
    """A call is one line, however many attempts it took; drift is counted."""
    handler, _ = answering(failure(502), page(CANDIDATE, {**CANDIDATE, "id": 5, "tags": None}))
    async with mock_client(handler, retry=RetryPolicy(initial_delay=0.001)) as kombo:
        await kombo.ats.get_candidates()
    (line,) = lines(caplog)
    assert re.fullmatch(rf"INFO GetAtsCandidates {INTEGRATION} 200 attempt=2 {MS} drift=2", line)


async def test_failures_are_warnings_with_their_code(caplog: pytest.LogCaptureFixture) -> None:
    """A failure is one line at WARNING, with the code, or the class where there is none."""
    handler, _ = answering(failure(400, "ATS.JOB_CLOSED"), failure(500), httpx.Response(302), failure(401))
    link = ats.AddCandidateResultLink(candidate_id="1", label="x", url="https://example.com")
    async with mock_client(handler) as kombo:
        for _ in range(3):
            await kombo.send(link)
        await kombo.general.check_api_key()
    expected = [
        f"PostAtsCandidatesCandidateIdResultLinks {INTEGRATION} 400 ATS.JOB_CLOSED attempt=1 {MS}",
        f"PostAtsCandidatesCandidateIdResultLinks {INTEGRATION} 500 ServerError attempt=1 {MS} may_have_applied",
        f"PostAtsCandidatesCandidateIdResultLinks {INTEGRATION} 302 UnexpectedResponse attempt=1 {MS} may_have_applied",
        rf"GetCheckApiKey {INTEGRATION} 401 Unauthorized attempt=1 {MS}",
    ]
    for line, pattern in zip(lines(caplog), expected, strict=True):
        assert re.fullmatch(f"WARNING {pattern}", line)


async def test_missing_answers_and_cancelled_calls(caplog: pytest.LogCaptureFixture) -> None:
    """A call without a response is a warning; a cancelled one is logged at DEBUG."""

    async def handler(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            raise httpx.ConnectError(f"no way to {PERSON}", request=request)
        await anyio.sleep_forever()
        raise AssertionError

    async with mock_client(handler) as kombo:
        with pytest.raises(ConnectionFailed):
            await kombo.ats.add_candidate_result_link("1", label="x", url="https://example.com")
        with anyio.move_on_after(0.01):
            await kombo.ats.get_candidates()
    failed, cancelled = lines(caplog)
    assert re.fullmatch(
        rf"WARNING PostAtsCandidatesCandidateIdResultLinks {INTEGRATION} ConnectionFailed attempt=1 {MS}", failed
    )
    assert re.fullmatch(rf"DEBUG GetAtsCandidates {INTEGRATION} cancelled: \w+", cancelled)


async def test_no_secrets(caplog: pytest.LogCaptureFixture) -> None:
    """No line of ours contains the key, a header, a query, a body or Kombo's message."""
    handler, _ = answering(
        success({**CANDIDATE, "first_name": PERSON}, [PERSON]),
        failure(400, "ATS.JOB_CLOSED", f"{PERSON} exists"),
        failure(400, f"{PERSON} exists", PERSON),
        httpx.Response(502, content=PERSON.encode(), headers={"Content-Type": PERSON}),
    )
    async with mock_client(handler, headers={"X-Trace": "trace-secret"}) as kombo:
        for _ in range(4):
            await kombo.ats.create_candidate(
                candidate=ats.CandidateInput(first_name="Frank", last_name="Doe", email_address=PERSON),
                application=ats.CandidateApplicationInput(job_id="1"),
            )
        await kombo.ats.get_candidates(email=PERSON)
    assert len(lines(caplog)) == 5
    everything = "\n".join(f"{record.getMessage()} {record.args}" for record in caplog.records)
    for secret in (API_KEY, PERSON, "Frank", "trace-secret", "Bearer"):
        assert secret not in everything


async def test_library_sets_up_no_logging() -> None:
    """Whether and where lines appear is the application's choice."""
    assert logging.getLogger("kombo_async").handlers == []
    assert logging.getLogger("kombo_async").level == logging.NOTSET
