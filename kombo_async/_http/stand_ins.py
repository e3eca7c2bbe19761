"""What stands in for httpx's own transport, or in front of it: mocks, recorders and OpenTelemetry's instrumentation.

pytest-httpx, vcrpy and OpenTelemetry replace `httpx.AsyncHTTPTransport.handle_async_request`. They would not see a
transport that is not httpx's own, so where it was replaced, requests go through one of httpx's. That one cannot tell
whether a request was written, nor whether unread data is left on a connection; so what was begun counts as written, and
no connection is used twice. OpenTelemetry is different, as it is used in production: it has a transport of its own to
wrap others, which goes around ours.
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
    """Our transport, with a look for each request whether somebody stands in."""

    def __init__(self, ours: httpx.AsyncBaseTransport, route: Route) -> None:
        self._ours = ours
        self._route = route
        self._seen: object = None
        self._nobody = True
        self._httpx: httpx.AsyncHTTPTransport | None = None
        self._traced: httpx.AsyncBaseTransport | None = None

    def handle_async_request(self, request: httpx.Request) -> CoroutineType[Any, Any, httpx.Response]:
        """Answer *request* through whoever stands in, else by our transport."""
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
    """Whether *function* is httpx's own, not what somebody put in its place or around it."""
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
    """Whether spans go to the global provider. One that was given to `instrument()` cannot be had from outside."""
    trace = sys.modules["opentelemetry.trace"]
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def hide_query(request: Any) -> None:
    """Let the URL of *request* print without its query, if tracing is active, which keeps what is printed.

    A query may hold an e-mail address.
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
