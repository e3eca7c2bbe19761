"""One pass over one list: fetch what changed, write it down, and only then move the mark."""

from __future__ import annotations

import logging
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, cast

import attrs

from kombo_async.mirror._store import Mark, Store
from kombo_async.mirror._table import Table
from kombo_async.model import to_dict, wire_time
from kombo_async.pages import Page, Pages
from kombo_async.request import Request
from kombo_async.response import Response

if TYPE_CHECKING:
    from kombo_async.client import AsyncKomboClient

_logger = logging.getLogger("kombo_async.mirror")


@attrs.frozen(kw_only=True)
class Update:
    """What one pass over a table came to."""

    table: str
    full: bool
    """Whether everything was read, not only what changed."""
    changed: int
    """How many records were put in or replaced, those included that came again unchanged."""
    deleted: int
    since: datetime
    """The new mark."""


class Fetching:
    """One pass; *kombo* is a client for the integration."""

    def __init__(self, kombo: AsyncKomboClient, store: Store, integration_id: str, overlap: timedelta) -> None:
        self._kombo = kombo
        self._store = store
        self._integration_id = integration_id
        self._overlap = overlap
        self._began: datetime | None = None

    async def run(self, table: Table, *, full: bool) -> Update:
        """Bring *table* up to date. Raises `KomboError`; what was written until then stays, and the mark as it was."""
        number, before = await self._store.begin(self._integration_id, table)
        reach = None if full or not table.tells_changes else before.reach
        since = None if reach is None else wire_time(reach)
        changed = deleted = 0
        async with aclosing(Pages(self._send, table.reading(since)).pages()) as pages:
            async for page in pages:
                records, gone = _sorted_out(table, page)
                await self._store.write(self._integration_id, table, number, records, gone)
                changed, deleted = changed + len(records), deleted + len(gone)
        began = self._began or datetime.now(UTC)
        full = since is None
        after = Mark(since=began - self._overlap, full_at=began if full else before.full_at)
        deleted += await self._store.finish(self._integration_id, table, number, before, after, full=full)
        _logger.info("%s %s: %d changed, %d deleted", self._integration_id, table.name, changed, deleted)
        return Update(table=table.name, full=full, changed=changed, deleted=deleted, since=began - self._overlap)

    async def _send(self, request: Request[Page[Any]]) -> Response[Page[Any]]:
        asked_at = datetime.now(UTC)
        response = await self._kombo.send(request)
        if self._began is None:
            self._began = _server_time(response) or asked_at
        return response


def _sorted_out(table: Table, page: Page[Any]) -> tuple[dict[str, Any], list[str]]:
    """The records of a page by their IDs, and the IDs of those that were deleted."""
    records: dict[str, Any] = {}
    deleted: list[str] = []
    for each in page.results:
        plain = to_dict(each)
        record = cast("dict[str, Any]", plain) if isinstance(plain, dict) else {}
        id = record.get("id")
        if not isinstance(id, str):
            _logger.warning("%s: a record without an ID was left out", table.name)
        elif record.get("remote_deleted_at") is not None:
            deleted.append(id)
        else:
            records[id] = record
    return records, deleted


def _server_time(response: Response[Any]) -> datetime | None:
    """When Kombo answered, by its own clock, which is the one that its `changed_at` go by."""
    try:
        return parsedate_to_datetime(response.raw_response.headers["date"]).astimezone(UTC)
    except (KeyError, ValueError):
        return None
