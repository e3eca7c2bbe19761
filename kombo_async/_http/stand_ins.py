"""Let tools that replace or wrap httpx's transport work: mocks, recorders, OpenTelemetry's instrumentation.

pytest-httpx, vcrpy and OpenTelemetry replace `httpx.AsyncHTTPTransport.handle_async_request`. They would not see a
transport that is not httpx's own, so if it was replaced, requests go through one of httpx's. That one cannot tell
whether a request was written, or whether unread data is left on a connection; so a request that was started counts as
written, and no connection is used twice. OpenTelemetry is different, since it is used in production: it can wrap any
transport, and wraps ours.
"""

from __future__ import annotations

import sys
from functools import cache
from types import CoroutineType, FunctionType
from typing import Any

import httpx

from kombo_async._http.route import Route

OTEL = "opentelemetry.instrumentation.httpx"


class Front(httpx.AsyncBaseTransport):
    """Our transport, which checks for each request whether a tool has replaced httpx's."""

    def __init__(self, ours: httpx.AsyncBaseTransport, route: Route) -> None:
        self._ours = ours
        self._route = route
        self._seen: object = None
        self._nobody = True
        self._httpx: httpx.AsyncHTTPTransport | None = None
        self._traced: httpx.AsyncBaseTransport | None = None

    def handle_async_request(self, request: httpx.Request) -> CoroutineType[Any, Any, httpx.Response]:
        """Send *request* through the tool if there is one, otherwise through our transport."""
        now: Any = vars(httpx.AsyncHTTPTransport).get("handle_async_request")
        if now is not self._seen:
            self._seen = now
            self._nobody = _is_own(now)
        transport: Any = self._ours if self._nobody else self._found(now)
        answering: CoroutineType[Any, Any, httpx.Response] = transport.handle_async_request(request)
        return answering

    def _found(self, now: Any) -> httpx.AsyncBaseTransport:
        if _is_own(getattr(now, "__wrapped__", None)) and is_traced() and _has_global_tracer():
            traced = self._traced or sys.modules[OTEL].AsyncOpenTelemetryTransport(self._ours)
            self._traced = traced
            return traced
        if self._httpx is None:
            limits = httpx.Limits(max_keepalive_connections=0)
            self._httpx = httpx.AsyncHTTPTransport(
                verify=self._route.tls or False, proxy=self._route.proxy, limits=limits
            )
        return self._httpx

    async def aclose(self) -> None:
        """Close our connections."""
        await self._ours.aclose()
        if self._httpx is not None:
            await self._httpx.aclose()


def _is_own(function: object) -> bool:
    """Whether *function* is httpx's own, neither replaced nor wrapped."""
    return (
        type(function) is FunctionType
        and not hasattr(function, "__wrapped__")
        and function.__module__.partition(".")[0] == "httpx"
    )


def is_traced() -> bool:
    """Whether OpenTelemetry's instrumentation of httpx is active."""
    module = sys.modules.get(OTEL)
    if module is None:
        return False
    return bool(module.HTTPXClientInstrumentor().is_instrumented_by_opentelemetry)


def _has_global_tracer() -> bool:
    """Whether spans go to the global provider. One that was passed to `instrument()` is not accessible."""
    trace = sys.modules["opentelemetry.trace"]
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def hide_query(request: Any) -> None:
    """If tracing is active, make the URL of *request* print without its query, since spans record it.

    A query may contain an e-mail address.
    """
    if is_traced():
        quiet: Any = _quiet
        request.url = quiet(type(request.url))(request.url)


@cache
def _quiet(cls: Any) -> Any:
    class QuietURL(cls):  # type: ignore[misc]
        def __str__(self) -> str:
            return str(cls(self).copy_with(query=None))

    return QuietURL
