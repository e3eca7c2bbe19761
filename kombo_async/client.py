"""The client: its settings, its namespaces, and `send`."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from math import inf
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from kombo_async._chain.auth import APIKey, Auth
from kombo_async._chain.event_loops import PerEventLoop
from kombo_async._chain.order import Chain, chain_to
from kombo_async._clock import Clock
from kombo_async._codec.encode import check_header, check_headers
from kombo_async._codec.secret_checks import checked
from kombo_async._http.transport import Http
from kombo_async.middleware import Call, Middleware, Next
from kombo_async.options import Options, Region, RetryPolicy, Timeout, check_number, resolve_base_url
from kombo_async.request import Request
from kombo_async.response import Response

if TYPE_CHECKING:
    from datetime import timedelta

    import httpx

    from kombo_async.ai_apply.resource import AIApply
    from kombo_async.assessment.resource import Assessment
    from kombo_async.ats.resource import ATS
    from kombo_async.bulk import Bulk, Journal, Reconciler, Requests, SyncedSince
    from kombo_async.connect.resource import Connect
    from kombo_async.custom.resource import Custom
    from kombo_async.general.resource import General
    from kombo_async.hris.resource import HRIS
    from kombo_async.lms.resource import LMS
    from kombo_async.shared_limits import SharedLimits
    from kombo_async.status import ClientStatus

T = TypeVar("T")


class AsyncKomboClient:
    """A client for the Kombo Unified API. Any number of tasks can share it.

    Close it with `async with` or `await client.aclose()`.

    Args:
        api_key: The key from Kombo's dashboard, or a function (it may be async) that returns the current one;
            by default `KOMBO_API_KEY`.
        integration_id: The integration that calls are for, such as `greenhouse:HWUTwvyx2wLoSUHphiWVrp28`;
            by default `KOMBO_INTEGRATION_ID`. `for_integration` and each call can choose another.
        region: Where Kombo keeps your data: `eu` (the default), `us` or `ca`.
        base_url: A different base URL, such as a sandbox's; by default `KOMBO_BASE_URL`.
        timeout: Seconds for each attempt, or a `Timeout` with different times for reads and actions.
        deadline: Seconds for each whole call, including retries and waits; None means no limit.
        retry: When to retry; `RetryPolicy.none()` never does.
        middleware: Your own steps around each call; the first is outermost.
        attempt_middleware: Your own steps around each attempt of a call; the first is outermost.
        max_connections: How many requests may be in flight at once; others wait their turn.
        limits: Limits shared with other processes; without them, the client learns its share by itself.
        max_response_bytes: Larger responses (after decompression) are not read, and become an `UnexpectedResponse`.
        headers: Headers to add to each call.
        transport: What to send through instead of connections of our own, such as `httpx.MockTransport`. It cannot tell
            whether a request was written, so a write counts as sent once it has begun; nor whether a connection has
            unread data, so each request asks for a connection of its own (`Connection: close`), except over HTTP/2.
        http_client: What to send through instead, an `httpx.AsyncClient` or `httpx2.AsyncClient` that you close; the
            same applies to its transport. Its cookies and its `auth` are not used.
        allow_http: Allow a base URL with `http://` to another machine; the API key travels unencrypted.
        clock: The clock for waits and deadlines. With a sandbox's clock, tests do not wait in real time.

    Raises:
        ValueError: There is no API key, or a setting is invalid.
    """

    def __init__(
        self,
        api_key: APIKey | None = None,
        *,
        integration_id: str | None = None,
        region: Region | None = None,
        base_url: str | None = None,
        timeout: float | Timeout | None = None,
        deadline: float | None = None,
        retry: RetryPolicy | None = None,
        middleware: Sequence[Middleware] = (),
        attempt_middleware: Sequence[Middleware] = (),
        max_connections: int = 100,
        limits: SharedLimits | None = None,
        max_response_bytes: int = 64 * 1024 * 1024,
        headers: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        http_client: httpx.AsyncClient | None = None,
        allow_http: bool = False,
        clock: Clock | None = None,
    ) -> None:
        auth = Auth.of(api_key or os.environ.get("KOMBO_API_KEY"))
        address = checked(resolve_base_url, base_url, region, allow_http=allow_http)
        own_headers = checked(check_headers, headers or {})
        del api_key, base_url, headers  # tracebacks may print the variables of this frame
        if isinstance(auth, ValueError):
            raise auth
        if isinstance(address, ValueError):
            raise address
        if isinstance(own_headers, ValueError):
            raise own_headers
        check_number("max_connections", max_connections, least=1, whole=True)
        check_number("max_response_bytes", max_response_bytes, least=1, whole=True)
        self._base_url = address
        self._integration_id = _integration_id(integration_id or os.environ.get("KOMBO_INTEGRATION_ID"))
        self._timeout = Timeout.of_seconds(timeout)
        self._deadline = _deadline(deadline)
        self._retry = retry or RetryPolicy()
        self._headers = own_headers
        self._attempt_middleware = tuple(attempt_middleware)
        self._clock = clock or Clock()
        self._http = http = Http(
            address,
            transport=transport,
            client=http_client,
            connect_timeout=self._timeout.connect,
            max_response_bytes=max_response_bytes,
            this_machine=address.startswith("http://") and not allow_http,
            clock=self._clock,
        )

        def chain() -> Chain:
            return chain_to(
                http,
                middleware=middleware,
                auth=auth,
                clock=self._clock,
                max_connections=max_connections,
                shared_limits=limits,
            )

        self._calls = PerEventLoop(chain, http.in_event_loop)
        self._is_view = False

    _base_url = "(not made)"
    _integration_id: str | None = None

    def __repr__(self) -> str:
        return f"<AsyncKomboClient {self._base_url} integration_id={self._integration_id!r}>"

    async def send(
        self,
        request: Request[T],
        *,
        integration_id: str | None = None,
        timeout: float | None = None,
        deadline: float | None = None,
        retry: RetryPolicy | None = None,
        headers: Mapping[str, str] | None = None,
        attempt_middleware: Sequence[Middleware] = (),
    ) -> Response[T]:
        """Send *request*, and return `Success[T]` or a failure.

        Args:
            request: What to send, such as `ats.CreateCandidate(...)`.
            integration_id: In place of the client's integration.
            timeout: Seconds for each attempt.
            deadline: Seconds for the whole call, including retries and waits.
            retry: In place of the client's policy.
            headers: Headers to add.
            attempt_middleware: Steps around each attempt of this call, inside the client's own.

        Raises:
            NoResponse: No response came: `ConnectionFailed` or `TimedOut`.
            ValueError: The request is invalid. Nothing was sent.
        """
        operation = request.operation
        integration_id = self._integration_id if integration_id is None else _integration_id(integration_id)
        if operation.integration and integration_id is None:
            raise ValueError(
                f"integration_id: {operation.id} needs one; pass it to the client or the call, use for_integration(), "
                "or set KOMBO_INTEGRATION_ID"
            )
        more_headers = checked(check_headers, headers) if headers else {}
        del headers  # tracebacks may print the variables of this frame
        if isinstance(more_headers, ValueError):
            raise more_headers
        deadline = self._deadline if deadline is None else _deadline(deadline)
        call = Call(
            request=request,
            integration_id=integration_id,
            headers={**self._headers, **more_headers} if more_headers else self._headers,
            timeout=self._timeout.of(operation) if timeout is None else Timeout.of_seconds(timeout).of(operation),
            deadline=None if deadline is None else self._clock.time() + deadline,
            retry=retry or self._retry,
            attempt_middleware=(*self._attempt_middleware, *attempt_middleware),
        )
        return await self._calls(call)

    @property
    def _chain(self) -> Next:
        """The steps that each call passes through."""
        return self._calls.chain.send

    def status(self) -> ClientStatus:
        """What this client and all its views are doing right now. Can be called from any thread."""
        return self._calls.chain.limits.status()

    def bulk(
        self,
        requests: Requests,
        *,
        journal: Journal | str | os.PathLike[str] | None = None,
        key: Callable[[Request[Any]], str] | None = None,
        concurrency: int | None = None,
        ordered: bool = False,
        retry_refused: bool = False,
        reconcilers: Mapping[type[Request[Any]], Reconciler] | None = None,
        resend_after: timedelta | None = None,
        synced_since: SyncedSince | None = None,
        settle_wait: float = 60.0,
        grace: float = 10.0,
        options: Options | None = None,
    ) -> Bulk:
        """Send any number of *requests*. Iterate over the result to get their outcomes as they come in.

        Args:
            requests: Requests (or a `bulk.Row` each, to name its key or integration), from any iterable or async one.
                If it raises, the rows that it gave before are sent, then the error is raised.
            journal: Where to record what became of each row, which makes the run interruptible and resumable: the path
                of a SQLite file, or a `Journal`; None keeps nothing beyond the run.
            key: Gives the key of a row in the journal. By default that is the integration, job and person of an
                application, and a digest of any other request.
            concurrency: How many rows are in progress at once; None for 100. Limits apply regardless.
            ordered: Whether outcomes come in the order of the requests.
            retry_refused: Whether to send again what Kombo refused in an earlier run.
            reconcilers: By request class: a reconciler identifies rows, and looks for those in doubt. Yours replace
                or add to the built-in ones for applications and candidates.
            resend_after: The longest that a created record can take to appear in Kombo's lists; you vouch for it. A row
                in doubt that is still missing after that is sent again. With None, only proof allows that.
            synced_since: The source of that proof: a function that takes an integration ID and a time on Kombo's clock,
                and says whether a full sync that began after that time has succeeded.
            settle_wait: How many seconds to wait at the end for `resend_after` to pass, or for rows that another run
                holds.
            grace: How many seconds requests in flight have to finish when the loop is left or cancelled.
            options: Options for each call.

        Raises:
            JournalError: From the iteration: the journal is locked, damaged, from another job, or cannot be written.
            OSError: From the iteration: this machine has no file handles, memory or disk left. Rows that were not
                sent because of it are `unsent` in the journal.
        """
        from kombo_async import bulk

        settings = bulk.Settings(
            key=key,
            concurrency=bulk.DEFAULT_CONCURRENCY if concurrency is None else concurrency,
            ordered=ordered,
            retry_refused=retry_refused,
            reconcilers={**bulk.default_reconcilers(), **(reconcilers or {})},
            resend_after=resend_after,
            synced_since=synced_since,
            settle_wait=settle_wait,
            grace=grace,
            options=options or {},
        )
        clock = bulk.ServerClock(self._clock)
        view = self._view()
        view._attempt_middleware = (clock, *self._attempt_middleware)
        return bulk.Bulk(
            view,
            requests,
            bulk.journal_of(journal),
            settings,
            clock=clock,
            address=self._base_url,
            integration_id=self._integration_id,
        )

    def for_integration(self, integration_id: str) -> AsyncKomboClient:
        """A view of this client for another integration, with the same connections and limits. Do not close it."""
        view = self._view()
        view._integration_id = _integration_id(integration_id)
        return view

    def _view(self) -> AsyncKomboClient:
        view = copy.copy(self)
        for name in _NAMESPACES & vars(view).keys():
            del vars(view)[name]
        view._is_view = True
        return view

    async def aclose(self) -> None:
        """Close all connections. An `http_client` that you passed stays open."""
        if not self._is_view:
            await self._http.aclose()
            await self._calls.aclose()

    async def __aenter__(self) -> Self:
        self._http.open()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    @cached_property
    def ats(self) -> ATS:
        """Recruiting: candidates, applications, jobs and related records."""
        from kombo_async.ats.resource import ATS

        return ATS(self)

    @cached_property
    def hris(self) -> HRIS:
        """Employees, absences, groups and related records."""
        from kombo_async.hris.resource import HRIS

        return HRIS(self)

    @cached_property
    def lms(self) -> LMS:
        """Learning: courses, and the progress of the people who take them."""
        from kombo_async.lms.resource import LMS

        return LMS(self)

    @cached_property
    def assessment(self) -> Assessment:
        """Assessments and background checks that a recruiting system orders."""
        from kombo_async.assessment.resource import Assessment

        return Assessment(self)

    @cached_property
    def ai_apply(self) -> AIApply:
        """Applications to job postings on career sites."""
        from kombo_async.ai_apply.resource import AIApply

        return AIApply(self)

    @cached_property
    def connect(self) -> Connect:
        """The flow in which customers connect their systems."""
        from kombo_async.connect.resource import Connect

        return Connect(self)

    @cached_property
    def general(self) -> General:
        """API key, integrations, tools, syncs and passthrough requests."""
        from kombo_async.general.resource import General

        return General(self)

    @cached_property
    def custom(self) -> Custom:
        """Operations for a single system, such as DATEV or Silae."""
        from kombo_async.custom.resource import Custom

        return Custom(self)


_NAMESPACES = {name for name, value in vars(AsyncKomboClient).items() if isinstance(value, cached_property)}


def _integration_id(value: str | None) -> str | None:
    return None if value is None else check_header("integration_id", value)


def _deadline(seconds: float | None) -> float | None:
    """Check *seconds*. A deadline of 0 or less is valid: the call is simply too late."""
    if seconds is not None:
        check_number("deadline", seconds, least=-inf)
    return seconds
