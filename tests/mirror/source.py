"""A list that changes while it is read, with a clock that is moved by hand."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx

from tests.support.wire import failure, page

EPOCH = datetime(2026, 5, 19, 8, 0, tzinfo=UTC)


def stamp(time: datetime) -> str:
    """*time* as Kombo writes it."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Source:
    """Tags of a recruiting system. Each request takes a second; pages hold two records, in the order of their IDs."""

    def __init__(self) -> None:
        self.now = EPOCH
        self.records: dict[str, dict[str, Any]] = {}
        self.requests: list[httpx.QueryParams] = []
        self.between: list[tuple[int, Any]] = []
        """(number of a request, what happens before it)."""
        self.fail_at: int | None = None

    def put(self, id: str, name: str, *, hidden_for: float = 0) -> None:
        """Add or change a record; it shows only after *hidden_for* seconds, with the time of its change."""
        self.records[id] = {
            "id": id,
            "remote_id": id,
            "name": name,
            "changed_at": stamp(self.now),
            "remote_deleted_at": None,
            "remote_data": None,
            "_shows": self.now + timedelta(seconds=hidden_for),
        }

    def delete(self, id: str) -> None:
        """Mark a record as deleted."""
        if id in self.records:
            self.records[id] |= {"remote_deleted_at": stamp(self.now), "changed_at": stamp(self.now)}

    def vanish(self, id: str) -> None:
        """Remove a record without a trace."""
        self.records.pop(id, None)

    def live(self) -> dict[str, str]:
        """What a table that is in step holds: names by ID."""
        return {id: each["name"] for id, each in self.records.items() if each["remote_deleted_at"] is None}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one page."""
        query = request.url.params
        number = len(self.requests)
        for when, action in self.between:
            if when == number:
                action()
        self.requests.append(query)
        self.now += timedelta(seconds=1)
        headers = {"Date": format_datetime(self.now, usegmt=True)}
        if self.fail_at == number:
            return failure(500, "PLATFORM.UNKNOWN_ERROR")
        records = [each for id, each in sorted(self.records.items()) if id > query.get("cursor", "")]
        records = [each for each in records if each["_shows"] <= self.now]
        if "updated_after" in query:
            records = [each for each in records if each["changed_at"] > query["updated_after"]]
        if query.get("include_deleted") != "true":
            records = [each for each in records if each["remote_deleted_at"] is None]
        shown = [{name: value for name, value in each.items() if name != "_shows"} for each in records[:2]]
        answer = page(*shown, next=shown[-1]["id"] if len(records) > 2 else None)
        answer.headers.update(headers)
        return answer


def rows(path: Path, table: str = "tags", column: str = "name") -> dict[str, Any]:
    """A column of a mirrored table, by ID."""
    database = sqlite3.connect(path)
    try:
        return dict(database.execute(f"SELECT id, data ->> '$.{column}' FROM {table}"))
    finally:
        database.close()
