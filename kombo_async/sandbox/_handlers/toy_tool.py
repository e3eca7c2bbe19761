"""The toy tool behind the passthrough: a small REST API over the same records, and an echo."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import msgspec

from kombo_async.model import UNSET, to_dict
from kombo_async.sandbox._state.indexes import Record

if TYPE_CHECKING:
    from kombo_async import general
    from kombo_async.sandbox._handlers.registry import Context

_TABLES = {
    "candidates": "ats_candidates",
    "applications": "ats_applications",
    "jobs": "ats_jobs",
    "employees": "hris_employees",
    "users": "lms_users",
    "courses": "lms_courses",
}


async def answer(context: Context, request: general.SendPassthroughRequest) -> Record:
    """The tool's response, in the form in which Kombo passes it on."""
    status, data = _answer(context, request)
    whole: Any = data
    if request.response_as_base64 is not UNSET and request.response_as_base64:
        whole = base64.b64encode(msgspec.json.encode(data)).decode()
    return {
        "url": f"https://api.{request.tool}.example/{request.api}/{request.path.lstrip('/')}",
        "status": status,
        "headers": {"content-type": "application/json", "x-toy": "true"},
        "data": whole,
    }


def _answer(context: Context, request: general.SendPassthroughRequest) -> tuple[int, Any]:
    """`GET /candidates`, `GET /candidates/<remote ID>` and the like; everything else is echoed."""
    first, _, remote_id = request.path.strip("/").partition("/")
    name = _TABLES.get(first)
    if name is None or request.method != "GET":
        sent: Record = to_dict(request)
        echo = {key: sent.get(key) for key in ("method", "path", "headers", "params", "data")}
        return (200 if request.method == "GET" else 201), {"echo": echo}
    rows = [row for row in context.world.table(name) if not row.deleted]
    if not remote_id:
        return 200, {first: [_remote(row.data) for row in rows[:100]]}
    for row in rows:
        if row.data["remote_id"] == remote_id:
            return 200, _remote(row.data)
    return 404, {"error": f"no {first} with the ID {remote_id}"}


def _remote(record: Record) -> Record:
    """A record in the tool's own format: its own ID, and plain fields."""
    plain = {key: value for key, value in record.items() if isinstance(value, str | int | float | None)}
    for key in ("id", "remote_id", "changed_at", "remote_deleted_at", "remote_data"):
        plain.pop(key, None)
    return {"id": record["remote_id"], **plain}
