"""Where the mirrors of a history keep their tables: a SQLite file, or a schema of a real PostgreSQL server.

A simulated process cannot wait for a socket. So a store in PostgreSQL works in a thread with a loop of its own, while
the step of the process that asked for it stands still; the database's clock is the virtual one.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sqlite3
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import pytest
from anyio import to_thread

from kombo_async.mirror import SqliteStore, Store

T = TypeVar("T")
Before = Callable[[str], None]
"""Called before each piece of work, with its name; it raises while the store is away."""

_schemas = itertools.count()


class Place(Protocol):
    """A place for the stores of one history."""

    def store(self, before: Before, now: Callable[[], float]) -> Store:
        """A store of one process, by the clock *now* of its machine."""
        ...

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a statement."""
        ...


class SqlitePlace:
    """A file."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "mirror.db"

    def store(self, before: Before, now: Callable[[], float]) -> Store:
        """See `Place.store`; its clock is the process's, which the simulation has turned."""

        class _Store(SqliteStore):
            async def _run(self, work: Callable[..., T], *args: Any) -> T:
                before(getattr(args[0] if args else work, "__name__", ""))
                return await super()._run(work, *args)

        return _Store(self._path)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """See `Place.query`."""
        database = sqlite3.connect(self._path)
        try:
            return database.execute(sql).fetchall()
        finally:
            database.close()


class PostgresThread:
    """A thread that talks to PostgreSQL."""

    def __init__(self) -> None:
        self._loop = _new_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do *work* there; this thread waits."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def stop(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class PostgresPlace:
    """A schema in the database at *address*."""

    def __init__(self, address: str, thread: PostgresThread) -> None:
        self.schema = f"simulated_{next(_schemas)}"
        self._address = address
        self._thread = thread
        self._stores: list[Any] = []
        self._clock = 0.0
        self._connection: Any = thread.run(self._connect())

    async def _connect(self) -> Any:
        import asyncpg  # type: ignore[import-untyped]

        connection = await asyncpg.connect(self._address)
        await connection.execute(
            f"CREATE SCHEMA {self.schema}; CREATE TABLE {self.schema}.simulated_clock (time float8); "
            f"INSERT INTO {self.schema}.simulated_clock VALUES (0); SET search_path TO {self.schema}"
        )
        return connection

    def store(self, before: Before, now: Callable[[], float]) -> Store:
        """See `Place.store`."""
        from kombo_async.mirror.postgres import PostgresStore

        store = PostgresStore(self._address, schema=self.schema, pool_size=2)
        self._stores.append(store)
        return cast("Store", _Elsewhere(self, store, before, now))

    def work(self, work: Coroutine[Any, Any, T], now: float) -> T:
        """Do *work* at the time *now*."""
        if now != self._clock:
            self._clock = now
            self._thread.run(self._connection.execute("UPDATE simulated_clock SET time = $1", now))
        return self._thread.run(work)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """See `Place.query`."""
        rows = self._thread.run(self._connection.fetch(sql))
        return [tuple(each if isinstance(each, str | int | float) else _plain(each) for each in row) for row in rows]

    def close(self) -> None:
        """Close what killed processes left open."""
        for store in self._stores:
            self._thread.run(store.aclose())
        self._thread.run(self._connection.close())

    def patch(self, patch: pytest.MonkeyPatch) -> None:
        """Have the mirror's SQL take the time from here."""
        from kombo_async.mirror import _postgres_changes, _postgres_turns

        for module in (_postgres_changes, _postgres_turns):
            patch.setattr(module, "NOW", f"(SELECT time FROM {self.schema}.simulated_clock)")


class _Elsewhere:
    """A store whose methods are run in the other thread."""

    def __init__(self, place: PostgresPlace, store: Any, before: Before, now: Callable[[], float]) -> None:
        self._place = place
        self._store = store
        self._before = before
        self._now = now

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        async def call(*args: Any, **options: Any) -> Any:
            def work() -> Any:
                self._before(name)
                return self._place.work(method(*args, **options), self._now())

            work.__name__ = name
            return await to_thread.run_sync(work)

        return call


@contextmanager
def place_at(folder: Path, address: str | None) -> Generator[SqlitePlace | PostgresPlace]:
    """A new place: a schema at *address*, or a file in *folder*."""
    if address is None:
        yield SqlitePlace(folder)
        return
    thread = PostgresThread()
    try:
        place = PostgresPlace(address, thread)
        try:
            with pytest.MonkeyPatch.context() as patch:
                place.patch(patch)
                yield place
        finally:
            place.close()
    finally:
        thread.stop()


def _new_loop() -> asyncio.AbstractEventLoop:
    """A loop that goes by the real time; asyncio's own would go by the simulated one."""
    import uvloop

    return uvloop.new_event_loop()


def _plain(value: Any) -> Any:
    return None if value is None else json.dumps(value)
