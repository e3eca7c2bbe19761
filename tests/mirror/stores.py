"""The stores that the tests run on: SQLite everywhere, PostgreSQL where there is a server, under asyncio."""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from kombo_async.mirror import SqliteStore, Store

_schemas = itertools.count()


def postgres_store(address: str, schema: str) -> Store:
    """A store in a PostgreSQL database."""
    from kombo_async.mirror.postgres import PostgresStore

    return PostgresStore(address, schema=schema)


class Place:
    """Where a test's stores keep their tables."""

    def __init__(self, kind: str, path: Path, address: str | None) -> None:
        self.kind = kind
        self.path = path / "mirror.db"
        self.address = address
        self.schema = f"mirror_{next(_schemas)}"

    def store(self) -> Store:
        """A new store over this place."""
        if self.address is not None:
            return postgres_store(self.address, self.schema)
        return SqliteStore(self.path)

    def records(self, table: str) -> dict[tuple[str, str], Any]:
        """The records of a table by integration and ID."""
        return {(row[0], row[1]): row[2] for row in self.query(f"SELECT integration_id, id, data FROM {table}")}

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a statement; JSON comes as plain data."""
        if self.address is None:
            database = sqlite3.connect(self.path, isolation_level=None)
            try:
                return [tuple(map(_plain, row)) for row in database.execute(sql).fetchall()]
            finally:
                database.close()
        return _query_postgres(self.address, self.schema, sql)


def _plain(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) and value[:1] in ("{", "[") else value


def _query_postgres(address: str, schema: str, sql: str) -> list[tuple[Any, ...]]:
    import threading

    import asyncpg  # type: ignore[import-untyped]

    rows: list[tuple[Any, ...]] = []

    async def query() -> None:
        connection = await asyncpg.connect(address)
        await connection.execute(f'SET search_path TO "{schema}"')
        rows.extend(tuple(map(_plain, row)) for row in await connection.fetch(sql))
        await connection.close()

    thread = threading.Thread(target=anyio.run, args=(query,))  # tests have a loop of their own already
    thread.start()
    thread.join()
    return rows


MakePlace = Callable[[], Place]


@pytest.fixture(scope="session")
def postgres_address() -> Iterator[str]:
    """A server for all tests of this process."""
    from tests.support.postgres_server import postgres_server

    with postgres_server() as address:
        yield address
