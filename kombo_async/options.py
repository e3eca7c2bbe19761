"""Settings: timeouts, retries, the address of the API."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from math import isfinite
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict
from urllib.parse import urlsplit

import attrs

if TYPE_CHECKING:
    from kombo_async.errors import KomboError
    from kombo_async.middleware import Middleware
    from kombo_async.request import Operation

Region: TypeAlias = Literal["eu", "us", "ca"]

BASE_URLS: dict[Region, str] = {
    "eu": "https://api.kombo.dev/v1",
    "us": "https://api.us.kombo.dev/v1",
    "ca": "https://api.ca.kombo.dev/v1",
}


def check_number(name: str, value: object, *, least: float | None = None, whole: bool = False) -> None:
    """Raise `ValueError` unless *value* is a number (not NaN) of at least *least*; by default, more than 0."""
    kind, what = (int, "a whole number") if whole else (Real, "a number")
    if isinstance(value, bool) or not isinstance(value, kind):
        raise ValueError(f"{name}: must be {what}, not a {type(value).__name__}")
    number: Any = value
    if not (number > 0 if least is None else number >= least):
        bound = " more than 0" if least is None else f" {least} or more" if isfinite(least) else " a number"
        raise ValueError(f"{name}: must be{bound}, not {value}")


def number(least: float | None = None, *, whole: bool = False) -> Callable[[Any, attrs.Attribute[Any], Any], None]:
    """A field validator that uses `check_number`."""

    def check(_: Any, field: attrs.Attribute[Any], value: object) -> None:
        check_number(field.name, value, least=least, whole=whole)

    return check


def _flag(_: Any, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, bool):
        raise ValueError(f"{field.name}: must be True or False, not a {type(value).__name__}")


def _function(_: Any, field: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not callable(value):
        raise ValueError(f"{field.name}: must be a function or None, not a {type(value).__name__}")


@attrs.frozen(kw_only=True)
class Timeout:
    """How long one attempt may take, in seconds. Actions wait for the connected system, so they get more time."""

    connect: float = attrs.field(default=5.0, validator=number())
    """Seconds to connect."""
    read: float = attrs.field(default=30.0, validator=number())
    """Seconds for a whole attempt of any other call: it only reads Kombo's copy or asks the platform."""
    action: float = attrs.field(default=300.0, validator=number())
    """Seconds for a whole attempt of an action."""
    documented: bool = True
    """Whether a call gets more time if Kombo documents a timeout (`Operation.timeout`), such as 300 s for
    `ai_apply.bulk_import_job_postings`."""

    @classmethod
    def of_seconds(cls, seconds: float | Timeout | None) -> Timeout:
        """The same *seconds* for every attempt, or the defaults for None. Raises `ValueError` for 0 or less."""
        if isinstance(seconds, Timeout):
            return seconds
        if seconds is None:
            return cls()
        check_number("timeout", seconds)
        return cls(connect=min(seconds, cls().connect), read=seconds, action=seconds, documented=False)

    def of(self, operation: Operation) -> float:
        """How long a whole attempt of *operation* may take, in seconds."""
        seconds = self.action if operation.action else self.read
        return max(seconds, operation.timeout or 0) if self.documented else seconds


@attrs.frozen(kw_only=True)
class Waiting:
    """A wait before the next attempt, as `RetryPolicy.on_wait` gets it."""

    failure: KomboError
    """The failure of the last attempt."""
    operation: Operation
    integration_id: str | None
    attempt: int
    """The number of the attempt that failed, from 1."""
    seconds: float
    """How long the call is going to wait, in seconds."""
    waited: float
    """How long the call has waited for the first sync so far, in seconds."""


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """When a call is retried, and after how long.

    If nothing was done, any call is retried. If something may have been done, only calls that are safe to repeat are
    (GET, PUT, DELETE), so a retry never creates a second candidate.
    """

    attempts: int = attrs.field(default=4, validator=number(1, whole=True))
    """The most requests a call makes, not counting those that wait for the first sync."""
    initial_delay: float = attrs.field(default=1.0, validator=number(0))
    """The longest wait before the second attempt, in seconds. It doubles for each further attempt."""
    max_delay: float = attrs.field(default=30.0, validator=number(0))
    """The longest wait before any attempt, in seconds, unless Kombo asks for a longer one."""
    jitter: bool = attrs.field(default=True, validator=_flag)
    """Whether to wait a random part of that time, which keeps clients from all coming back at once."""
    max_retry_after: float = attrs.field(default=120.0, validator=number(0))
    """The longest `Retry-After` to wait for, in seconds. If Kombo asks for more, the failure is returned at once."""
    sync_wait: float = attrs.field(default=10.0, validator=number(0))
    """How long a call waits in total for an integration's first sync to finish, in seconds."""
    retry_ambiguous: bool = attrs.field(default=False, validator=_flag)
    """Whether to repeat POST and PATCH when they may have been applied. This can create things twice."""
    on_wait: Callable[[Waiting], Awaitable[None] | None] | None = attrs.field(
        default=None, validator=_function, repr=False
    )
    """Called before each wait, for example to show progress."""

    @classmethod
    def none(cls) -> RetryPolicy:
        """A policy that never retries and never waits."""
        return cls(attempts=1, sync_wait=0.0)


class Options(TypedDict, total=False):
    """Settings for a single call, in place of the client's own."""

    integration_id: str
    timeout: float
    """Seconds for each attempt."""
    deadline: float
    """Seconds for the whole call, with its retries and waits."""
    retry: RetryPolicy
    headers: Mapping[str, str]
    """Headers to add."""
    attempt_middleware: Sequence[Middleware]
    """Steps around each attempt of this call, inside the client's own."""


def resolve_base_url(base_url: str | None, region: Region | None, *, allow_http: bool) -> str:
    """The API's base URL: *base_url*, otherwise by *region*, otherwise `KOMBO_BASE_URL`, otherwise the EU.

    Raises `ValueError` for an invalid URL, and for `http://` to another machine, where anyone on the way could read
    the API key and people's data.
    """
    if base_url is None and region is None:
        base_url = os.environ.get("KOMBO_BASE_URL") or None
    if base_url is None:
        if region is not None and region not in BASE_URLS:
            raise ValueError(f"region: unknown region {region!r}, use one of {', '.join(BASE_URLS)}")
        return BASE_URLS[region or "eu"]
    try:
        url = urlsplit(base_url)
        _ = url.port
    except ValueError:
        url = urlsplit("")
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment or url.username:
        raise ValueError("base_url: pass an address such as https://api.kombo.dev/v1, without user, query or fragment")
    if url.scheme == "http" and not allow_http and not is_loopback(url.hostname):
        raise ValueError(
            "base_url: http:// sends the API key unencrypted; use https://, or pass allow_http=True if you have to"
        )
    return base_url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether *host* is this machine itself."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    from ipaddress import ip_address

    try:
        address = ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
