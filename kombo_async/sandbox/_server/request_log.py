"""The request log: every call, and what was performed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from sys import intern

from kombo_async.sandbox._server.logged_request import Bodies, LoggedRequest

KEPT_CALLS = 100_000


class RequestLog:
    """The calls, in order."""

    def __init__(self) -> None:
        self.total: int = 0
        """How many calls there have been."""
        self._calls: deque[LoggedRequest] = deque(maxlen=KEPT_CALLS)
        self._bodies = Bodies()
        self._watchers: dict[object, Callable[[LoggedRequest], None]] = {}

    def open(
        self, method: str, path: str, body: bytes, *, at: str, operation: str | None, integration: str | None
    ) -> LoggedRequest:
        """Record a call that came."""
        self.total += 1
        call = LoggedRequest(
            number=self.total,
            at=at,
            # Most calls name the same few, so each is kept once.
            method=intern(method),
            path=intern(path),
            operation=operation,
            integration=None if integration is None else intern(integration),
            bodies=self._bodies,
        )
        self._bodies.keep(call.number, "request", body)
        self._calls.append(call)
        return call

    def close(self, call: LoggedRequest) -> None:
        """Record that a call is over."""
        for watcher in tuple(self._watchers.values()):  # a watcher may end itself
            watcher(call)

    def find_all(
        self,
        operation_id: str | None = None,
        *,
        integration: str | None = None,
        status: int | None = None,
        performed: bool | None = None,
        after: int = 0,
    ) -> list[LoggedRequest]:
        """The calls of an operation, for an integration, with a status, later than the call number *after*."""
        return [
            call
            for call in self._calls
            if call.number > after
            and (operation_id is None or call.operation == operation_id)
            and (integration is None or call.integration == integration)
            and (status is None or call.status == status)
            and (performed is None or call.performed == performed)
        ]

    def newest(self) -> Iterator[LoggedRequest]:
        """All kept requests, the newest first."""
        return reversed(self._calls)

    @property
    def kept(self) -> int:
        """How many requests are kept."""
        return len(self._calls)

    def find(self, number: int) -> LoggedRequest | None:
        """The call with this number."""
        return next((call for call in reversed(self._calls) if call.number == number), None)

    def clear(self) -> None:
        """Delete all calls."""
        self._calls.clear()
        self._bodies.clear(self.total)

    def watch(self, watcher: Callable[[LoggedRequest], None]) -> Callable[[], None]:
        """Call *watcher* with each completed call; returns a function that ends this."""
        key = object()
        self._watchers[key] = watcher

        def end() -> None:
            self._watchers.pop(key, None)

        return end
