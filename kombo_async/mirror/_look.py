"""One look at an integration: bring all its tables up to date, in one turn."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import attrs

from kombo_async._chain.server_clock import ServerClock
from kombo_async._codec.codes import Meaning, meaning_of
from kombo_async.errors import Failure, RateLimited, SyncPending, Unauthorized
from kombo_async.mirror._blind import Watched
from kombo_async.mirror._store import Stale, Store, Turn, Watermark, Written
from kombo_async.mirror._sync import TableSync, Update, slices
from kombo_async.mirror._table import ENVIRONMENT, Table
from kombo_async.options import RetryPolicy

if TYPE_CHECKING:
    from kombo_async.client import AsyncKomboClient

_logger = logging.getLogger("kombo_async.mirror")

MISSING_FOR = timedelta(days=1)
"""How long to skip a list that the integration does not have."""
MOST_READ_AGAIN = 10_000
"""The most records to read again by ID; if more are stale, the whole list is read."""
UNWATCHED_FULL_EVERY = timedelta(days=1)
"""How often to read a whole list that nests an unreadable one, in case a webhook was lost."""
STALE_FULL_EVERY = timedelta(minutes=30)
"""The shortest time between two reads of a whole list because of stale records."""
_STALE_AT_ONCE = 10_000


@attrs.frozen(kw_only=True)
class Settings:
    """The settings shared by all looks of a mirror."""

    overlap: timedelta
    full_every: timedelta
    retry: RetryPolicy | None
    server_clock: ServerClock
    now: Callable[[], datetime]
    """The time by Kombo's clock."""


class Look:
    """Brings the tables of one integration up to date.

    *long* says whether there is time to read whole lists; if not, that work is left, and `long_due` says so.
    """

    def __init__(
        self, kombo: AsyncKomboClient, store: Store, watched: Watched, turn: Turn, settings: Settings, *, long: bool
    ) -> None:
        environment = turn.integration_id == ENVIRONMENT
        self._kombo = kombo if environment else kombo.for_integration(turn.integration_id)
        self._store = store
        self._watched = watched
        self._settings = settings
        self._long = long
        self._tables = [each for each in watched.tables if _belongs(each, turn)]
        self._marks: Mapping[str, Watermark] = {}
        self._fully_read: dict[str, datetime] = {}
        """When whole lists were read, by Kombo's clock."""
        self._failure: Failure | None = None
        self._current: str | None = None
        self._interrupts = True
        self.turn = turn
        self.answers = 0
        """How many responses have come, to see progress."""
        self.updates: list[Update] = []
        self.long_due = False
        self.next_in: float | None = None
        """Seconds until there is more to do, if known."""

    async def run(self, *, full: bool = False) -> None:
        """Bring the tables up to date. Raises the first failure, once all readable tables are done."""
        self._marks = await self._store.watermarks(self.turn.integration_id)
        for table in self._tables:
            await self._sync(table, full=full)
        await self._read_all_stale()
        if self._failure is not None:
            raise self._failure

    async def _sync(self, table: Table, *, full: bool) -> None:
        mark = self._marks.get(table.name, Watermark())
        if self._can_leave_out(table, mark):
            return
        if not table.keeps_records:
            full = False
        if (full or self._is_full_due(table, mark)) and table.tells_changes and not self._long:
            self.long_due = True
            if mark.since is None:
                return
        else:
            full = full or self._is_full_due(table, mark)
        self._current = table.name
        try:
            update = await self._table_sync(table, between=self._between, first=mark.since is None).run(
                full=full and (self._long or not table.tells_changes)
            )
        except Failure as failure:
            await self._note(failure, table)
            return
        if update.full:
            self._fully_read[table.name] = update.since + self._settings.overlap
        if table.keeps_records:
            self.updates.append(update)
        if mark.since is None:
            await self._distrust_dependents(table)

    def _can_leave_out(self, table: Table, mark: Watermark) -> bool:
        if mark.missing_at is not None and self._settings.now() - mark.missing_at < MISSING_FOR:
            return True
        if table.keeps_records or mark.since is None:
            return False
        models = self.turn.models if self.turn.is_told else None
        return models is not None and self._watched.model_of(table) not in models

    def _is_full_due(self, table: Table, mark: Watermark) -> bool:
        if mark.full_at is None or not table.tells_changes:
            return True
        if mark.full_wanted and self._until_full_may_be(mark) <= 0:
            return True
        if not table.keeps_records:
            return False
        key = f"{self.turn.integration_id} {table.name}"
        return self._settings.now() >= next_full(mark.full_at, key, self._settings.full_every)

    async def _note(self, failure: Failure, table: Table) -> None:
        """Continue with the other tables if only this one cannot be read; otherwise raise."""
        meaning = meaning_of(failure)
        refused = not table.keeps_records and (meaning is Meaning.SET_UP or meaning is Meaning.UNSUPPORTED)
        permission = failure.code == "INTEGRATION.PERMISSION_MISSING"
        if meaning is Meaning.UNSUPPORTED or (refused and permission):
            _logger.info("%s has no %s (%s)", self.turn.integration_id, table.name, failure.code)
            before = await self._store.begin(self.turn, table, full=False)
            after = attrs.evolve(before, missing_at=self._settings.now())
            await self._store.finish(self.turn, table, before, after, full=False)
        elif isinstance(failure, SyncPending | RateLimited | Unauthorized) or (
            meaning is Meaning.SET_UP and not permission
        ):
            raise failure
        elif self._failure is None:
            self._failure = failure

    async def _distrust_dependents(self, table: Table) -> None:
        """Records that nest records of a list that was not watched until now may be stale."""
        for spot in self._watched.seen_in(table):
            if self._marks.get(spot.table, Watermark()).since is not None:
                await self._store.want_full(self.turn, spot.table)
                self.long_due = True

    async def _between(self, written: Written) -> bool:
        """Between pages of a full sync, apply changes that the integration was notified of in the meantime."""
        if written.told <= self.turn.told or not self._interrupts:
            return False
        self._interrupts = False
        told = attrs.evolve(self.turn, told=written.told, is_told=True, models=None)
        marks = await self._store.watermarks(self.turn.integration_id)
        try:
            for table in self._tables:
                mark = marks.get(table.name, Watermark())
                if table.tells_changes and mark.missing_at is None:
                    await self._table_sync(table, full_under_way=table.name == self._current).run_changes()
        except Failure as failure:
            _logger.info("%s: changes wait for the full sync (%s)", self.turn.integration_id, failure.code)
        else:
            self.turn = told
            self._interrupts = True
        return True

    async def _read_all_stale(self) -> None:
        if not any(map(self._watched.in_table, self._tables)):
            return
        self._marks = await self._store.watermarks(self.turn.integration_id)
        for table in self._tables:
            if self._watched.in_table(table) and self._marks.get(table.name, Watermark()).missing_at is None:
                try:
                    await self._want_full_where_nothing_tells(table)
                    await self._read_stale(table)
                except Failure as failure:
                    await self._note(failure, table)

    async def _want_full_where_nothing_tells(self, table: Table) -> None:
        """If a model's list cannot be read, everything that nests its records may be stale when it changes."""
        mark = self._marks.get(table.name, Watermark())
        if mark.since is None or table.name in self._fully_read:
            return
        wanted = mark.full_wanted
        age = self._settings.now() - (mark.full_at or self._settings.now())
        for spot in self._watched.in_table(table):
            told = self.turn.is_told and (self.turn.models is None or spot.model in self.turn.models)
            watcher = self._watched.watcher(spot)
            untold = watcher is None or self._marks.get(watcher.name, Watermark()).missing_at is not None
            if untold and (told or age > UNWATCHED_FULL_EVERY):
                await self._store.want_full(self.turn, table.name)
                wanted = True
        if wanted:
            self._long_in(self._until_full_may_be(mark))

    def _long_in(self, seconds: float) -> None:
        if seconds <= 0:
            self.long_due = True
        else:
            self._again_in(seconds)

    def _until_full_may_be(self, mark: Watermark) -> float:
        if mark.full_at is None:
            return 0.0
        return (mark.full_at + STALE_FULL_EVERY - self._settings.now()).total_seconds()

    async def _read_stale(self, table: Table) -> None:
        stale = await self._store.stale(self.turn, table, _STALE_AT_ONCE)
        clock, overlap = self._settings.server_clock, self._settings.overlap
        now = clock.earliest(clock.clock.time())
        todo = [each for each in stale if not each.read or not _until_certain(each, now, overlap)]
        waiting = [wait for each in stale if (wait := _until_certain(each, now, overlap))]
        if waiting:
            self._again_in(max(waiting) + 1)
        if not todo:
            return
        if table.name not in self._fully_read and not await self._read_again(table, todo):
            return
        read_at = self._fully_read.get(table.name, now) if now is not None else None
        waits = [(each, _until_certain(each, read_at, overlap)) for each in todo]
        if any(wait and not _until_certain(each, now, overlap) for each, wait in waits):
            self._again_in(1)  # it became certain only while the whole list was being read
        await self._store.settle(self.turn, table, [each for each, wait in waits if wait == 0], done=True)
        await self._store.settle(self.turn, table, [each for each, wait in waits if wait != 0], done=False)

    async def _read_again(self, table: Table, stale: Sequence[Stale]) -> bool:
        """Read stale records again; False if there are so many that the whole list has to be read later."""
        ids: set[str] = set()
        for path in sorted({each.path for each in stale}):
            nested = [each.id for each in stale if each.path == path]
            for some in slices(nested, 1000):
                ids.update(await self._store.nesting(self.turn, table, path, some, MOST_READ_AGAIN + 1))
        if len(ids) <= MOST_READ_AGAIN and table.can_look_up:
            await self._table_sync(table).read_again(sorted(ids))
            return True
        marks = await self._store.watermarks(self.turn.integration_id)
        wait = self._until_full_may_be(marks.get(table.name, Watermark()))
        if self._long and wait <= 0:
            self.updates.append(await self._table_sync(table, between=self._between).run(full=True))
            return True
        self._long_in(wait)
        return False

    def _count_answer(self) -> None:
        self.answers += 1

    def _again_in(self, seconds: float) -> None:
        self.next_in = seconds if self.next_in is None else min(self.next_in, seconds)

    def _table_sync(
        self,
        table: Table,
        *,
        between: Callable[[Written], Awaitable[bool]] | None = None,
        first: bool = False,
        full_under_way: bool = False,
    ) -> TableSync:
        return TableSync(
            self._kombo,
            self._store,
            table,
            lambda: self.turn,
            blind_spots=self._watched.seen_in(table),
            first=first,
            overlap=self._settings.overlap,
            server_clock=self._settings.server_clock,
            retry=self._settings.retry,
            answered=self._count_answer,
            between=between,
            full_under_way=full_under_way,
        )


def next_full(full_at: datetime, key: str, every: timedelta) -> datetime:
    """When the next full sync is due: each key has its own time in the period, which spreads them out."""
    period = every.total_seconds()
    if period <= 0:
        return full_at
    phase = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest()) / 2**64 * period
    periods = (full_at.timestamp() + 1 - phase) // period + 1
    return datetime.fromtimestamp(periods * period + phase, UTC)


def _until_certain(stale: Stale, now: datetime | None, overlap: timedelta) -> float | None:
    """Seconds from *now* until late changes are certain to show; None if Kombo's time is not known.

    While it is not known, the record stays noted and is read again in each look.
    """
    if now is None or stale.noted_at is None:
        return None
    return max(0.0, (stale.noted_at + overlap - now).total_seconds())


def _belongs(table: Table, turn: Turn) -> bool:
    if turn.integration_id == ENVIRONMENT or table.of_environment:
        return turn.integration_id == ENVIRONMENT and table.of_environment
    return turn.category is None or table.namespace.upper() == turn.category
