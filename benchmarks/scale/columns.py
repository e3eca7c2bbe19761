"""A query on a column of a mirror's table with many records: SQLite, and PostgreSQL if there is a server."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import mirror
from benchmarks.scale.scenes import Result, Scene
from kombo_async import hris
from kombo_async.mirror import SqliteStore, Store, Table
from kombo_async.mirror._records import Record

RECORDS = 200_000
PAGE = 1_000
TABLE = Table("employees", hris.GetEmployees(), columns=["work_email"])
EMAIL = f"employee.{RECORDS // 2}@example.com"
COLUMN = f"SELECT id FROM employees WHERE work_email = '{EMAIL}'"
IN_SQLITE = f"SELECT id FROM employees WHERE data ->> '$.work_email' = '{EMAIL}'"
IN_POSTGRES = f"SELECT id FROM employees WHERE data ->> 'work_email' = '{EMAIL}'"

Query = Callable[[str], list[tuple[Any, ...]]]


def pages() -> Iterator[list[Record]]:
    """Short records of employees, of whom each has an address of their own."""
    whole = mirror.employee(7, "Frank")
    fields = ("id", "remote_id", "first_name", "last_name", "work_email", "changed_at", "remote_deleted_at")
    text = json.dumps({name: whole[name] for name in fields})
    for start in range(0, RECORDS, PAGE):
        yield [
            Record(
                f"e{number:023}",
                text.replace(f"{7:023}", f"{number:023}").replace("employee.7@", f"employee.{number}@"),
            )
            for number in range(start, start + PAGE)
        ]


async def fill(store: Store) -> None:
    """Write the records as a sync does."""
    await store.open([TABLE])
    await store.add(mirror.INTEGRATION)
    turn = await store.take("benchmark", mirror.INTEGRATION, 3600)
    assert turn is not None
    for page in pages():
        await store.write(turn, TABLE, page, [])
    await store.aclose()


def best(query: Query, sql: str) -> float:
    """Milliseconds of a query that finds one record, at best."""
    times: list[float] = []
    for _ in range(5):
        start = time.perf_counter()
        assert len(query(sql)) == 1
        times.append(time.perf_counter() - start)
    return min(times) * 1000


def told(plan: str, by_column: float, by_json: float) -> str:
    """What it took, and by which plan."""
    return f"`{plan}`: {by_column:.3f} ms, {by_json:,.0f} ms by a path in `data`"


def in_sqlite() -> str:
    """Query a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mirror.db"
        asyncio.run(fill(SqliteStore(path)))
        database = sqlite3.connect(path)
        try:

            def query(sql: str) -> list[tuple[Any, ...]]:
                return database.execute(sql).fetchall()

            plan = query(f"EXPLAIN QUERY PLAN {COLUMN}")[0][-1]
            return told(plan, best(query, COLUMN), best(query, IN_SQLITE))
        finally:
            database.close()


def in_postgres() -> str:
    """Query a server of our own."""
    import asyncpg  # type: ignore[import-untyped]

    from kombo_async.mirror.postgres import PostgresStore
    from tests.support.postgres_server import postgres_server

    with postgres_server() as address, asyncio.Runner() as runner:
        runner.run(fill(PostgresStore(address, schema="public")))
        database = runner.run(asyncpg.connect(address))

        def query(sql: str) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in runner.run(_fetch(database, sql))]

        query("ANALYZE employees")
        plan = query(f"EXPLAIN (COSTS OFF) {COLUMN}")[0][0]
        result = told(plan, best(query, COLUMN), best(query, IN_POSTGRES))
        runner.run(database.close())
        return result


async def _fetch(database: Any, sql: str) -> Any:
    return await database.fetch(sql)


def by_column() -> Result:
    """A query on a column in SQLite, and in PostgreSQL if it is there."""
    sqlite = in_sqlite()
    try:
        postgres = in_postgres()
    except (ImportError, FileNotFoundError, AssertionError):
        return Result(f"SQLite: {sqlite}; there is no PostgreSQL here", "USING INDEX" in sqlite)
    text = f"SQLite: {sqlite}; PostgreSQL: {postgres}"
    return Result(text, "USING INDEX" in sqlite and "Index Scan" in postgres)


SCENES = (
    Scene(
        f"SQL on a `columns=` column of {RECORDS:,} records in a mirror",
        "scans the table",
        "uses an index",
        "this process",
        by_column,
    ),
)
