"""Kombo's success and error bodies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

import attrs
import msgspec

from kombo_async.sandbox._state.refusals import Refusal

encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode


@attrs.frozen(kw_only=True)
class Answer:
    """One response, ready to send."""

    status: int = 200
    body: bytes = attrs.field(default=b"", repr=False)
    content_type: str | None = "application/json; charset=utf-8"
    headers: dict[str, str] = attrs.field(factory=dict[str, str])
    code: str | None = None
    """The error's code, for the request log."""

    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers in ASGI's form."""
        headers = [(b"content-length", b"%d" % len(self.body))]
        if self.content_type is not None:
            headers.append((b"content-type", self.content_type.encode("latin-1")))
        headers += [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()]
        return headers


def success(data: Any, *, warnings: Sequence[str] | None, headers: dict[str, str] | None = None) -> Answer:
    """Kombo's envelope around *data*; *warnings* is None for calls that never have any."""
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
