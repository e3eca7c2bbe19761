"""Traces and metrics by OpenTelemetry's conventions, without people's data (extra `[otel]`)::

    kombo = AsyncKomboClient(middleware=[OpenTelemetry()])
    observe(kombo)  # gauges of waiting and running calls
    tasks.start_soon(observe_mirror, mirror)  # gauges of a mirror: lag, failures, last full syncs
    tasks.start_soon(observe_journal, journal)  # gauges of an upload: rows in doubt, and for how long

Each call is a span (`PostAtsCandidates`), and below it each of its attempts one of kind CLIENT (`POST /ats/candidates`)
by the conventions for HTTP clients, with one exception: there is no `url.full`, since queries and paths can hold
e-mail addresses and IDs of people; `url.template` says which operation it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit
from weakref import ref

import attrs

from kombo_async._lazy import missing_extra

try:
    from opentelemetry import metrics, propagate, trace
except ModuleNotFoundError as _error:
    raise missing_extra(_error, "otel", "opentelemetry") from None

from kombo_async._codec.codes import printable
from kombo_async._version import __version__
from kombo_async.contrib._otel_journal import observe_journal
from kombo_async.contrib._otel_mirror import observe_mirror
from kombo_async.errors import Failure, KomboError
from kombo_async.middleware import Call, Next
from kombo_async.options import resolve_base_url
from kombo_async.response import Response

if TYPE_CHECKING:
    from kombo_async.client import AsyncKomboClient
    from kombo_async.status import ClientStatus

__all__ = ["OpenTelemetry", "observe", "observe_journal", "observe_mirror", "Attributes", "Callback", "SECONDS"]

Attributes = dict[str, str | int | bool]
Callback: TypeAlias = "Callable[[metrics.CallbackOptions], Iterable[metrics.Observation]]"

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 120, 300)
"""The buckets of the conventions, and longer ones, since actions wait for the connected system."""


def observe(kombo: AsyncKomboClient, *, meter_provider: metrics.MeterProvider | None = None) -> None:
    """Export `kombo.status()` as gauges. Call it once per client.

    `kombo.calls.in_flight`, `kombo.calls.waiting` (for a connection), `kombo.actions.in_flight`,
    `kombo.actions.waiting` and `kombo.actions.limit` (by `kombo.integration.id`), and the counter `kombo.pauses`.

    Args:
        kombo: The client. It is not kept from the garbage collector.
        meter_provider: In place of the global one.
    """
    client = ref(kombo)

    def reading(read: Callable[[ClientStatus], Iterable[metrics.Observation]]) -> Callback:
        def observed(_: metrics.CallbackOptions) -> Iterable[metrics.Observation]:
            known = client()
            return () if known is None else read(known.status())

        return observed

    def of_client(name: str) -> Callback:
        return reading(lambda status: [metrics.Observation(getattr(status, name))])

    def of_actions(name: str) -> Callback:
        return reading(
            lambda status: [
                metrics.Observation(getattr(each, name), {"kombo.integration.id": integration_id})
                for integration_id, each in status.actions.items()
            ]
        )

    meter = metrics.get_meter("kombo_async", __version__, meter_provider)
    for name, unit, callback, description in (
        ("kombo.calls.in_flight", "{call}", of_client("in_flight"), "Calls that hold a connection."),
        ("kombo.calls.waiting", "{call}", of_client("waiting"), "Calls that wait for a connection."),
        ("kombo.actions.in_flight", "{call}", of_actions("in_flight"), "Actions in flight."),
        ("kombo.actions.waiting", "{call}", of_actions("waiting"), "Actions that wait for a place."),
        ("kombo.actions.limit", "{call}", of_actions("limit"), "Actions that this client runs at once."),
    ):
        meter.create_observable_gauge(name, [callback], unit=unit, description=description)
    meter.create_observable_counter(
        "kombo.pauses", [of_client("pauses")], unit="{pause}", description="Pauses of the whole client."
    )


class OpenTelemetry:
    """Middleware that creates spans and metrics. Put it first: then it sees everything that happens to a call.

    Metrics: `http.client.request.duration` for each attempt, and `kombo.call.duration` for each call with its waits.

    Args:
        base_url: The client's base URL, if it has its own; used for attempts that get no response.
        propagate: Send the trace context to Kombo, including any baggage of your app.
        tracer_provider: In place of the global one.
        meter_provider: In place of the global one.
    """

    def __init__(
        self,
        *,
        base_url: str | None = None,
        propagate: bool = False,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
    ) -> None:
        url = urlsplit(resolve_base_url(base_url, None, allow_http=True))
        self._server = _server(url.hostname, url.port, url.scheme)
        self._propagate = propagate
        self._tracer = trace.get_tracer("kombo_async", __version__, tracer_provider)
        meter = metrics.get_meter("kombo_async", __version__, meter_provider)
        self._attempts = meter.create_histogram(
            "http.client.request.duration",
            unit="s",
            description="Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=SECONDS,
        )
        self._calls = meter.create_histogram(
            "kombo.call.duration",
            unit="s",
            description="Duration of calls to Kombo, with their waits and retries.",
            explicit_bucket_boundaries_advisory=SECONDS,
        )

    async def __call__(self, call: Call, call_next: Next) -> Response[Any]:
        """Answer *call* within its span."""
        known: Attributes = {"kombo.operation": call.operation.id}
        if call.integration_id is not None:
            known["kombo.integration.tool"] = call.integration_id.partition(":")[0]
        with self._tracer.start_as_current_span(
            call.operation.id, attributes=known, record_exception=False, set_status_on_exception=False
        ) as span:
            if self._propagate:
                headers = dict(call.headers)
                propagate.inject(headers)
                call = attrs.evolve(call, headers=headers)
            step = _Attempts(self._tracer, self._attempts, known, self._server)
            call = attrs.evolve(call, attempt_middleware=(step, *call.attempt_middleware))
            with _measured(span, self._calls, known) as measured:
                response = await call_next(call)
                measured.note(response)
                return response


@attrs.frozen
class _Attempts:
    """The step around each attempt of one call."""

    tracer: trace.Tracer
    histogram: metrics.Histogram
    known: Attributes
    server: Attributes

    async def __call__(self, call: Call, call_next: Next) -> Response[Any]:
        operation = call.operation
        http: Attributes = {"http.request.method": operation.method, "url.template": operation.path, **self.server}
        with self.tracer.start_as_current_span(
            f"{operation.method} {operation.path}",
            kind=trace.SpanKind.CLIENT,
            attributes={**http, **self.known},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            if call.attempt > 1:
                span.set_attribute("http.request.resend_count", call.attempt - 1)
            with _measured(span, self.histogram, {**http, **self.known}) as measured, _alone():
                response = await call_next(call)
                measured.note_attempt(response)
                return response


@attrs.define
class _Measured:
    """The outcome of a call, or of one of its attempts."""

    attributes: Attributes
    """For span and metric."""
    details: Attributes = attrs.field(factory=dict[str, str | int | bool])
    """Only for the span."""
    failed: bool = False

    def note(self, response: Response[Any] | KomboError) -> None:
        """Record the outcome of a whole call."""
        self.details["kombo.attempts"] = response.attempts
        if isinstance(response, KomboError):
            self.failed = True
            code = printable(response.code) if isinstance(response, Failure) else None
            self.attributes["error.type"] = code or type(response).__name__
            self.details["kombo.may_have_applied"] = response.may_have_applied
        elif response.drift:
            self.details["kombo.drift"] = len(response.drift) + response.more_drift

    def note_attempt(self, response: Response[Any]) -> None:
        """Record the outcome of an attempt."""
        status = response.status_code
        self.attributes["http.response.status_code"] = status
        url = response.raw_response.url
        self.attributes |= _server(url.host, url.port, url.scheme)
        if isinstance(response, Failure):
            self.failed = True
            self.attributes["error.type"] = str(status)
            code = printable(response.code)
            if code is not None:
                self.attributes["kombo.error.code"] = code


@contextmanager
def _measured(span: trace.Span, histogram: metrics.Histogram, known: Attributes) -> Generator[_Measured]:
    start = time.perf_counter()
    measured = _Measured(dict(known))
    try:
        yield measured
    except BaseException as error:
        if isinstance(error, KomboError):
            measured.note(error)
        measured.failed = True
        measured.attributes["error.type"] = type(error).__name__
        raise
    finally:
        histogram.record(time.perf_counter() - start, measured.attributes)
        span.set_attributes({**measured.attributes, **measured.details})
        if measured.failed:
            span.set_status(trace.StatusCode.ERROR)


def _alone() -> AbstractContextManager[None]:
    """While this is entered, OpenTelemetry's instrumentation of httpx creates no second span for the attempt."""
    if find_spec("opentelemetry.instrumentation") is None:
        return nullcontext()
    from opentelemetry.instrumentation.utils import suppress_http_instrumentation

    return suppress_http_instrumentation()


def _server(host: str | None, port: int | None, scheme: str) -> Attributes:
    return {"server.address": host or "", "server.port": port or (443 if scheme == "https" else 80)}
