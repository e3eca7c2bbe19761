"""What the store checks share: tables, records, an open store, and promises."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeAlias

from kombo_async import ats
from kombo_async.mirror._records import Record
from kombo_async.mirror._store import LeaseLost, Store, TablesDiffer, Turn, Watermark
from kombo_async.mirror._table import Nested, Table

MakeStore: TypeAlias = Callable[[], Store]

ID = "lever:1"
SINCE = datetime(2026, 5, 19, 8, 30, tzinfo=UTC)
TAGS = Table("tags", ats.GetTags(), columns=["name"])
CANDIDATES = Table(
    "candidates",
    ats.GetCandidates(),
    columns=["first_name", "confidential", "remote_created_at", "location.city", "custom_fields"],
    nested=[Nested("candidate_emails", "email_addresses", columns=["email_address"])],
)
_TABLES = [TAGS, CANDIDATES]


def promise(what: str, kept: bool) -> None:
    """Fail unless a promise was kept."""
    if not kept:
        raise AssertionError(f"the store breaks its contract: {what}")


async def refused(what: str, call: Awaitable[Any]) -> None:
    """Fail unless *call* raises `LeaseLost`."""
    try:
        await call
    except LeaseLost:
        return
    raise AssertionError(f"the store breaks its contract: {what} must raise LeaseLost")


async def differing(call: Awaitable[Any]) -> str | None:
    """The message with which *call* is refused because of other tables; None if it is not."""
    try:
        await call
    except TablesDiffer as error:
        return str(error)
    return None


@asynccontextmanager
async def opened(make: MakeStore, *, changes: bool = False) -> AsyncGenerator[Store]:
    """An open store; closed at the end."""
    store = make()
    await store.open(_TABLES, changes=changes)
    try:
        yield store
    finally:
        await store.aclose()


async def take_turn(store: Store, integration_id: str = ID, seconds: float = 60) -> Turn:
    """The turn of an integration, which is added if missing."""
    await store.add(integration_id)
    turn = await store.take("checks", integration_id, seconds)
    if turn is None:  # from a store that was closed before
        await store.renew("checks", -1)
        turn = await store.take("checks", integration_id, seconds)
    if turn is None:
        raise AssertionError("the store breaks its contract: a free integration can be taken")
    return turn


async def finish_sync(store: Store, turn: Turn, after: Watermark) -> None:
    """Start a sync of the tags and end it with *after*."""
    before = await store.begin(turn, TAGS, full=False)
    await store.finish(turn, TAGS, before, after, full=after.full_at is not None)


def plain_tag(id: str, name: str) -> dict[str, Any]:
    """A tag as Kombo sends it."""
    return {"id": id, "name": name, "changed_at": "2026-05-19T08:30:00.000Z"}


def tag(id: str, name: str) -> Record:
    """A tag as a record."""
    return Record(id, json.dumps(plain_tag(id, name)))


def candidate(id: str, tags: Sequence[str]) -> Record:
    """A candidate with nested tags as a record."""
    plain = {
        "id": id,
        "first_name": "Frank",
        "confidential": False,
        "remote_created_at": "2026-05-19T08:30:00.000Z",
        "location": {"id": f"place-{id}", "city": "Berlin"},
        "custom_fields": {"a": [1, "two"]},
        "email_addresses": [{"email_address": "frank@example.com"}, {"email_address": "doe@example.com"}],
        "tags": [{"id": each, "name": each} for each in tags],
        "first_seen_place": {"id": f"place-{id}"},
        "applications": [
            {"id": f"application-{id}", "job": {"id": f"job-{id}"}, "current_stage": {"id": f"stage-{id}"}},
            {"id": f"other-{id}", "job": None},
        ],
    }
    return Record(id, json.dumps(plain))
