"""Checked by mypy and pyright, never run: what a user writes has the types that one expects."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any, assert_type

import anyio
import attrs

from kombo_async import (
    JSON,
    UNSET,
    AsyncKomboClient,
    Call,
    Middleware,
    Next,
    Operation,
    Options,
    Page,
    Pages,
    Request,
    Response,
    RetryPolicy,
    Success,
    UnknownVariant,
    Unset,
    Waiting,
    ats,
    hris,
    lms,
    to_dict,
)
from kombo_async.operations import REQUESTS

logger = logging.getLogger(__name__)


async def methods(kombo: AsyncKomboClient) -> None:
    reply = await kombo.ats.create_candidate(
        candidate=ats.CandidateInput(first_name="Frank", last_name="Doe", email_address="frank@example.com"),
        application=ats.CandidateApplicationInput(job_id="1"),
        attachments=[ats.AttachmentInput.from_path("cv.pdf", type="CV")],
    )
    assert_type(reply, Response[ats.Candidate])
    assert_type(reply.unwrap(), ats.Candidate)
    options: Options = {"integration_id": "workday:1", "timeout": 5, "retry": RetryPolicy.none()}
    await kombo.ats.add_candidate_tag("1", tag=ats.TagInput(name="x"), options=options)


async def requests_as_values(kombo: AsyncKomboClient) -> None:
    request = ats.CreateCandidate.from_dict({})
    assert_type(request, ats.CreateCandidate)
    assert_type(request.operation, Operation)
    assert_type(await kombo.send(request), Response[ats.Candidate])
    assert_type(await kombo.send(ats.GetCandidates(page_size=5)), Response[Page[ats.Candidate]])
    anything: Request[Any] = request
    await kombo.send(anything, deadline=60)
    assert_type(REQUESTS["PostAtsCandidates"], type[Request[Any]])
    assert_type(to_dict(request), Any)


async def lists(kombo: AsyncKomboClient, since: datetime) -> None:
    employees = kombo.hris.get_employees(updated_after=since)
    assert_type(employees, Pages[hris.Employee])
    assert_type(await employees, Response[Page[hris.Employee]])
    async for employee in employees.items():
        assert_type(employee, hris.Employee)
    async for page in employees.pages():
        assert_type(page, Page[hris.Employee])
        assert_type(page.next, str | None)
        assert_type(page.results, list[hris.Employee])


def left_out(candidate: ats.Candidate) -> str:
    addresses = candidate.email_addresses
    assert_type(addresses, list[ats.EmailAddress] | Unset | None)
    if addresses is UNSET or not addresses:
        return ""
    return addresses[0].email_address or ""


def left_out_by_truth(candidate: ats.Candidate) -> int:
    return len(candidate.email_addresses) if candidate.email_addresses else 0


def unions(question: ats.ScreeningQuestion) -> None:
    match question.format:
        case ats.NumberQuestionFormat(max=most):
            assert_type(most, int | float | Unset | None)
        case UnknownVariant(tag=tag, data=data):
            assert_type(tag, str | bool | None)
            assert_type(data, dict[str, JSON])
        case _:
            return


async def sessions() -> None:
    async with AsyncKomboClient("key", region="eu") as kombo:
        assert_type(kombo, AsyncKomboClient)
        assert_type(kombo.for_integration("workday:1"), AsyncKomboClient)


async def timed(call: Call, call_next: Next) -> Response[Any]:
    start = anyio.current_time()
    response = await call_next(attrs.evolve(call, headers={**call.headers, "X-Trace": "1"}))
    took = anyio.current_time() - start
    logger.info("%s %s %s", call.operation.id, call.integration_id, took, extra={"ok": isinstance(response, Success)})
    return response


class Counting:
    def __init__(self) -> None:
        self.calls = 0

    async def __call__(self, call: Call, call_next: Next) -> Response[Any]:
        self.calls += 1
        return await call_next(call)


def tell(waiting: Waiting) -> None:
    assert_type(waiting.seconds, float)
    assert_type(waiting.operation, Operation)


middleware: list[Middleware] = [timed, Counting()]
client = AsyncKomboClient("key", middleware=[timed, Counting()], retry=RetryPolicy(attempts=2, on_wait=tell))


async def namespaces(kombo: AsyncKomboClient) -> None:
    assert_type(kombo.lms.get_courses(), Pages[lms.Course])
    (await kombo.general.check_api_key()).unwrap()
