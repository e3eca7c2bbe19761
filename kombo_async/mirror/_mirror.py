"""The mirror: which integrations it follows, and when it looks for changes."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import anyio
from anyio.abc import TaskGroup

from kombo_async._chain.backoff import backoff
from kombo_async._codec.codes import Meaning, meaning_of
from kombo_async._generated.events import DataChanged, Event, IntegrationCreated, IntegrationDeleted, SyncFinished
from kombo_async.errors import Failure, KomboError, SyncPending
from kombo_async.mirror._fetching import Fetching, Update
from kombo_async.mirror._store import Store
from kombo_async.mirror._table import Table
from kombo_async.mirror.sqlite import SqliteStore

if TYPE_CHECKING:
    from kombo_async.client import AsyncKomboClient

_logger = logging.getLogger("kombo_async.mirror")

DEFAULT_CONCURRENCY = 4
"""How many integrations are brought up to date at the same time."""


class Mirror:
    """Keeps tables in step with the lists of any number of integrations. One process runs it for a store.

    Args:
        kombo: The client to read with.
        store: Where the tables are: a path of a SQLite file, or a `Store`.
        tables: What to keep.
        integrations: What to follow from the start. Those that webhooks tell of are followed, too, for good.
        every: How often to look for changes without being told of any.
        full_every: How often to read everything anew, as a safety net.
        overlap: How much further back than the last look each look goes, for changes that become visible late.
    """

    def __init__(
        self,
        kombo: AsyncKomboClient,
        store: Store | str | os.PathLike[str],
        tables: Sequence[Table],
        *,
        integrations: Iterable[str] = (),
        every: timedelta = timedelta(hours=1),
        full_every: timedelta = timedelta(days=1),
        overlap: timedelta = timedelta(minutes=10),
    ) -> None:
        names = [table.name for table in tables]
        if len(set(names)) < len(names):
            raise ValueError("tables: two of them have the same name")
        self._kombo = kombo
        self.store: Store = SqliteStore(store) if isinstance(store, str | os.PathLike) else store
        self.tables: tuple[Table, ...] = tuple(tables)
        self._given = tuple(integrations)
        self._every = every
        self._full_every = full_every
        self._overlap = overlap
        self._opened = False
        self._opening = anyio.Lock()
        self._locks: dict[str, anyio.Lock] = {}
        self._wakes: dict[str, anyio.Event] = {}
        self._at_once = anyio.CapacityLimiter(DEFAULT_CONCURRENCY)
        self._followers: TaskGroup | None = None

    async def open(self) -> None:
        """Make the tables that are not there yet; `async with` and all other methods do that, too."""
        async with self._opening:
            if not self._opened:
                await self.store.open(self.tables)
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
        """Bring the tables of an integration up to date now; with *full*, by reading everything anew.

        Raises `KomboError` where that fails: what was fetched until then stays, and the next update fetches the rest.
        Lists that the integration does not have are left out.
        """
        await self.open()
        async with self._lock(integration_id):
            await self.store.add(integration_id)
            return await self._update(integration_id, full=full)

    async def handle(self, event: Event) -> None:
        """Take note of a webhook; `receiver.on_any_other(mirror.handle)`. Fetching what it tells of is up to `run`."""
        await self.open()
        match event:
            case DataChanged():
                # Which models changed does not say which lists did: those of a namespace nest each other's records.
                await self._wake(event.data.integration_id, event.data.integration_category)
            case SyncFinished():
                began: Any = event.data.sync_started_at
                if isinstance(began, datetime):
                    await self.store.lower(event.data.integration_id, began - self._overlap)
                await self._wake(event.data.integration_id, event.data.integration_category)
            case IntegrationCreated():
                await self._wake(event.data.id, event.data.category)
            case IntegrationDeleted():
                await self.forget(event.data.id)
            case _:
                pass

    async def forget(self, integration_id: str) -> None:
        """Follow an integration no more, and remove its records."""
        await self.open()
        wake = self._wakes.pop(integration_id, None)
        if wake is not None:
            wake.set()
        async with self._lock(integration_id):
            await self.store.remove(integration_id)

    async def run(self) -> None:
        """Keep all tables in step until cancelled: everything once at the start, then what webhooks tell of.

        Failures are logged, and tried again later.
        """
        await self.open()
        for integration_id in self._given:
            await self.store.add(integration_id)
        try:
            async with anyio.create_task_group() as self._followers:
                for integration_id in await self.store.integrations():
                    self._follow(integration_id, self._followers)
                await anyio.sleep_forever()
        finally:
            self._followers = None
            self._wakes.clear()

    def _lock(self, integration_id: str) -> anyio.Lock:
        return self._locks.setdefault(integration_id, anyio.Lock())

    async def _update(self, integration_id: str, *, full: bool) -> list[Update]:
        updates: list[Update] = []
        kombo = self._kombo.for_integration(integration_id)
        for table in self.tables:
            fetching = Fetching(kombo, self.store, integration_id, self._overlap)
            try:
                whole = full or await self._is_full_due(integration_id, table)
                updates.append(await fetching.run(table, full=whole))
            except Failure as failure:
                if meaning_of(failure) is not Meaning.UNSUPPORTED:
                    raise
                _logger.info("%s has no %s (%s)", integration_id, table.name, failure.code)
        return updates

    async def _is_full_due(self, integration_id: str, table: Table) -> bool:
        mark = await self.store.mark(integration_id, table)
        return mark.full_at is None or datetime.now(UTC) - mark.full_at >= self._full_every

    async def _wake(self, integration_id: str, category: str) -> None:
        """Have an integration brought up to date soon, if there are tables of its category."""
        if not any(table.namespace.upper() == category for table in self.tables):
            return
        await self.store.add(integration_id)
        if integration_id in self._wakes:
            self._wakes[integration_id].set()
        elif self._followers is not None:
            self._follow(integration_id, self._followers)

    def _follow(self, integration_id: str, followers: TaskGroup) -> None:
        self._wakes[integration_id] = anyio.Event()
        followers.start_soon(self._keep_in_step, integration_id)

    async def _keep_in_step(self, integration_id: str) -> None:
        failures = 0
        while integration_id in self._wakes:
            # Made before looking: what is told of while we look may have come too late for it.
            wake = self._wakes[integration_id] = anyio.Event()
            try:
                async with self._at_once, self._lock(integration_id):
                    if integration_id not in self._wakes:  # it was forgotten while we waited
                        return
                    await self._update(integration_id, full=False)
            except Exception as error:  # also what the store raises: a database that is away must not end the mirror
                failures += 1
                waiting = isinstance(error, SyncPending)
                seconds = 60.0 if waiting else backoff(failures, initial_delay=5.0, max_delay=300.0, jitter=True)
                unexpected = not isinstance(error, KomboError)
                message = "%s is not up to date, next try in %.0f s: %s"
                _logger.warning(message, integration_id, seconds, error, exc_info=unexpected)
            else:
                failures, seconds = 0, self._every.total_seconds()
            with anyio.move_on_after(seconds):
                await wake.wait()
