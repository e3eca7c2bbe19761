"""Everything that can go wrong with a call, as values and as exceptions.

    KomboError
    ├── NoResponse             no response came, or only part of one
    │   ├── ConnectionFailed   the connection could not be made, or broke
    │   └── TimedOut           the attempt's timeout or the call's deadline passed
    └── Failure                a response other than success
        ├── BadRequest         400, 405, 413, 415, 422
        ├── Unauthorized       401
        ├── Forbidden          403
        ├── NotFound           404
        ├── SyncPending        the integration's first sync has not finished
        ├── Conflict           other 409
        ├── RateLimited        429
        ├── ServerError        other 5xx
        └── UnexpectedResponse the rest

A `Failure` is returned as a value, and raised by `unwrap()`. A `NoResponse` is always raised.
All of them can be copied and pickled, and none prints an API key or a body.

`InvalidInput` and `ConfigurationError` are separate. The first is a `ValueError` about the input, raised before
anything is sent. The second means that this machine's network settings cannot work, whatever is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NoReturn, Self, TypeVar, cast, dataclass_transform

import attrs

from kombo_async._escaping import one_line
from kombo_async._generated.error_codes import ErrorCode

if TYPE_CHECKING:
    import httpx

E = TypeVar("E", bound="KomboError")


@attrs.frozen
class InputFault:
    """One problem in the input. It never contains the value, which may be people's data."""

    path: str
    """The field, such as `candidate.email_address` or `ids[2]`; empty if it is about the whole input."""
    message: str
    """What is wrong with it, and what it must be."""

    def __str__(self) -> str:
        return f"{self.path or '(all of it)'}: {self.message}"


class InvalidInput(ValueError):
    """The input is invalid. Nothing was sent.

    Args:
        faults: Everything that is wrong, or a single thing.
        what: The first line of the message, such as what has the faults; without it, the message is one line.
    """

    def __init__(self, faults: InputFault | Iterable[InputFault], what: str = "") -> None:
        self.faults: list[InputFault] = [faults] if isinstance(faults, InputFault) else list(faults)
        self.what = what
        super().__init__(self.faults, what)

    def __str__(self) -> str:
        if not self.what:
            return "; ".join(map(str, self.faults))
        return "\n".join([f"{self.what}:", *(f"  {fault}" for fault in self.faults)])


class ConfigurationError(RuntimeError):
    """A setting of the environment, such as `HTTPS_PROXY` or `SSL_CERT_FILE`, cannot work. Nothing was sent.

    Raised when a client is opened: on entering its `async with`, or by its first call.
    """


@attrs.frozen(kw_only=True)
class ErrorDetail:
    """What Kombo says about a failure."""

    code: ErrorCode | None
    """Kombo's code, such as `ATS.JOB_CLOSED`. Decide by this. None in responses in the older format."""
    title: str | None
    message: str
    """For people. Do not decide by it; Kombo changes it without notice."""
    log_url: str | None
    """The page of Kombo's dashboard that shows this call."""


@dataclass_transform(frozen_default=True, kw_only_default=True)
def _error(cls: type[E]) -> type[E]:
    return attrs.frozen(kw_only=True, slots=False, repr=False, eq=False)(cls)


def _restore(cls: type[E], fields: dict[str, Any]) -> E:
    return cls(**fields)


def without_request(response: httpx.Response) -> httpx.Response:
    """*response* without its request, which holds the API key and the body."""
    transport_headers = (b"content-encoding", b"transfer-encoding", b"content-length")
    headers = [(name, value) for name, value in response.headers.raw if name.lower() not in transport_headers]
    return type(response)(response.status_code, headers=headers, content=response.content)


@_error
class KomboError(Exception):
    """The base of all failures of a call."""

    may_have_applied: bool = False
    """Whether a write may have taken effect nevertheless. Never true for a call that only reads."""
    attempts: int = 1
    """How many requests were made."""
    cursor: str | None = None
    """If reading several pages failed: the `cursor` to resume from, None for the first page."""

    def unwrap(self) -> NoReturn:
        """Raise a copy of this failure. (A raised exception keeps its frames alive; a stored value should not.)"""
        raise self.evolve() from None

    def evolve(self, **changes: Any) -> Self:
        """A copy with some fields changed."""
        changed: Self = attrs.evolve(cast("Any", self), **changes)
        changed.__cause__ = self.__cause__
        return changed

    def _summary(self) -> str:
        return type(self).__name__

    def __str__(self) -> str:
        applied = " (it may have been applied nevertheless)" if self.may_have_applied else ""
        return f"{self._summary()}{applied}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"

    def __reduce__(self) -> tuple[Callable[..., KomboError], tuple[type[KomboError], dict[str, Any]]]:
        cls: Any = type(self)
        fields = {field.name: getattr(self, field.name) for field in attrs.fields(cls)}
        if "raw_response" in fields:
            fields["raw_response"] = without_request(fields["raw_response"])
        return _restore, (cls, fields)


@_error
class NoResponse(KomboError):
    """No response came, or only part of one."""

    message: str
    sent: bool
    """Whether the request may have reached the server."""

    def _summary(self) -> str:
        return self.message


class ConnectionFailed(NoResponse):
    """The connection could not be made, or broke before the response was complete."""


class TimedOut(NoResponse):
    """The attempt's timeout, or the deadline of the call, passed before the response was complete."""


@_error
class Failure(KomboError):
    """A response other than a success."""

    status: ClassVar[Literal["error"]] = "error"

    status_code: int
    error: ErrorDetail
    raw_response: httpx.Response
    """The response as it came, read to its end."""
    from_kombo: bool = True
    """Whether the body was Kombo's JSON, not that of a load balancer or proxy on the way."""

    @property
    def code(self) -> ErrorCode | None:
        """`error.code`: decide by this."""
        return self.error.code

    @property
    def title(self) -> str | None:
        """`error.title`."""
        return self.error.title

    @property
    def message(self) -> str:
        """`error.message`."""
        return self.error.message

    @property
    def log_url(self) -> str | None:
        """`error.log_url`."""
        return self.error.log_url

    @property
    def content_type(self) -> str | None:
        """The response's `Content-Type`."""
        content_type: str | None = self.raw_response.headers.get("content-type")
        return content_type

    def _summary(self) -> str:
        code = f" {self.code}" if self.code else ""
        log = f" ({self.log_url})" if self.log_url else ""
        return one_line(f"{self.status_code}{code}: {self.message}{log}")


class BadRequest(Failure):
    """400, 405, 413, 415 or 422: Kombo or the connected system refused the input."""


class Unauthorized(Failure):
    """401: the API key is missing or invalid."""


class Forbidden(Failure):
    """403: the integration is inactive, or a permission is missing."""


class NotFound(Failure):
    """404: the resource or the integration does not exist."""


class SyncPending(Failure):
    """The integration's first sync has not finished; nothing was done, and it will work later (minutes to hours).

    `INTEGRATION.SETUP_SYNC_PENDING` on any status, or its older form: a 503 with Kombo's JSON and no code.
    """


class Conflict(Failure):
    """Any other 409, such as a setup that a person must finish."""


@_error
class RateLimited(Failure):
    """429: too many requests, or too many actions at once."""

    retry_after: float | None = None
    """How long Kombo asks to wait, in seconds, if it says so."""


class ServerError(Failure):
    """Any other 5xx, from Kombo or from a load balancer in front of it."""


class UnexpectedResponse(Failure):
    """Anything else: a redirect, another 4xx, or a 2xx without readable JSON."""
