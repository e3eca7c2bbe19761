"""A web app's response to its own callers when a call to Kombo fails: problem details (RFC 9457).

Kombo's messages and log links may name people or reveal how your app is set up, so they are not passed on.
The failure itself has them.
"""

from __future__ import annotations

import json
import math
from typing import Any

import attrs

from kombo_async._codec.codes import Meaning, is_domain_code, meaning_of
from kombo_async.errors import BadRequest, Failure, KomboError, NotFound, RateLimited, SyncPending, TimedOut

CONTENT_TYPE = "application/problem+json"
SYNC_RETRY_AFTER = 60
"""Seconds after which a caller may ask again whether the first sync has finished."""


@attrs.frozen(kw_only=True)
class Problem:
    """A response to a caller of your app."""

    status: int
    title: str
    code: str | None = None
    """Kombo's code if the request itself was refused, such as `ATS.JOB_CLOSED`."""
    retry_after: int | None = None
    """Seconds."""
    may_have_applied: bool = False
    """Whether it may have been done anyway; then the caller should check before asking again."""

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the response, except its content type."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}

    @property
    def body(self) -> bytes:
        """The body of the response."""
        content: dict[str, Any] = {"title": self.title, "status": self.status}
        if self.code is not None:
            content["code"] = self.code
        if self.may_have_applied:
            content["may_have_applied"] = True
        return json.dumps(content).encode()


def problem_of(error: KomboError) -> Problem:
    """The response for *error*."""
    return attrs.evolve(_problem(error), may_have_applied=error.may_have_applied)


def _problem(error: KomboError) -> Problem:
    match error:
        case SyncPending():
            return Problem(
                status=503, title="The connected system is still being set up.", retry_after=SYNC_RETRY_AFTER
            )
        case RateLimited(retry_after=seconds):
            return Problem(
                status=503,
                title="There are too many requests at the moment.",
                retry_after=max(1, math.ceil(seconds or 1)),
            )
        case Failure(code=code) if is_domain_code(code) and meaning_of(error) is Meaning.REFUSED:
            return Problem(status=422, title="The connected system refused this.", code=code)
        case BadRequest(code=str()) if meaning_of(error) is Meaning.INPUT:
            return Problem(status=422, title="The connected system does not accept this input.")
        case NotFound() if meaning_of(error) is Meaning.REFUSED:
            return Problem(status=404, title="There is no such record in the connected system.")
        case TimedOut():
            return Problem(status=504, title="The connected system took too long.")
        case _:
            return Problem(status=502, title="The connected system cannot be reached at the moment.")
