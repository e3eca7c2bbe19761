"""The comparison of `assert_sent`, and its message on failure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from kombo_async.sandbox._server.logged_request import LoggedRequest

SHOWN = 20
LONGEST_LINE = 300


def includes(whole: Any, part: Any) -> bool:
    """Whether *whole* has everything in *part*: fields at any depth, list items at the same positions."""
    if isinstance(part, Mapping):
        fields = cast("Mapping[str, Any]", part)
        return isinstance(whole, Mapping) and all(
            name in whole and includes(whole[name], each) for name, each in fields.items()
        )
    if isinstance(part, list | tuple):
        items = cast("Sequence[Any]", part)
        given = cast("Any", whole) if isinstance(whole, list) else None
        return given is not None and len(given) == len(items) and all(map(includes, given, items))
    return bool(whole == part)


def describe_mismatch(
    operation_id: str | None,
    times: int | None,
    wanted: Mapping[str, Any],
    found: Sequence[LoggedRequest],
    all_requests: Sequence[LoggedRequest],
) -> str:
    """What was expected, how often it came, and all requests."""
    details = ", ".join(f"{name}={value!r}" for name, value in wanted.items() if value is not None)
    what = f"{operation_id or 'a request'}{f' with {details}' if details else ''}"
    often = "at least once" if times is None else f"{times} times"
    lines = [f"{what} should have been sent {often}, but was sent {len(found)} times. These requests came:"]
    shown = all_requests[-SHOWN:]
    if len(shown) < len(all_requests):
        lines.append(f"  ... {len(all_requests) - len(shown)} earlier ones")
    lines += [_line(request) for request in shown] or ["  none at all"]
    return "\n".join(lines)


def _line(request: LoggedRequest) -> str:
    status = "no response" if request.status is None else str(request.status)
    code = f" {request.code}" if request.code else ""
    done = "" if request.performed else ", not done"
    body = f" {msgspec.json.encode(request.body).decode()}" if request.body else ""
    line = f"  {request.number}. {request.operation or request.method} {request.path} -> {status}{code}{done}{body}"
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}..."
