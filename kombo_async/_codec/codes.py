"""What Kombo's status codes and error codes mean for a client.

Kombo asks clients to decide by `error.code`: the status that comes with a code may change without notice,
as it did on 2026-05-19, when "no sync yet" moved from 503 to 409.
"""

from __future__ import annotations

from kombo_async import errors

SYNC_PENDING = "INTEGRATION.SETUP_SYNC_PENDING"
RATE_LIMIT = "PLATFORM.RATE_LIMIT_EXCEEDED"
CONCURRENCY_LIMIT = "PLATFORM.CONCURRENCY_LIMIT_EXCEEDED"

_BY_CODE: dict[str, type[errors.Failure]] = {
    SYNC_PENDING: errors.SyncPending,
    RATE_LIMIT: errors.RateLimited,
    CONCURRENCY_LIMIT: errors.RateLimited,
}

_BY_STATUS: dict[int, type[errors.Failure]] = {
    400: errors.BadRequest,
    401: errors.Unauthorized,
    403: errors.Forbidden,
    404: errors.NotFound,
    405: errors.BadRequest,
    409: errors.Conflict,
    413: errors.BadRequest,
    415: errors.BadRequest,
    422: errors.BadRequest,
    429: errors.RateLimited,
}

_AMBIGUOUS = frozenset({"PLATFORM.TASK_TIMED_OUT", "PLATFORM.UNKNOWN_ERROR"})
_REFUSED = frozenset(
    {
        RATE_LIMIT,
        CONCURRENCY_LIMIT,
        "PLATFORM.INPUT_INVALID",
        "PLATFORM.AUTHENTICATION_INVALID",
        "PLATFORM.IP_NOT_WHITELISTED",
        "PLATFORM.INTEGRATION_NOT_FOUND",
        "REMOTE.INPUT_INVALID",
    }
)


def failure_class(status_code: int, code: str | None, *, kombo: bool) -> type[errors.Failure]:
    """The class of a failure: by its code where the code has one, else by its status.

    *kombo* says whether the body was Kombo's JSON, and not that of a load balancer on the way.
    """
    if code in _BY_CODE:
        return _BY_CODE[code]
    if status_code == 503 and kombo and code is None:
        return errors.SyncPending  # how "no sync yet" came before codes existed
    if 500 <= status_code < 600:
        return errors.ServerError
    return _BY_STATUS.get(status_code, errors.UnexpectedResponse)


def ambiguous(status_code: int, code: str | None) -> bool:
    """Whether an answer leaves open what was done: the work failed in the middle, or nobody knows.

    True of outages of the connected system (`REMOTE.*`), of tasks that ran out of time, of a 5xx
    without a code that says more, and of a 2xx (the work was done, only the answer cannot be read).
    """
    if code is not None:
        if code in _REFUSED or code.startswith("INTEGRATION."):
            return False
        if code in _AMBIGUOUS or code.startswith("REMOTE."):
            return True
    return status_code >= 500 or 200 <= status_code < 300
