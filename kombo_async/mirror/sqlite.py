"""The mirror's tables in a SQLite file, for an app to read by SQL."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import anyio
from anyio import to_thread

from kombo_async.mirror._store import Mark
from kombo_async.mirror._table import Table

T = TypeVar("T")

_OURS = """
CREATE TABLE IF NOT EXISTS kombo_integrations (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kombo_marks (
    integration_id TEXT NOT NULL, name TEXT NOT NULL, since TEXT, lowered TEXT, full_at TEXT, passes INTEGER NOT NULL,
    PRIMARY KEY (integration_id, name)
) WITHOUT ROWID;
"""


class SqliteStore:
    """Tables in the file at *path*, each with `integration_id`, `id`, `data` (the whole record, JSON) and its columns.

    The file may have other tables, too, and other connections may read it at the same time::

        SELECT id, work_email FROM employees WHERE integration_id = ? AND data ->> '$.employment_status' = 'ACTIVE'
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path: str = os.fspath(path)
        self._tables: tuple[Table, ...] = ()
        self._database: sqlite3.Connection | None = None
        self._turn = anyio.Lock()

    def __repr__(self) -> str:
        return f"SqliteStore({self.path!r})"

    async def open(self, tables: Sequence[Table]) -> None:
        """See `Store.open`."""
        self._tables = tuple(tables)
        if self._database is None:
            self._database = await to_thread.run_sync(_connect, self.path)
        await self._do(partial(_create, self._tables))

    async def integrations(self) -> list[str]:
        """See `Store.integrations`."""
        return await self._do(_integrations)

    async def add(self, integration_id: str) -> None:
        """See `Store.add`."""
        await self._do(partial(_add, integration_id))

    async def remove(self, integration_id: str) -> None:
        """See `Store.remove`."""
        await self._do(partial(_remove, self._tables, integration_id))

    async def mark(self, integration_id: str, table: Table) -> Mark:
        """See `Store.mark`."""
        return await self._do(partial(_mark, integration_id, table))

    async def begin(self, integration_id: str, table: Table) -> tuple[int, Mark]:
        """See `Store.begin`."""
        return await self._do(partial(_begin, integration_id, table))

    async def write(
        self, integration_id: str, table: Table, number: int, changed: Mapping[str, Any], deleted: Sequence[str]
    ) -> None:
        """See `Store.write`."""
        await self._do(partial(_write, integration_id, table, number, changed, deleted))

    async def finish(
        self, integration_id: str, table: Table, number: int, before: Mark, after: Mark, *, full: bool
    ) -> int:
        """See `Store.finish`."""
        return await self._do(partial(_finish, integration_id, table, number, before, after, full))

    async def lower(self, integration_id: str, since: datetime) -> None:
        """See `Store.lower`."""
        await self._do(partial(_lower, integration_id, since))

    async def aclose(self) -> None:
        """See `Store.aclose`."""
        async with self._turn:
            database, self._database = self._database, None
            if database is not None:
                await to_thread.run_sync(database.close)

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run *work* in a transaction, in a worker thread; one at a time, and never given up half-way."""
        async with self._turn:
            database = self._database
            if database is None:
                raise RuntimeError(f"{self!r} is not open")
            return await to_thread.run_sync(_in_transaction, database, work)


def _connect(path: str) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = WAL")
    return database


def _in_transaction(database: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    database.execute("BEGIN IMMEDIATE")
    try:
        result = work(database)
        database.execute("COMMIT")
    except BaseException:
        database.execute("ROLLBACK")
        raise
    return result


def _create(tables: Sequence[Table], database: sqlite3.Connection) -> None:
    for statement in _OURS.split(";"):
        database.execute(statement)
    for table in tables:
        database.execute(
            f'CREATE TABLE IF NOT EXISTS "{table.name}" (integration_id TEXT NOT NULL, id TEXT NOT NULL, '
            "data TEXT NOT NULL, pass INTEGER NOT NULL, PRIMARY KEY (integration_id, id))"
        )
        there = {row[1] for row in database.execute(f'PRAGMA table_xinfo("{table.name}")')}
        for column in table.columns:
            if column not in there:
                path, name = "$." + column.replace("'", "''"), column.replace('"', '""')
                database.execute(
                    f"""ALTER TABLE "{table.name}" ADD COLUMN "{name}" AS (json_extract(data, '{path}')) VIRTUAL"""
                )


def _integrations(database: sqlite3.Connection) -> list[str]:
    return [row[0] for row in database.execute("SELECT id FROM kombo_integrations ORDER BY id")]


def _add(integration_id: str, database: sqlite3.Connection) -> None:
    database.execute("INSERT OR IGNORE INTO kombo_integrations VALUES (?)", [integration_id])


def _remove(tables: Sequence[Table], integration_id: str, database: sqlite3.Connection) -> None:
    database.execute("DELETE FROM kombo_integrations WHERE id = ?", [integration_id])
    for name in ("kombo_marks", *(table.name for table in tables)):
        database.execute(f'DELETE FROM "{name}" WHERE integration_id = ?', [integration_id])  # noqa: S608 - names are checked


def _mark(integration_id: str, table: Table, database: sqlite3.Connection) -> Mark:
    sql = "SELECT since, lowered, full_at FROM kombo_marks WHERE integration_id = ? AND name = ?"
    row = database.execute(sql, [integration_id, table.name]).fetchone()
    return Mark(*map(_time, row)) if row else Mark()


def _begin(integration_id: str, table: Table, database: sqlite3.Connection) -> tuple[int, Mark]:
    sql = (
        "INSERT INTO kombo_marks VALUES (?, ?, NULL, NULL, NULL, 1) "
        "ON CONFLICT DO UPDATE SET passes = passes + 1 RETURNING passes"
    )
    number: int = database.execute(sql, [integration_id, table.name]).fetchone()[0]
    return number, _mark(integration_id, table, database)


def _write(
    integration_id: str,
    table: Table,
    number: int,
    changed: Mapping[str, Any],
    deleted: Sequence[str],
    database: sqlite3.Connection,
) -> None:
    database.executemany(
        f'INSERT INTO "{table.name}" (integration_id, id, data, pass) VALUES (?, ?, ?, ?) '  # noqa: S608 - names are checked
        "ON CONFLICT DO UPDATE SET data = excluded.data, pass = excluded.pass",
        [(integration_id, id, json.dumps(data), number) for id, data in changed.items()],
    )
    database.executemany(
        f'DELETE FROM "{table.name}" WHERE integration_id = ? AND id = ?',  # noqa: S608 - names are checked
        [(integration_id, id) for id in deleted],
    )


def _finish(
    integration_id: str, table: Table, number: int, before: Mark, after: Mark, full: bool, database: sqlite3.Connection
) -> int:
    database.execute(
        "UPDATE kombo_marks SET since = ?, full_at = ?, lowered = CASE WHEN lowered IS ? THEN NULL ELSE lowered END "
        "WHERE integration_id = ? AND name = ?",
        [_text(after.since), _text(after.full_at), _text(before.lowered), integration_id, table.name],
    )
    if not full:
        return 0
    sql = f'DELETE FROM "{table.name}" WHERE integration_id = ? AND pass < ?'  # noqa: S608 - names are checked
    return database.execute(sql, [integration_id, number]).rowcount


def _lower(integration_id: str, since: datetime, database: sqlite3.Connection) -> None:
    sql = "UPDATE kombo_marks SET lowered = min(coalesce(lowered, ?1), ?1) WHERE integration_id = ?2"
    database.execute(sql, [_text(since), integration_id])


def _text(time: datetime | None) -> str | None:
    """Times as text of one form, which sorts as they do."""
    return None if time is None else time.astimezone(UTC).isoformat(timespec="milliseconds")


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
