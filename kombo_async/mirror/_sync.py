"""One sync of one list: fetch what changed, write it, and only then move the watermark."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import anyio
import attrs

from kombo_async._chain.server_clock import ServerClock
from kombo_async._codec.unread import unread
from kombo_async.errors import KomboError
from kombo_async.mirror._endless import ending
from kombo_async.mirror._records import Record, sorted_out
from kombo_async.mirror._store import BlindSpot, Store, Turn, Watermark, Written
from kombo_async.mirror._table import Table, page_size
from kombo_async.model import UNSET, wire_time
from kombo_async.options import RetryPolicy
from kombo_async.pages import Page, Pages
from kombo_async.request import Request
from kombo_async.response import Response, Success

if TYPE_CHECKING:
    from kombo_async.client import AsyncKomboClient

_logger = logging.getLogger("kombo_async.mirror")

IDS_AT_ONCE = 100
"""How many records to request by ID at once; more would make the URL too long."""
UNSEEN_AT_ONCE = 5000
BATCH = 1000
"""How many records to write together, if they come within `BATCH_SECONDS`."""
BATCH_SECONDS = 0.2
DELETIONS_KNOWN_FOR = timedelta(days=13)
"""Two weeks after a deletion Kombo empties the record: after a longer pause, reading only changes is not enough."""


@attrs.frozen(kw_only=True)
class Update:
    """The result of one sync of a table."""

    table: str
    full: bool
    """Whether everything was read, not only what changed."""
    changed: int
    """How many records were inserted or replaced."""
    deleted: int
    read: int
    """How many records came, including unchanged ones."""
    since: datetime
    """The new watermark."""


class _TooLongAgo(Exception):
    """The watermark is so old that deletions since then may be missed."""


class _Batch:
    """Records of some pages to write together: as many as come within a moment."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._deleted: dict[str, None] = {}
        self._since = 0.0

    def add(self, records: Sequence[Record], deleted: Sequence[str]) -> None:
        """Add a page; a record's later version wins."""
        if not self._records and not self._deleted:
            self._since = anyio.current_time()
        for record in records:
            self._deleted.pop(record.id, None)
            self._records[record.id] = record
        for id in deleted:
            self._records.pop(id, None)
            self._deleted[id] = None

    def is_full(self) -> bool:
        """Whether it is time to write."""
        many = len(self._records) + len(self._deleted) >= BATCH
        return many or anyio.current_time() - self._since > BATCH_SECONDS

    def taken(self) -> tuple[list[Record], list[str]]:
        """Take everything; nothing is left."""
        records, deleted = list(self._records.values()), list(self._deleted)
        self._records, self._deleted = {}, {}
        return records, deleted


class TableSync:
    """Syncs of one table of one integration.

    Args:
        kombo: A client for the integration.
        turn: Returns the current turn; called at each step, since it changes.
        blind_spots: What becomes stale when records of the table change.
        first: Whether the table is read for the first time: then only recent changes make others stale.
        overlap: How much further back than the watermark to read.
        server_clock: What is known of Kombo's clock; it learns from each response.
        full_under_way: Whether this runs in the middle of a full sync of the same table.
        answered: Called after each response.
        between: Called after each page of a full sync with what was written; returns whether it wrote to the table.
    """

    def __init__(
        self,
        kombo: AsyncKomboClient,
        store: Store,
        table: Table,
        turn: Callable[[], Turn],
        *,
        blind_spots: Sequence[BlindSpot] = (),
        first: bool = False,
        overlap: timedelta,
        server_clock: ServerClock,
        retry: RetryPolicy | None = None,
        between: Callable[[Written], Awaitable[bool]] | None = None,
        full_under_way: bool = False,
        answered: Callable[[], None] = lambda: None,
    ) -> None:
        self._kombo = kombo
        self._store = store
        self._table = table
        self._turn = turn
        self._blind_spots = blind_spots
        self._first = first
        self._overlap = overlap
        self._server_clock = server_clock
        self._retry = retry
        self._between = between
        self._full_under_way = full_under_way
        self._answered = answered
        self._began: datetime | None = None
        self._total = Written()
        self._read = 0

    async def run_changes(self) -> Update | None:
        """Bring the table up to date from changes only; None if everything has to be read."""
        before = await self._store.begin(self._turn(), self._table, full=False)
        if before.reach is None:
            return None
        try:
            return await self._run(before, before.reach)
        except _TooLongAgo:
            return None

    async def run(self, *, full: bool) -> Update:
        """Bring the table up to date. If it raises `KomboError`, what was written stays, and so does the watermark."""
        if not full and self._table.tells_changes:
            before = await self._store.begin(self._turn(), self._table, full=False)
            try:
                if before.reach is not None:
                    return await self._run(before, before.reach)
            except _TooLongAgo:
                _logger.info(
                    "%s: the last sync was too long ago to read only changes; reading everything", self._table.name
                )
        before = await self._store.begin(self._turn(), self._table, full=True)
        self._full_under_way = True
        return await self._run(before, None)

    async def _run(self, before: Watermark, since: datetime | None) -> Update:
        full = since is None
        request = self._request(since)
        while True:
            cursor = await self._read_pages(request, since)
            if cursor is None:
                break
            request = request.evolve(cursor=cursor)
        if full:
            await self._remove_unseen()
        began = self._began or datetime.now(UTC)
        after = Watermark(
            since=began - self._overlap,
            full_at=began if full else before.full_at,
            full_wanted=before.full_wanted and not full,
        )
        await self._store.finish(self._turn(), self._table, before, after, full=full)
        _logger.info(
            "%s %s: %d new, %d changed, %d deleted",
            self._turn().integration_id,
            self._table.name,
            self._total.inserted,
            self._total.changed,
            self._total.deleted,
        )
        return Update(
            table=self._table.name,
            full=full,
            changed=self._total.inserted + self._total.changed,
            deleted=self._total.deleted,
            read=self._read,
            since=began - self._overlap,
        )

    async def _read_pages(self, request: Request[Page[Any]], since: datetime | None) -> str | None:
        """Read and write pages; returns the cursor to continue from if others wrote to the table in between."""
        batch = _Batch()
        try:
            async with aclosing(Pages(ending(self._send), request).pages()) as pages:
                async for page in pages:
                    if since is not None and self._is_too_long_ago(since):
                        raise _TooLongAgo
                    batch.add(*sorted_out(self._table, page))
                    if not batch.is_full():
                        continue
                    written = await self._write(*batch.taken())
                    # The next page was fetched before those writes, and must not overwrite them.
                    if self._between is not None and await self._between(written) and page.next:
                        return page.next
        except KomboError:
            await self._write(*batch.taken())
            raise
        await self._write(*batch.taken())
        return None

    def _is_too_long_ago(self, since: datetime) -> bool:
        forgets = self._table.namespace != "ai-apply"  # which never reports deletions
        return forgets and self._began is not None and self._began - since > DELETIONS_KNOWN_FOR

    async def read_again(self, ids: Sequence[str]) -> None:
        """Read single records, whenever they changed; those that do not come are removed."""
        for some in slices(ids, IDS_AT_ONCE):
            await self._look_up(some)

    async def _look_up(self, ids: Sequence[str]) -> None:
        changes: dict[str, Any] = {"ids": list(ids), "page_size": page_size(self._table.request)}
        found: set[str] = set()
        async with aclosing(Pages(ending(self._send), unread(self._table.request, **changes)).pages()) as pages:
            async for page in pages:
                records, deleted = sorted_out(self._table, page)
                found.update(each.id for each in records)
                await self._write(records, deleted)
        await self._write([], [id for id in ids if id not in found])

    async def _remove_unseen(self) -> None:
        """Remove records that the full sync has not seen, once Kombo confirms it, since pages can shift."""
        after = ""
        while unseen := await self._store.unseen(self._turn(), self._table, after, UNSEEN_AT_ONCE):
            after = unseen[-1]
            if self._table.can_look_up:
                await self.read_again(unseen)
                continue
            for some in slices(unseen, BATCH):
                await self._write([], some)

    async def _write(self, records: Sequence[Record], deleted: Sequence[str]) -> Written:
        if not records and not deleted:
            return Written()
        if self._first and self._blind_spots and self._began is not None:
            # What nests a record may show its change later than its own list does.
            recent = self._began - self._overlap
            late = [each for each in records if each.changed_since(recent)]
            written = await self._store_records(late, [], self._blind_spots) if late else Written()
            known = {each.id for each in late}
            settled = [each for each in records if each.id not in known]
            return await self._store_records(settled, deleted, ()) if settled or deleted else written
        return await self._store_records(records, deleted, self._blind_spots)

    async def _store_records(
        self, records: Sequence[Record], deleted: Sequence[str], spots: Sequence[BlindSpot]
    ) -> Written:
        written = await self._store.write(
            self._turn(),
            self._table,
            records,
            deleted,
            full=self._full_under_way,
            blind_spots=spots,
            noted_at=self._server_clock.latest(self._server_clock.clock.time()),
        )
        self._read += len(records)
        self._total = Written(
            inserted=self._total.inserted + written.inserted,
            changed=self._total.changed + written.changed,
            deleted=self._total.deleted + written.deleted,
        )
        return written

    def _request(self, since: datetime | None) -> Request[Page[Any]]:
        changes: dict[str, Any] = {}
        if getattr(self._table.request, "page_size", None) is UNSET:
            changes["page_size"] = page_size(self._table.request)
        if since is not None:
            changes["updated_after"] = wire_time(since)
            if hasattr(self._table.request, "include_deleted"):
                changes["include_deleted"] = True
        return unread(self._table.request, **changes)

    async def _send(self, request: Request[Page[Any]]) -> Response[Page[Any]]:
        clock, asked_at = self._server_clock.clock, datetime.now(UTC)
        begun = clock.time()
        response = await self._kombo.send(request, retry=self._retry)
        self._server_clock.learn(response.raw_response.headers, begun, clock.time())
        self._answered()
        if self._began is None and isinstance(response, Success):
            # By Kombo's clock, which is the one that its `changed_at` go by; ours may be wrong.
            self._began = self._server_clock.earliest(begun) or asked_at
        return response


def slices(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """*ids* in slices of at most *size*."""
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
