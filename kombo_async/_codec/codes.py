"""What Kombo's status codes and error codes mean for a client, decided in this one place. No I/O.

Kombo asks clients to decide by `error.code`: the status that comes with a code may change without notice,
as it did on 2026-05-19, when "no sync yet" moved from 503 to 409. Codes that are not listed here are
decided by their family (`REMOTE.`, `INTEGRATION.`, ...) and the status.
"""

from __future__ import annotations

import re
from enum import Enum, auto

from kombo_async import errors


class Meaning(Enum):
    """What a failed call means for the caller."""

    SYNC_PENDING = auto()
    """The first sync is still running: nothing was done, and it will work later."""
    RATE_LIMIT = auto()
    """Too many requests in Kombo's time window, or a 429 without a code: nothing was done."""
    CONCURRENCY_LIMIT = auto()
    """Too many actions of one integration at once: nothing was done."""
    REMOTE_RATE_LIMIT = auto()
    """The connected system's own limit: the action may be partly done."""
    OUTAGE = auto()
    """Kombo, the connected system or something on the way failed: a write may have been done, wholly or in part."""
    UNCLEAR = auto()
    """Not Kombo's response, or one that contradicts itself: a write may have been done; repeating will not help."""
    SET_UP = auto()
    """A person must fix the API key, the integration, the address or a proxy first. Nothing was done."""
    UNSUPPORTED = auto()
    """This tool, or the scope it was connected with, does not support this. Nothing was done."""
    INPUT = auto()
    """The request itself must change. Nothing was done."""
    REFUSED = auto()
    """A clear refusal for a domain reason, such as a closed job. Nothing was done."""

    @property
    def ambiguous(self) -> bool:
        """Whether a write may still have taken effect."""
        return self in _AMBIGUOUS

    @property
    def blames_request(self) -> bool:
        """Whether the same request will be refused again, because the reason is in the request itself."""
        return self in (Meaning.INPUT, Meaning.REFUSED)

    @property
    def is_limit(self) -> bool:
        """Whether Kombo or the connected system asks to slow down."""
        return self in (Meaning.RATE_LIMIT, Meaning.CONCURRENCY_LIMIT, Meaning.REMOTE_RATE_LIMIT)

    @property
    def turned_away(self) -> bool:
        """Whether nothing was done, and the same call can succeed a little later. Any call may be repeated."""
        return self in (Meaning.SYNC_PENDING, Meaning.RATE_LIMIT, Meaning.CONCURRENCY_LIMIT)

    @property
    def passing(self) -> bool:
        """Whether it failed midway and can succeed a little later. Idempotent calls may be repeated."""
        return self in (Meaning.REMOTE_RATE_LIMIT, Meaning.OUTAGE)


_AMBIGUOUS = frozenset({Meaning.REMOTE_RATE_LIMIT, Meaning.OUTAGE, Meaning.UNCLEAR})

SYNC_PENDING = "INTEGRATION.SETUP_SYNC_PENDING"
RATE_LIMIT = "PLATFORM.RATE_LIMIT_EXCEEDED"
CONCURRENCY_LIMIT = "PLATFORM.CONCURRENCY_LIMIT_EXCEEDED"

_BY_CODE = {
    SYNC_PENDING: Meaning.SYNC_PENDING,
    RATE_LIMIT: Meaning.RATE_LIMIT,
    CONCURRENCY_LIMIT: Meaning.CONCURRENCY_LIMIT,
    "PLATFORM.TASK_TIMED_OUT": Meaning.OUTAGE,
    "PLATFORM.UNKNOWN_ERROR": Meaning.OUTAGE,
    "PLATFORM.INPUT_INVALID": Meaning.INPUT,
    "PLATFORM.AUTHENTICATION_INVALID": Meaning.SET_UP,
    "PLATFORM.IP_NOT_WHITELISTED": Meaning.SET_UP,
    "PLATFORM.INTEGRATION_NOT_FOUND": Meaning.SET_UP,
    "INTEGRATION.MODEL_NOT_AVAILABLE": Meaning.UNSUPPORTED,
    "INTEGRATION.MODEL_DISABLED": Meaning.UNSUPPORTED,
    "INTEGRATION.ACTION_NOT_AVAILABLE": Meaning.UNSUPPORTED,
    "INTEGRATION.ACTION_DISABLED": Meaning.UNSUPPORTED,
    "REMOTE.RATE_LIMIT_EXCEEDED": Meaning.REMOTE_RATE_LIMIT,
    "REMOTE.INPUT_INVALID": Meaning.INPUT,
}
_TIMED_OUT = ("TIMED_OUT", "TIMEOUT")
"""Codes of timeouts: running out of time is not a refusal, in any family (a feed's import, for example)."""
_BY_FAMILY = {"INTEGRATION": Meaning.SET_UP, "REMOTE": Meaning.OUTAGE}

_GAVE_UP = frozenset({408, 425, 444, 460, 499})
"""Statuses of servers and load balancers that stopped waiting (460 is AWS's; 444 and 499 are nginx's)."""

_NEVER_REACHED_KOMBO = {
    401: Meaning.SET_UP,  # RFC 9110, 15.5.2: "the request has not been applied"
    404: Meaning.SET_UP,  # no route for this path: the base URL is wrong
    405: Meaning.SET_UP,  # no route for this method
    407: Meaning.SET_UP,  # the proxy wants credentials first
    411: Meaning.SET_UP,  # refused by its headers
    413: Meaning.INPUT,  # the body is too large for something on the way
    414: Meaning.INPUT,  # the target is too long
    415: Meaning.SET_UP,  # refused by its headers
    417: Meaning.SET_UP,  # refused by its headers
    421: Meaning.SET_UP,  # another server's host name
    426: Meaning.SET_UP,  # another protocol is wanted first
    429: Meaning.RATE_LIMIT,  # turned away at the door
    431: Meaning.INPUT,  # the headers are too large
}
"""Statuses that mean nothing was done even without Kombo's JSON.

All others are ambiguous: a 400 may be about a backend's response, a 403 may come from a firewall that inspects
responses, a redirect may follow a completed write.
"""


def meaning(status_code: int, code: str | None, *, from_kombo: bool) -> Meaning:
    """What a response other than a success means.

    *from_kombo* says whether the body was Kombo's JSON error, not that of a load balancer or proxy on the way.
    """
    found = None if code is None else _of_code(code)
    if found is not None:
        return found
    if not from_kombo:
        return _of_something_on_the_way(status_code)
    if status_code == 503 and code is None:
        return Meaning.SYNC_PENDING  # how "no sync yet" came before codes existed
    if status_code == 429 and (code is None or code.startswith("PLATFORM.")):
        return Meaning.RATE_LIMIT
    if status_code >= 500 or status_code in _GAVE_UP:
        return Meaning.OUTAGE
    if 200 <= status_code < 300:
        return Meaning.UNCLEAR  # a success by its status, a failure by its body
    return Meaning.SET_UP if code is None and status_code in (401, 403) else Meaning.REFUSED


def _of_code(code: str) -> Meaning | None:
    """What *code* means regardless of the status, or None if the status decides."""
    known = _BY_CODE.get(code)
    if known is None and code.endswith(_TIMED_OUT):
        return Meaning.OUTAGE
    return known or _BY_FAMILY.get(code.partition(".")[0])


def _of_something_on_the_way(status_code: int) -> Meaning:
    if status_code >= 500 or status_code in _GAVE_UP or 200 <= status_code < 300:
        return Meaning.OUTAGE
    return _NEVER_REACHED_KOMBO.get(status_code, Meaning.UNCLEAR)


def meaning_of(failure: errors.Failure) -> Meaning:
    """What *failure* means."""
    return meaning(failure.status_code, failure.code, from_kombo=failure.from_kombo)


_CLASSES_BY_CODE: dict[str, type[errors.Failure]] = {
    SYNC_PENDING: errors.SyncPending,
    RATE_LIMIT: errors.RateLimited,
    CONCURRENCY_LIMIT: errors.RateLimited,
}
_CLASSES_BY_STATUS: dict[int, type[errors.Failure]] = {
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


def failure_class(status_code: int, code: str | None, *, from_kombo: bool) -> type[errors.Failure]:
    """The class of a failure: by its code if the code has one, otherwise by its status."""
    if code in _CLASSES_BY_CODE:
        return _CLASSES_BY_CODE[code]
    if status_code == 503 and from_kombo and code is None:
        return errors.SyncPending
    if 500 <= status_code < 600:
        return errors.ServerError
    return _CLASSES_BY_STATUS.get(status_code, errors.UnexpectedResponse)


_CODE = re.compile(r"[A-Z][A-Z0-9_]{1,40}\.[A-Z0-9_]{1,80}")
_NOT_OF_THE_DOMAIN = ("PLATFORM.", "INTEGRATION.", "REMOTE.")


def printable(code: str | None) -> str | None:
    """Return *code* if it looks like one of Kombo's. Anything else may contain people's data and is not logged."""
    return code if code and _CODE.fullmatch(code) else None


def is_domain_code(code: str | None) -> bool:
    """Whether *code* belongs to a domain, such as `ATS.JOB_CLOSED`, rather than to Kombo, setup or an outage."""
    return code is not None and printable(code) is not None and not code.startswith(_NOT_OF_THE_DOMAIN)
