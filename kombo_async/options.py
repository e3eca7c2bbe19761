"""Settings: how long to wait, when to try again, where Kombo is."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias, TypedDict
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


@attrs.frozen(kw_only=True)
class Timeout:
    """How long one attempt may take, in seconds. Actions wait for the connected system, so they get longer."""

    connect: float = 5.0
    """To make a connection."""
    read: float = 30.0
    """For a whole attempt that reads what Kombo has synced, or asks the platform."""
    action: float = 300.0
    """For a whole attempt of an action."""
    documented: bool = True
    """Whether operations for which Kombo documents a longer time get that (`Operation.timeout`), such as 300 s for
    `ai_apply.bulk_import_job_postings`."""

    @classmethod
    def of_seconds(cls, seconds: float | Timeout | None) -> Timeout:
        """The same *seconds* for every attempt; None for the defaults. Raises `ValueError` for 0 and less."""
        if isinstance(seconds, Timeout):
            return seconds
        if seconds is None:
            return cls()
        if seconds <= 0:
            raise ValueError("timeout: must be more than 0 seconds")
        return cls(connect=min(seconds, cls().connect), read=seconds, action=seconds, documented=False)

    def of(self, operation: Operation) -> float:
        """For a whole attempt of *operation*, in seconds."""
        seconds = self.action if operation.action else self.read
        return max(seconds, operation.timeout or 0) if self.documented else seconds


@attrs.frozen(kw_only=True)
class Waiting:
    """What a call is about to wait for, as `RetryPolicy.on_wait` is told."""

    failure: KomboError
    """Why: the failure of the attempt before."""
    operation: Operation
    integration_id: str | None
    attempt: int
    """The number of the attempt that failed, from 1."""
    seconds: float
    """How long it is going to wait."""
    waited: float
    """How long the call has waited for the first sync until now."""


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """When a call is tried again, and after how long.

    What was surely not done is tried again for every call; what may have been done, for calls that may be repeated
    (GET, PUT, DELETE) alone: never does a retry create a second candidate.
    """

    attempts: int = attrs.field(default=4, validator=attrs.validators.ge(1))
    """How many requests a call makes at most, those that wait for the first sync not counted."""
    initial_delay: float = attrs.field(default=1.0, validator=attrs.validators.ge(0))
    """The longest wait before the second attempt, in seconds; it doubles for each one after."""
    max_delay: float = attrs.field(default=30.0, validator=attrs.validators.ge(0))
    """The longest wait before any attempt, in seconds, unless Kombo asks for a longer one."""
    jitter: bool = True
    """Whether to wait a random part of that time, so that clients do not return all at once."""
    max_retry_after: float = attrs.field(default=120.0, validator=attrs.validators.ge(0))
    """When Kombo asks to wait longer than this (`Retry-After`), in seconds, the failure is returned at once."""
    sync_wait: float = attrs.field(default=10.0, validator=attrs.validators.ge(0))
    """How long a call waits in all for an integration's first sync to finish, in seconds."""
    retry_ambiguous: bool = False
    """Whether to repeat POST and PATCH, too, when they may have been done: this can create things twice."""
    on_wait: Callable[[Waiting], Awaitable[None] | None] | None = attrs.field(default=None, repr=False)
    """Told before each wait; to show progress."""

    @classmethod
    def none(cls) -> RetryPolicy:
        """One attempt, whatever comes of it."""
        return cls(attempts=1, sync_wait=0.0)


class Options(TypedDict, total=False):
    """Options of a single call, each in place of the client's own."""

    integration_id: str
    timeout: float
    """Seconds for each attempt."""
    deadline: float
    """Seconds for the whole call, with its retries and waits."""
    retry: RetryPolicy
    headers: Mapping[str, str]
    """Headers to add."""
    attempt_middleware: Sequence[Middleware]
    """Steps around each attempt of this call, inside of the client's own."""


def resolve_base_url(base_url: str | None, region: Region | None, *, allow_http: bool) -> str:
    """Where Kombo is: as said, else by region, else by `KOMBO_BASE_URL`, else in the EU.

    Raises `ValueError` for what is no such URL, and for `http://` to a host other than this machine,
    where anyone on the way could read the API key and people's data.
    """
    if base_url is None and region is None:
        base_url = os.environ.get("KOMBO_BASE_URL") or None
    if base_url is None:
        if region is not None and region not in BASE_URLS:
            raise ValueError(f"region: {region!r} is none of {', '.join(BASE_URLS)}")
        return BASE_URLS[region or "eu"]
    url = urlsplit(base_url)
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment or url.username:
        raise ValueError("base_url: give an address such as https://api.kombo.dev/v1, without user, query or fragment")
    if url.scheme == "http" and not allow_http and not is_loopback(url.hostname):
        raise ValueError(
            "base_url: http:// would send the API key in the clear; use https://, or pass allow_http=True if you must"
        )
    return base_url.rstrip("/")


def checked_base_url(base_url: str | None, region: Region | None, *, allow_http: bool) -> str | ValueError:
    """What `resolve_base_url` gives, or what it raises, without frames that hold the URL."""
    try:
        return resolve_base_url(base_url, region, allow_http=allow_http)
    except ValueError as error:
        return ValueError(*error.args)


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
