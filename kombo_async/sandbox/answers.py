"""What the sandbox answers: Kombo's success and error bodies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import attrs
import msgspec

encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode


class Refusal(Exception):
    """Raised where a call is refused: it becomes Kombo's error body."""

    def __init__(
        self,
        status: int,
        code: str | None,
        message: str,
        *,
        title: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.title = title
        self.headers: dict[str, str] = dict(headers or {})


class NotFound(Refusal):
    """Refuses an ID that nothing has."""

    def __init__(self, what: str, id: str) -> None:
        # Kombo's lists of codes have none for this; 404 is what is documented.
        super().__init__(404, None, f"There is no {what} with the ID {id!r}.", title="Not found")


class InputInvalid(Refusal):
    """Refuses input that does not fit the operation."""

    def __init__(self, message: str) -> None:
        super().__init__(400, "PLATFORM.INPUT_INVALID", message, title="Invalid input")


class RemoteRefusal(Refusal):
    """Refuses input as the connected system would."""

    def __init__(self, message: str) -> None:
        super().__init__(400, "REMOTE.INPUT_INVALID", message, title="Refused by the connected system")


@attrs.frozen(kw_only=True)
class Answer:
    """One answer, ready to go."""

    status: int = 200
    body: bytes = attrs.field(default=b"", repr=False)
    content_type: str | None = "application/json; charset=utf-8"
    headers: dict[str, str] = attrs.field(factory=dict[str, str])
    code: str | None = None
    """The error's code, for the ledger."""

    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers as ASGI takes them."""
        headers = [(b"content-length", b"%d" % len(self.body))]
        if self.content_type is not None:
            headers.append((b"content-type", self.content_type.encode("latin-1")))
        headers += [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()]
        return headers


def success(data: Any, *, warnings: Sequence[str] | None, headers: dict[str, str] | None = None) -> Answer:
    """Kombo's envelope around *data*; *warnings* is None for calls that have none by their nature."""
    envelope: dict[str, Any] = {"status": "success", "data": data}
    if warnings is not None:
        envelope["warnings"] = [{"message": message} for message in warnings]
    return Answer(body=encode(envelope), headers=headers or {})


def failure(refusal: Refusal, log_url: str | None) -> Answer:
    """Kombo's error body for *refusal*."""
    title = refusal.title or HTTPStatus(refusal.status).phrase
    error = {"code": refusal.code, "title": title, "message": refusal.message, "log_url": log_url}
    body = encode({"status": "error", "error": error})
    return Answer(status=refusal.status, body=body, headers=refusal.headers, code=refusal.code)
