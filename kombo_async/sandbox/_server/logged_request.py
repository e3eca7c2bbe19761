"""Received calls and their bodies, which are kept outside the process's memory until somebody needs one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import attrs

from kombo_async._codec.plain import plain_json
from kombo_async.model import UNSET
from kombo_async.request import Request
from kombo_async.sandbox._api.request_parsing import read_request
from kombo_async.sandbox._api.routes import find
from kombo_async.sandbox._state.database import open_database
from kombo_async.sandbox._state.refusals import Refusal

KEPT_BYTES = 256 * 1024 * 1024
"""How many bytes of bodies to keep; those of the oldest calls go first."""

Kind: TypeAlias = Literal["request", "answer", "done"]
"""`done` is the real response to a call whose response a fault replaced."""
_KINDS: Mapping[Kind, int] = {"request": 0, "answer": 1, "done": 2}


class Bodies:
    """The bodies of calls."""

    def __init__(self) -> None:
        self._database = open_database()
        self._database.isolation_level = None
        self._database.execute("CREATE TABLE bodies (id INTEGER PRIMARY KEY, body BLOB NOT NULL)")
        self._database.execute("BEGIN")  # and never committed: nobody else reads it
        self._bytes = 0
        self._gone = 0

    def keep(self, number: int, kind: Kind, body: bytes) -> None:
        """Store a body of the call *number*."""
        if not body or number <= self._gone:
            return
        self._database.execute("INSERT INTO bodies VALUES (?, ?)", (_id(number, kind), body))
        self._bytes += len(body)
        if self._bytes > KEPT_BYTES:
            self._drop(before=number)

    def read(self, number: int, kind: Kind) -> bytes | None:
        """A body of the call *number*: empty if it had none, None if it is no longer kept."""
        if number <= self._gone:
            return None
        found = self._database.execute("SELECT body FROM bodies WHERE id = ?", (_id(number, kind),)).fetchone()
        body: bytes = found[0] if found else b""
        return body

    def _drop(self, before: int) -> None:
        """Free at least a tenth, to do this rarely; the bodies of the call *before* stay."""
        oldest = self._database.execute("SELECT id, length(body) FROM bodies ORDER BY id")
        for id, size in oldest:
            number = id // len(_KINDS)
            if number > self._gone and (self._bytes <= KEPT_BYTES * 0.9 or number >= before):
                break
            self._bytes -= size
            self._gone = number
        oldest.close()
        self._database.execute("DELETE FROM bodies WHERE id < ?", (_id(self._gone + 1, "request"),))

    def clear(self, last: int) -> None:
        """Delete all bodies, up to those of the call *last*."""
        self._database.execute("DELETE FROM bodies")
        self._bytes, self._gone = 0, last


def _id(number: int, kind: Kind) -> int:
    return number * len(_KINDS) + _KINDS[kind]


@attrs.define(kw_only=True, weakref_slot=False)
class LoggedRequest:
    """One call: the request and the response."""

    number: int
    at: str
    """When it came, by the sandbox's clock."""
    method: str
    path: str
    """The path, with its query."""
    operation: str | None = None
    """Its operationId, None if no operation has this path."""
    integration: str | None = None
    """The integration it named."""
    valid: bool = False
    """Whether it was a valid request of its operation."""
    performed: bool = False
    """Whether it was performed. It can be performed and still be answered with a fault, or not at all."""
    status: int | None = None
    """The response's status; None if there is none (yet)."""
    code: str | None = None
    milliseconds: float = 0.0
    unknown: list[str] = attrs.field(factory=list[str])
    """Unknown parameters and body fields: sent by a newer client, or misspelt."""
    fault: int | None = None
    """The ID of the fault that hit it."""
    _bodies: Bodies = attrs.field(alias="bodies", repr=False, eq=False)

    def answered(self, body: bytes, kind: Kind = "answer") -> None:
        """Record the response."""
        self._bodies.keep(self.number, kind, body)

    @property
    def request_body(self) -> bytes | None:
        """The request body as it came; None if it is no longer kept."""
        return self._bodies.read(self.number, "request")

    @property
    def answer_body(self) -> bytes | None:
        """The response body; None if it is no longer kept."""
        return self._bodies.read(self.number, "answer")

    @property
    def body(self) -> Any:
        """The request body as plain data; None if it was empty or not JSON."""
        return _plain(self.request_body)

    @property
    def answer(self) -> Any:
        """The response body as plain data."""
        return _plain(self.answer_body)

    @property
    def result(self) -> Any:
        """The `data` of what was performed; None if nothing was, or if it is no longer kept."""
        if not self.performed:
            return None
        envelope: Any = _plain(self._bodies.read(self.number, "done") or self.answer_body)
        return None if envelope is None else envelope.get("data")

    @property
    def request(self) -> Request[Any] | None:
        """The typed request, if it was valid and its body is still kept."""
        body = self.request_body
        if not self.valid or body is None:
            return None
        path, _, query = self.path.partition("?")
        route = find(self.method, path)
        if route.request is None:
            return None
        try:
            return read_request(route.request, route.parameters, query, route.request.operation.content_type, body, [])
        except Refusal:
            return None


def _plain(body: bytes | None) -> Any:
    plain = plain_json(body)
    return None if plain is UNSET else plain
