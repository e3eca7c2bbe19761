"""A row in progress, and the ways to leave it for later."""

from __future__ import annotations

import attrs

from kombo_async.bulk._identity import Identity
from kombo_async.bulk._journal import Entry, RowKey
from kombo_async.bulk._outcome import Outcome, Result, Row
from kombo_async.bulk._sending import Sent


@attrs.frozen(eq=False)
class Item:
    """A row in progress."""

    row: Row
    key: RowKey
    entry: Entry
    """Its journal entry before anything was sent."""
    integration_id: str | None
    identity: Identity | None


@attrs.frozen(eq=False)
class Doubt:
    """A row in doubt, and the result of sending it if that was in this run."""

    item: Item
    entry: Entry
    sent: Sent | None = None


@attrs.frozen(eq=False)
class Held:
    """A row that another run holds."""

    item: Item
    entry: Entry
    next_try: float
    until: float


def outcome_of(item: Item, entry: Entry, result: Result, sent: Sent | None = None, *, earlier: bool = False) -> Outcome:
    """The outcome of a row."""
    return Outcome(
        key=item.key.key,
        request=item.row.request,
        integration_id=item.integration_id,
        tag=item.row.tag,
        result=result,
        response=sent.response if sent else None,
        error=sent.error if sent else None,
        entry=entry,
        earlier=earlier,
        seconds=sent.seconds if sent else 0.0,
    )
