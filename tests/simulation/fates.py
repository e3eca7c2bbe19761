"""What becomes of a create on its way: whether and when it is done, and what the client gets to see."""

from __future__ import annotations

import json
import random
from typing import Any

import attrs

LONGEST_WORK = 300.0
"""Seconds after its arrival by which an action is done, if it is done at all."""


@attrs.frozen(kw_only=True)
class Fate:
    """What becomes of one request."""

    name: str
    performed: float | None = None
    """Seconds after its arrival at which it is done; None where it never is."""
    partly: bool = False
    """Whether only the candidate is made, without the application."""
    kombo_succeeds: bool = False
    """Whether Kombo itself sees it succeed, and shows it in its copy if it does so for successes."""
    answered: float | None = 0.0
    """Seconds after its arrival at which the client hears something; None where it never does."""
    status: int = 0
    """0 where the connection breaks."""
    body: bytes | None = None
    """None for the answer of a success."""
    headers: dict[str, str] = attrs.field(factory=dict[str, str])
    error: str = ""
    """The exception of httpx where the connection breaks."""
    warns: bool = False
    """Whether a success has a warning."""
    odd_text: bool = False
    """Whether a success holds half of a surrogate pair."""


def error(code: str | None, message: str = "it failed") -> bytes:
    """An error as Kombo answers it."""
    detail = {"code": code, "title": "Failed", "message": message, "log_url": "https://app.kombo.dev/log"}
    return json.dumps({"status": "error", "error": detail}).encode()


_HTML = b"<html><body><h1>504 Gateway Time-out</h1></body></html>"
_AMBIGUOUS: list[tuple[int, bytes]] = [
    (500, error("PLATFORM.TASK_TIMED_OUT")),
    (500, error("PLATFORM.UNKNOWN_ERROR")),
    (504, error("PLATFORM.TASK_TIMED_OUT")),
    (504, _HTML),
    (502, _HTML),
    (500, b""),
    (503, b"upstream connect error"),
    (400, error("REMOTE.SERVICE_UNAVAILABLE")),
    (400, error("REMOTE.UNKNOWN_HTTP_ERROR", "half of a pair: \ud800")),
    (503, error("REMOTE.SERVICE_UNAVAILABLE")),
    (408, b"Request Time-out"),
    (499, b""),
    (460, b""),
]
_STRANGE: list[bytes] = [
    b'{"ok":true}',
    b"[]",
    b"0",
    b"",
    b"<html>",
    b'{"status":"success","data":null,"warnings":[]}',
    b'{"status":"success","data":{},"warnings":[]}',
    b'{"status":"success","data":{"id":null},"warnings":[]}',
    b'{"status":"success","data":{"id":""},"warnings":[]}',
    b'{"status":"success","data":{"id":',
]
_REFUSALS: list[tuple[int, bytes]] = [
    (400, error("PLATFORM.INPUT_INVALID")),
    (400, error("ATS.JOB_CLOSED")),
    (400, error("REMOTE.INPUT_INVALID", "half of a pair: \ud800")),
]
_PASSING: list[tuple[int, bytes, dict[str, str]]] = [
    (429, error("PLATFORM.RATE_LIMIT_EXCEEDED"), {"retry-after": "2"}),
    (429, error("PLATFORM.CONCURRENCY_LIMIT_EXCEEDED"), {}),
    (429, error(None), {}),
    (409, error("INTEGRATION.SETUP_SYNC_PENDING"), {}),
    (503, error(None), {}),
    (401, error("PLATFORM.AUTHENTICATION_INVALID"), {}),
    (403, error("INTEGRATION.INACTIVE"), {}),
]
_KINDS = {
    "ok": 40,
    "never connected": 2,
    "lost on its way": 5,
    "reset, done later": 7,
    "answer lost": 7,
    "no answer, done": 4,
    "no answer, not done": 3,
    "error, done": 8,
    "error, done later": 8,
    "error, not done": 6,
    "error, done partly": 3,
    "strange success, done": 5,
    "strange success, not done": 3,
    "passing": 5,
    "refused": 3,
}


def calm(chance: random.Random) -> Fate:
    """Done, and answered."""
    work = chance.uniform(0.2, 3)
    return Fate(name="ok", performed=work * 0.9, kombo_succeeds=True, answered=work, status=200)


def outage(kind: str, chance: random.Random) -> Fate:
    """What a request meets while the integration is out."""
    if kind == "no connection":
        return Fate(name="never connected: outage", answered=0.0, error="ConnectError")
    if kind == "first sync":
        body = error("INTEGRATION.SETUP_SYNC_PENDING")
        return Fate(name="passing: outage", answered=0.05, status=chance.choice((409, 503)), body=body)
    return Fate(name="error, not done: outage", answered=chance.uniform(0.05, 1), status=502, body=_HTML)


def fate(chance: random.Random, longest: float, kind: str = "") -> Fate:
    """What the adversary has in mind, of this *kind* if given; work takes *longest* seconds at most."""
    kind = kind or chance.choices(list(_KINDS), list(_KINDS.values()))[0]
    work = min(chance.choice((0.3, 2.0, 12.0, 45.0, 130.0, LONGEST_WORK)), longest) * chance.uniform(0.5, 1)
    early = work * chance.uniform(0.01, 0.95)
    match kind:
        case "ok":
            warns, odd = chance.random() < 0.15, chance.random() < 0.04
            done: dict[str, Any] = {"performed": early, "kombo_succeeds": True, "answered": work}
            return Fate(name=kind, status=200, warns=warns, odd_text=odd, **done)
        case "never connected":
            return Fate(name=kind, answered=0.0, error="ConnectError")
        case "lost on its way":
            return Fate(name=kind, answered=early, error=chance.choice(("WriteError", "ReadError")))
        case "reset, done later":
            broken = chance.choice(("ReadError", "RemoteProtocolError"))
            return Fate(name=kind, performed=work, kombo_succeeds=True, answered=early, error=broken)
        case "answer lost":
            return Fate(name=kind, performed=early, kombo_succeeds=True, answered=work, error="ReadError")
        case "no answer, done":
            return Fate(name=kind, performed=work, kombo_succeeds=True, answered=None)
        case "no answer, not done":
            return Fate(name=kind, answered=None)
        case "strange success, done" | "strange success, not done":
            performed = early if kind.endswith(", done") else None
            return Fate(name=kind, performed=performed, answered=work, status=200, body=chance.choice(_STRANGE))
        case "inactive":
            return Fate(name="passing", answered=early, status=403, body=error("INTEGRATION.INACTIVE"))
        case "error, done much later":
            return Fate(name=kind, performed=0.9 * LONGEST_WORK, answered=0.5, status=500, body=_AMBIGUOUS[0][1])
        case "passing":
            status, body, headers = chance.choice(_PASSING)
            return Fate(name=f"{kind} {status}", answered=early, status=status, body=body, headers=headers)
        case "refused":
            status, body = chance.choice(_REFUSALS)
            return Fate(name=kind, answered=early, status=status, body=body)
    status, body = chance.choice(_AMBIGUOUS)
    answer: dict[str, Any] = {"status": status, "body": body}
    named = f"{kind}, {status} {_code(body)}"
    if kind == "error, done":
        return Fate(name=named, performed=early, answered=work, **answer)
    if kind == "error, done later":
        return Fate(name=named, performed=work, answered=early, **answer)
    if kind == "error, done partly":
        return Fate(name=named, performed=early, partly=True, answered=work, **answer)
    return Fate(name=named, answered=early, **answer)


def _code(body: bytes) -> str:
    return json.loads(body)["error"]["code"] if body.startswith(b"{") else repr(body[:16].decode())
