"""The ledger: everything that was asked, and what of it was done."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any

import attrs
import msgspec

from kombo_async.request import Request

KEPT_CALLS = 100_000
KEPT_BYTES = 64 * 1024 * 1024
"""How much of bodies is kept; those of the oldest calls go first."""


@attrs.define(kw_only=True)
class Call:
    """One call, as it came and as it was answered."""

    number: int
    at: str
    """When it came, by the sandbox's clock."""
    method: str
    path: str
    """The path, with its query."""
    operation: str | None = None
    """Its operationId, None where no operation has this path."""
    integration: str | None = None
    """The integration it named."""
    request: Request[Any] | None = attrs.field(default=None, repr=False)
    """The request, typed, where it was valid."""
    request_body: bytes | None = attrs.field(default=b"", repr=False)
    """The body as it came; None where it is no longer kept."""
    performed: bool = False
    """Whether it was done. A call can be done and yet be answered with a fault, or not at all."""
    result: Any = attrs.field(default=None, repr=False)
    """The `data` of what was done."""
    status: int | None = None
    """The status of the answer, None where there was none (yet)."""
    code: str | None = None
    answer_body: bytes | None = attrs.field(default=b"", repr=False)
    milliseconds: float = 0.0
    fault: int | None = None
    """The ID of the fault that it met."""

    @property
    def body(self) -> Any:
        """The body that came, as plain data; None where it was empty or no JSON."""
        return _plain(self.request_body)

    @property
    def answer(self) -> Any:
        """The body of the answer, as plain data."""
        return _plain(self.answer_body)


def _plain(body: bytes | None) -> Any:
    try:
        return msgspec.json.decode(body) if body else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


class Ledger:
    """The calls in their order."""

    def __init__(self) -> None:
        self.total: int = 0
        """How many calls there have been."""
        self._calls: deque[Call] = deque(maxlen=KEPT_CALLS)
        self._with_bodies: deque[tuple[Call, int]] = deque()
        self._bytes = 0
        self._watchers: list[Callable[[Call], None]] = []

    def open(self, call: Call) -> None:
        """Take down a call that came."""
        self.total += 1
        self._calls.append(call)

    def close(self, call: Call) -> None:
        """Take down that a call is over."""
        size = len(call.request_body or b"") + len(call.answer_body or b"")
        self._bytes += size
        self._with_bodies.append((call, size))
        while self._bytes > KEPT_BYTES and len(self._with_bodies) > 1:
            old, old_size = self._with_bodies.popleft()
            old.request_body = old.answer_body = old.request = old.result = None
            self._bytes -= old_size
        for watcher in self._watchers:
            watcher(call)

    def calls(
        self,
        operation_id: str | None = None,
        *,
        integration: str | None = None,
        status: int | None = None,
        performed: bool | None = None,
        after: int = 0,
    ) -> list[Call]:
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

    def latest(self, count: int) -> list[Call]:
        """The last calls, the newest first."""
        return list(islice(reversed(self._calls), count))

    def find(self, number: int) -> Call | None:
        """The call with this number."""
        return next((call for call in reversed(self._calls) if call.number == number), None)

    def clear(self) -> None:
        """Forget all calls."""
        self._calls.clear()
        self._with_bodies.clear()
        self._bytes = 0

    def watch(self, watcher: Callable[[Call], None]) -> Callable[[], None]:
        """Have *watcher* told of each call that is over; gives the function that ends it."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)
