"""Checked by mypy and pyright, never run: `match` over all answers is exhaustive, and each class has its fields."""

from __future__ import annotations

from typing import NoReturn, assert_never, assert_type

import httpx

from kombo_async import (
    JSON,
    ActionWarning,
    AsyncKomboClient,
    BadRequest,
    Conflict,
    ConnectionFailed,
    Drift,
    ErrorCode,
    ErrorDetail,
    Failure,
    Forbidden,
    KomboError,
    NoResponse,
    NotFound,
    Page,
    RateLimited,
    Response,
    ServerError,
    Success,
    SyncPending,
    TimedOut,
    Unauthorized,
    UnexpectedResponse,
    ats,
)


def every_class(reply: Response[ats.Candidate]) -> str:
    match reply:
        case Success(data=candidate, warnings=warnings, drift=drift):
            assert_type(candidate, ats.Candidate)
            assert_type(warnings, list[ActionWarning])
            assert_type(drift, list[Drift])
            return candidate.id
        case BadRequest() | Unauthorized() | Forbidden() | NotFound():
            return reply.message
        case SyncPending():
            return "later"
        case Conflict():
            return reply.code or ""
        case RateLimited(retry_after=seconds):
            assert_type(seconds, float | None)
            return f"in {seconds} s"
        case ServerError() | UnexpectedResponse():
            return str(reply.status_code)
        case _:
            assert_never(reply)


def success_or_not(reply: Response[ats.Candidate]) -> str:
    match reply:
        case Success(data=candidate):
            return candidate.id
        case failure:
            assert_type(failure.error, ErrorDetail)
            assert_type(failure.code, ErrorCode | None)
            assert_type(failure.error.code, ErrorCode | None)
            assert_type(failure.title, str | None)
            assert_type(failure.message, str)
            assert_type(failure.log_url, str | None)
            assert_type(failure.may_have_applied, bool)
            return failure.message


def by_code(failure: Failure) -> str | None:
    match failure.code:
        case "ATS.JOB_CLOSED":
            return "closed"
        case "SOME.CODE_OF_TOMORROW":
            return None
        case code:
            return code


def by_isinstance(reply: Response[ats.Candidate]) -> ats.Candidate:
    if isinstance(reply, Success):
        return reply.data
    raise reply


def by_status(reply: Response[ats.Candidate]) -> ats.Candidate:
    if reply.status == "success":
        return reply.data
    assert_type(reply.message, str)
    raise reply


def what_all_have(reply: Response[ats.Candidate]) -> None:
    assert_type(reply.status_code, int)
    assert_type(reply.content_type, str | None)
    assert_type(reply.raw_response, httpx.Response)
    assert_type(reply.attempts, int)
    assert_type(reply.unwrap(), ats.Candidate)


def failures_never_return(failure: Failure) -> NoReturn:
    failure.unwrap()


async def exceptions(kombo: AsyncKomboClient) -> Page[ats.Job] | None:
    try:
        return (await kombo.ats.get_jobs()).unwrap()
    except RateLimited as error:
        assert_type(error.retry_after, float | None)
    except Failure as error:
        assert_type(error.raw_response, httpx.Response)
    except (ConnectionFailed, TimedOut) as error:
        assert_type(error.sent, bool)
    except NoResponse as error:
        assert_type(error.message, str)
    except KomboError as error:
        assert_type(error.attempts, int)
        assert_type(error.cursor, str | None)
        assert_type(error.evolve(cursor="x"), KomboError)
    return None


async def plain_objects(kombo: AsyncKomboClient) -> None:
    reply = await kombo.ats.add_candidate_result_link("1", label="x", url="https://example.com")
    assert_type(reply.unwrap(), dict[str, JSON])
