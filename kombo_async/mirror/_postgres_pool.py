"""Connections of the PostgreSQL store, and the transactions in which it writes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import anyio

from kombo_async.mirror._postgres_errors import driver, translated
from kombo_async.mirror._postgres_tables import quoted
from kombo_async.mirror._store import LeaseLost, Turn

Connection: TypeAlias = Any

NOW = "extract(epoch FROM clock_timestamp())::float8"
"""The database's time, in SQL."""
CONNECT_TIMEOUT = 10.0
"""Seconds until a database that does not answer counts as away."""


class PostgresPool:
    """At most *size* connections to a database, for the tables in *schema*; *connect* has settings for asyncpg."""

    def __init__(self, dsn: str | None, schema: str, size: int, connect: Mapping[str, Any]) -> None:
        self.schema = schema
        self._dsn = dsn
        self._size = size
        self._connect = dict(connect)
        self._pool: Any = None

    async def open(self) -> None:
        """Create the pool unless it is open."""
        if self._pool is None:
            settings = {"timeout": CONNECT_TIMEOUT, "command_timeout": 300, **self._connect}
            self._pool = await driver.create_pool(
                self._dsn, min_size=0, max_size=self._size, reset=_nothing, **settings
            )

    async def aclose(self) -> None:
        """Close all connections."""
        pool, self._pool = self._pool, None
        if pool is not None:
            with anyio.CancelScope(shield=True):
                await pool.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Connection]:
        """A connection in a transaction, which is never cancelled halfway."""
        if self._pool is None:
            raise RuntimeError(f"PostgresStore(schema={self.schema!r}) is not open")
        with anyio.CancelScope(shield=True), translated(self.schema):
            async with self._pool.acquire() as connection, connection.transaction():
                yield connection

    @asynccontextmanager
    async def turn(self, turn: Turn) -> AsyncGenerator[tuple[Connection, int]]:
        """A transaction during which nobody can take over the integration, and how often it was notified."""
        async with self.transaction() as db:
            # All that follows looks up by key; the planner would rather scan a table that has just started to grow.
            told: int | None = await db.fetchval(
                "SELECT told, set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true) "
                f"FROM {self.own('integrations')} WHERE id = $1 AND fence = $2 FOR SHARE",
                turn.integration_id,
                turn.fence,
            )
            if told is None:
                raise LeaseLost(f"{turn.integration_id} was taken over by another process, or removed")
            yield db, told

    async def execute(self, sql: str, *values: Any) -> None:
        """Run one statement as its own transaction."""
        await self.fetch(sql, *values)

    async def fetch(self, sql: str, *values: Any) -> list[Any]:
        """The rows of one statement, run as its own transaction."""
        if self._pool is None:
            raise RuntimeError(f"PostgresStore(schema={self.schema!r}) is not open")
        rows: list[Any] = []
        with anyio.CancelScope(shield=True), translated(self.schema):
            rows.extend(await self._pool.fetch(sql, *values))
        return rows

    def own(self, name: str) -> str:
        """The SQL name of one of the mirror's own tables."""
        return f"{quoted(self.schema)}.kombo_{name}"

    def of(self, table: str) -> str:
        """The SQL name of a table of records."""
        return f"{quoted(self.schema)}.{quoted(table)}"


async def _nothing(connection: Connection) -> None:
    """Connections need no reset, since we leave nothing behind; that saves a round trip each time."""
