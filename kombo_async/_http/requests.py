"""The `httpx.Request` of an attempt: its URL, headers, body and timeouts."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from kombo_async._http.bodies import FileBody
from kombo_async._http.httpx_classes import classes_of
from kombo_async._version import __version__
from kombo_async.middleware import Call

MAX_CACHED_URLS = 1_000
USER_AGENT = f"kombo-async/{__version__} python/{sys.version_info.major}.{sys.version_info.minor}"
_OTEL = "opentelemetry.instrumentation.httpx"


class Requests:
    """Makes the requests to one base URL.

    Args:
        library: httpx or httpx2.
        base_url: Of that library's own type.
        client: The caller's client, whose headers are sent, too; None for ours. Its `build_request` is not asked:
            it adds cookies, which may have come with answers to another key, and its `params` replace our query.
        connect_timeout: Seconds to connect, at most.
        keeps_connections: Whether a connection may serve another request: unread data on it would be seen, or there
            are no connections.
    """

    def __init__(
        self,
        library: ModuleType,
        base_url: Any,
        *,
        client: Any,
        connect_timeout: float,
        keeps_connections: bool,
    ) -> None:
        self._classes = classes_of(library)
        self._base_url = base_url
        self._client = client
        self._connect_timeout = connect_timeout
        self._keeps_connections = keeps_connections
        self._urls: dict[str, Any] = {}
        self._defaults = {"Accept": "application/json", "Accept-Encoding": "gzip"}
        if client is None:
            self._defaults["User-Agent"] = USER_AGENT

    def make(self, call: Call, seconds: float, progress: Any, files: FileBody | None) -> Any:
        """The request of *call*, for an attempt of so many *seconds*; *files* is the body if it has files in it.

        It does not wait: tracebacks may show local variables, and here they hold the key.
        """
        encoded, method = call.encoded, call.operation.method
        assert encoded is not None  # noqa: S101 - the chain has encoded it
        headers = {**self._defaults, **call.headers}
        if encoded.content_type:
            headers["Content-Type"] = encoded.content_type
        if not self._keeps_connections:
            headers["Connection"] = "close"
        extensions = {"timeout": self._timeouts(seconds), "kombo_async.progress": progress}
        url = self._url_of(encoded.target)
        body: Any = encoded.body or b""
        if files is not None:
            headers["Content-Length"] = str(files.length)
        elif body or method in ("POST", "PUT", "PATCH"):
            headers["Content-Length"] = str(len(body))
        raw = [
            (b"Host", url.netloc),
            *((name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()),
        ]
        if self._client is not None:
            ours = {name.lower() for name, _ in raw}
            raw += [(name, value) for name, value in self._client.headers.raw if name.lower() not in ours]
        stream = self._classes.content(body) if files is None else self._classes.files(files)
        request = self._classes.request(method, url, raw, stream, extensions)
        if _OTEL in sys.modules:
            from kombo_async._http.stand_ins import hide_query

            hide_query(request)
        return request

    def _timeouts(self, seconds: float) -> dict[str, float | None]:
        """The transport's own, a little before the attempt ends: it says then that nothing was sent."""
        before_the_end = max(seconds / 2, seconds - 0.05)
        connect = min(self._connect_timeout, before_the_end)
        return {"connect": connect, "read": None, "write": None, "pool": before_the_end}

    def _url_of(self, target: str) -> Any:
        """The URL of *target*. Parsing is slow in httpx, so URLs without a query, which come again, are cached."""
        url = self._urls.get(target)
        if url is None:
            url = self._base_url.copy_with(raw_path=self._base_url.raw_path.rstrip(b"/") + target.encode("ascii"))
            if "?" not in target:
                if len(self._urls) >= MAX_CACHED_URLS:
                    self._urls.clear()
                self._urls[target] = url
        return url
