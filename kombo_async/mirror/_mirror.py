"""The mirror: which integrations it follows, and when it checks for changes."""

from __future__ import annotations

import logging
import math
import os
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Self

import anyio

from kombo_async._chain.server_clock import ServerClock
from kombo_async._clock import Clock
from kombo_async._codec.encode import check_header
from kombo_async._generated.events import Event
from kombo_async.errors import InputFault, InvalidInput
from kombo_async.mirror._blind import Watched
from kombo_async.mirror._events import News, news_of
from kombo_async.mirror._look import Look, Settings
from kombo_async.mirror._scheduler import LEASE, POLL, Scheduler, reason
from kombo_async.mirror._status import MirrorStatus, status_of
from kombo_async.mirror._store import Ending, LeaseLost, Store, StoreUnavailable, Turn
from kombo_async.mirror._subscription import Subscription
from kombo_async.mirror._sync import Update
from kombo_async.mirror._table import ENVIRONMENT, Table, check_names
from kombo_async.mirror.sqlite import SqliteStore
from kombo_async.options import RetryPolicy

if TYPE_CHECKING:
    from kombo_async.client import AsyncKomboClient

_logger = logging.getLogger("kombo_async.mirror")

DEFAULT_CONCURRENCY = 32
READS = RetryPolicy(attempts=3, max_delay=5.0, max_retry_after=5.0, sync_wait=0.0)
"""How `run` retries one request; anything longer is retried as a whole, so others need not wait."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Mirror:
    """Keeps tables in sync with the lists of any number of integrations. Many processes can share one store.

    Args:
        kombo: The client to read with.
        store: Where the tables are: the path of a SQLite file, or a `Store`.
        tables: What to keep.
        integrations: Which to follow from the start. Those that webhooks mention are followed, too, until they are
            deleted.
        every: How often to check for changes without a webhook.
        full_every: How often to read everything again, as a safety net. Each list has its own time in this period.
        overlap: How far back before the last check each check goes, for changes that become visible late.
        concurrency: How many quick integrations are worked on at once. There are half as many places for those that
            read a lot, and a quarter as many for those that failed last.
        keep_changes: How long to keep the change log for `changes`; None keeps none.
        retry: How `run` retries a request; `update` uses the client's policy.

    Raises:
        InvalidInput: Tables have the same name, or a setting is invalid.
    """

    def __init__(
        self,
        kombo: AsyncKomboClient,
        store: Store | str | os.PathLike[str],
        tables: Sequence[Table],
        *,
        integrations: Iterable[str] = (),
        every: timedelta = timedelta(hours=3),
        full_every: timedelta = timedelta(days=7),
        overlap: timedelta = timedelta(minutes=10),
        concurrency: int = DEFAULT_CONCURRENCY,
        keep_changes: timedelta | None = None,
        retry: RetryPolicy = READS,
        clock: Clock | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        check_names(tables)
        if concurrency < 1:
            raise InvalidInput(InputFault("concurrency", "must be at least 1"))
        self._kombo = kombo
        self.store: Store = SqliteStore(store) if isinstance(store, str | os.PathLike) else store
        self.tables: tuple[Table, ...] = tuple(tables)
        self._watched = Watched(self.tables)
        self._given = tuple(check_header("integrations", each) for each in integrations)
        self._keep_changes = keep_changes
        self._overlap = overlap
        self._every = every
        self._retry = retry
        self._full_every = full_every
        self._clock = clock or Clock()
        self._server_clock = ServerClock(self._clock)
        self._now = now
        self._owner = uuid.uuid4().hex
        self._opened = False
        self._opening = anyio.Lock()
        self._scheduler = Scheduler(
            self.store,
            self._owner,
            self._look,
            clock=self._clock,
            concurrency=concurrency,
            every=every,
            overlap=overlap,
        )

    @property
    def all_tables(self) -> tuple[Table, ...]:
        """All tables that a store has to create: yours, and those in which the mirror keeps IDs of nested records."""
        return self._watched.tables

    async def open(self) -> None:
        """Create missing tables. `async with` and all other methods do this, too."""
        async with self._opening:
            if not self._opened:
                await self.store.open(self.all_tables, changes=self._keep_changes is not None)
                self._opened = True

    async def aclose(self) -> None:
        """Close the store."""
        self._opened = False
        await self.store.aclose()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            await self.aclose()

    async def update(self, integration_id: str, *, full: bool = False) -> list[Update]:
        """Bring an integration's tables up to date now; with *full*, by reading everything again.

        Waits while another process, or `run`, is working on the integration. Lists that it does not have are skipped.

        Raises:
            KomboError: It failed: what was fetched until then stays, and the next update fetches the rest.
            LeaseLost: The integration was removed in the meantime.
            TablesDiffer: A process that is running on the same store keeps other tables.
            StoreUnavailable: The database cannot be used for now.
            InvalidInput: *integration_id* cannot be one.
        """
        check_header("integration_id", integration_id)
        await self.open()
        await self.store.add(integration_id)
        turn = await self._take(integration_id)
        look = Look(self._kombo, self.store, self._watched, turn, self._settings(None), long=True)
        ending = Ending(lane="failing", next_in=60.0, failures=turn.failures + 1, error="update")
        try:
            await self._while_renewing(turn, partial(look.run, full=full))
            wait = 0.0 if look.long_due else min(self._every.total_seconds(), look.next_in or math.inf)
            ending = Ending(lane="long" if look.long_due else "quick", next_in=wait, succeeded=True)
        finally:
            with anyio.CancelScope(shield=True), suppress(StoreUnavailable):  # its lease ends by itself
                await self.store.release(look.turn, ending)
        return look.updates

    async def handle(self, event: Event) -> None:
        """Note what a webhook reports; use `receiver.on_any_other(mirror.handle)`. Fetching the changes is up to `run`.

        Any process may call it; one that runs on the same store does the work. It raises `StoreUnavailable` while the
        database cannot be used: then a `Receiver` answers 500, and Kombo sends the webhook again.
        """
        news = news_of(event)
        if news is None:
            return
        await self.open()
        if news.is_gone:
            await self.store.remove(news.integration_id)
            return
        if news.sync_began is not None and self._is_sensible(news.sync_began):
            await self.store.rewind(news.integration_id, news.sync_began - self._overlap)
        if self._is_followed(news):
            await self.store.add(news.integration_id, news.category, again=False)
        await self.store.tell(news.integration_id, news.models)
        self._scheduler.wake()

    async def follow(self, integration_id: str, category: str | None = None) -> None:
        """Follow an integration from now on; *category* is `HRIS`, `ATS`, ... if you know it.

        Raises `InvalidInput` if *integration_id* cannot be one.
        """
        check_header("integration_id", integration_id)
        await self.open()
        await self.store.add(integration_id, category)
        self._scheduler.wake()

    async def forget(self, integration_id: str) -> None:
        """Stop following an integration, and remove its records. Later webhooks do not bring it back; `follow` does."""
        await self.open()
        await self.store.remove(integration_id)

    async def run(self) -> None:
        """Keep all tables in sync until cancelled: whatever is due, the most urgent first, and what webhooks report.

        Failures are logged and retried later, those of the database, too, once it has started. Any number of processes
        may run on one store.
        """
        await self.open()
        for integration_id in self._given:
            await self.store.add(integration_id)
        if any(table.of_environment for table in self.tables):
            await self.store.add(ENVIRONMENT)
        # Webhooks may have been lost while no process ran.
        await self.store.tell_all(LEASE * 2)
        async with anyio.create_task_group() as tasks:
            if self._keep_changes is not None:
                tasks.start_soon(self._prune, self._keep_changes)
            await self._scheduler.run()

    async def status(self) -> MirrorStatus:
        """The state of the integrations: lag, failures, last full syncs. Its `as_dict` is JSON for a health check.

        If the database cannot be used, `unavailable` says why.
        """
        try:
            await self.open()
            return status_of(await self.store.integrations(), every=self._every.total_seconds())
        except StoreUnavailable as error:
            return MirrorStatus(integrations=(), unavailable=str(error))

    @asynccontextmanager
    async def changes(self, subscriber: str) -> AsyncGenerator[Subscription]:
        """Changes in the tables, for one *subscriber*, from where it last stopped::

            async with mirror.changes("mailer") as changes:
                async for change in changes:
                    if change.table == "applications" and "current_stage" in change.fields: ...

        Each change comes at least once; those of a record come in order. A change is done when the next is requested.
        Waits while another process is reading for the same subscriber, and while the database cannot be used.
        """
        if self._keep_changes is None:
            raise InvalidInput(
                InputFault("keep_changes", "pass it to Mirror, such as timedelta(days=7), to read changes")
            )
        await self.open()
        subscription = Subscription(self.store, subscriber, self._clock)
        try:
            yield subscription
        finally:
            with anyio.CancelScope(shield=True):
                await subscription.aclose()

    # parts

    def _is_followed(self, news: News) -> bool:
        """Whether there are tables for an integration, so that it is followed from now on."""
        if news.integration_id == ENVIRONMENT:
            return any(table.of_environment for table in self.tables)
        return any(table.namespace.upper() == news.category for table in self.tables)

    def _is_sensible(self, time: datetime) -> bool:
        """Whether a sync can have started at *time*: within a year of now. A time in the future does no harm."""
        try:
            return abs(self._kombo_time() - time.astimezone(UTC)) < timedelta(days=366)
        except OverflowError:
            return False

    def _kombo_time(self) -> datetime:
        """The time by Kombo's clock; until Kombo has answered, by this machine's, which may be wrong."""
        return self._server_clock.earliest(self._clock.time()) or self._now()

    def _settings(self, retry: RetryPolicy | None) -> Settings:
        return Settings(
            overlap=self._overlap,
            full_every=self._full_every,
            retry=retry,
            server_clock=self._server_clock,
            now=self._kombo_time,
        )

    def _look(self, turn: Turn, long: bool) -> Look:
        return Look(self._kombo, self.store, self._watched, turn, self._settings(self._retry), long=long)

    async def _take(self, integration_id: str) -> Turn:
        while True:
            turn = await self.store.take(self._owner, integration_id, LEASE)
            if turn is not None:
                return turn
            with self._clock.until(self._clock.time() + POLL):
                await anyio.sleep_forever()

    async def _while_renewing(self, turn: Turn, work: Callable[[], Awaitable[None]]) -> None:
        """Do *work* while renewing the lease. Raises `LeaseLost` if that fails, otherwise what the work raises."""
        failure: Exception | None = LeaseLost(f"{turn.integration_id} has been taken over by another process")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._renew, turn, tasks.cancel_scope)
            try:
                await work()
                failure = None
            except Exception as error:  # raised outside the group, unwrapped
                failure = error
            tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure

    async def _renew(self, turn: Turn, scope: anyio.CancelScope) -> None:
        held = {turn.integration_id: turn.fence}
        while held.get(turn.integration_id) == turn.fence:
            with self._clock.until(self._clock.time() + LEASE / 3):
                await anyio.sleep_forever()
            try:
                held = dict(await self.store.renew(self._owner, LEASE))
            except Exception as error:  # what is written next finds out
                _logger.warning("the lease of %s could not be renewed: %s", turn.integration_id, reason(error))
        scope.cancel()

    async def _prune(self, keep: timedelta) -> None:
        while True:
            try:
                await self.store.prune(keep.total_seconds())
            except Exception as error:  # a database that is away must not end the mirror
                _logger.warning("the log of changes could not be pruned: %s", reason(error))
            with self._clock.until(self._clock.time() + 600):
                await anyio.sleep_forever()
