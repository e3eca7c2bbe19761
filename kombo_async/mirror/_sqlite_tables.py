"""The SQL of the SQLite store: each method is one transaction, run by a worker thread."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from kombo_async.mirror._columns import Column
from kombo_async.mirror._diff import Difference, difference
from kombo_async.mirror._models import merged_models, told_models
from kombo_async.mirror._records import Record
from kombo_async.mirror._store import (
    BlindSpot,
    Change,
    Ending,
    Lane,
    LeaseLost,
    Stale,
    StoredIntegration,
    Turn,
    Watermark,
    Written,
)
from kombo_async.mirror._table import Table

FORMAT = 1
"""The version of the mirror's own tables."""

_OWN = """
CREATE TABLE IF NOT EXISTS kombo_format (version INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS kombo_integrations (
    id TEXT PRIMARY KEY, category TEXT, lane TEXT NOT NULL, due_at REAL NOT NULL, told INTEGER NOT NULL DEFAULT 0,
    told_at REAL, models TEXT NOT NULL DEFAULT '[]', looked_at REAL, failures INTEGER NOT NULL DEFAULT 0, error TEXT,
    owner TEXT, lease_until REAL NOT NULL DEFAULT 0, fence INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS kombo_integrations_due ON kombo_integrations (lane, due_at);
CREATE TABLE IF NOT EXISTS kombo_fence (highest INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS kombo_watermarks (
    integration_id TEXT NOT NULL, name TEXT NOT NULL, question TEXT NOT NULL, since TEXT, rewind TEXT, full_at TEXT,
    full_wanted INTEGER NOT NULL DEFAULT 0, missing_at TEXT, PRIMARY KEY (integration_id, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kombo_seen (
    integration_id TEXT NOT NULL, name TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (integration_id, name, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kombo_stale (
    integration_id TEXT NOT NULL, name TEXT NOT NULL, path TEXT NOT NULL, id TEXT NOT NULL, noted_at REAL NOT NULL,
    read INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (integration_id, name, path, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kombo_changes (
    position INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, name TEXT NOT NULL, integration_id TEXT NOT NULL,
    id TEXT NOT NULL, kind TEXT NOT NULL, fields TEXT NOT NULL, before TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS kombo_subscribers (
    name TEXT PRIMARY KEY, position INTEGER NOT NULL, owner TEXT, lease_until REAL NOT NULL
)
"""
_TYPES = {"text": "TEXT", "timestamptz": "TEXT", "date": "TEXT", "numeric": "NUMERIC", "boolean": "INTEGER"}


class SqliteTables:
    """All that the store does, over one connection, by the clock *now*."""

    def __init__(self, path: str, now: Callable[[], float]) -> None:
        if path != ":memory:" and not os.path.exists(path):
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # people's data: for the owner alone
        self._db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._now = now
        self._tables: tuple[Table, ...] = ()
        self._keeps_changes = False

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def transaction(self, work: Callable[..., Any], *args: Any) -> Any:
        """Run *work* in a transaction."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            result = work(*args)
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        return result

    def open(self, tables: Sequence[Table], changes: bool) -> None:
        """See `Store.open`."""
        self._tables, self._keeps_changes = tuple(tables), changes
        for statement in _OWN.split(";"):
            self._db.execute(statement)
        version = self._one("SELECT max(version) FROM kombo_format")
        if version is None:
            self._db.execute("INSERT INTO kombo_format VALUES (?)", [FORMAT])
            self._db.execute("INSERT INTO kombo_fence VALUES (0)")
        elif version != FORMAT:
            raise RuntimeError(f"this file has version {version} of the mirror's tables, but {FORMAT} is needed")
        for table in tables:
            key = "integration_id TEXT NOT NULL, id TEXT NOT NULL, data TEXT NOT NULL, kombo_digest BLOB NOT NULL"
            self._create(table.name, f"{key}, PRIMARY KEY (integration_id, id)", table.typed_columns)
            for nested, columns in table.typed_nested:
                key = "integration_id TEXT NOT NULL, parent_id TEXT NOT NULL, position INTEGER NOT NULL, data TEXT"
                self._create(nested.name, f"{key}, PRIMARY KEY (integration_id, parent_id, position)", columns)
            self._fill_nested(table)

    # integrations

    def add(self, integration_id: str, category: str | None) -> None:
        """See `Store.add`."""
        self._db.execute(
            "INSERT INTO kombo_integrations (id, category, lane, due_at) VALUES (?, ?, 'long', ?) "
            "ON CONFLICT DO UPDATE SET category = coalesce(excluded.category, category)",
            [integration_id, category, self._now()],
        )

    def remove(self, integration_id: str) -> None:
        """See `Store.remove`."""
        self._db.execute("DELETE FROM kombo_integrations WHERE id = ?", [integration_id])
        for name in ("kombo_watermarks", "kombo_seen", "kombo_stale"):
            self._db.execute(f"DELETE FROM {name} WHERE integration_id = ?", [integration_id])
        for table in self._tables:
            ids = [
                row[0] for row in self._all(f'SELECT id FROM "{table.name}" WHERE integration_id = ?', integration_id)
            ]
            self._delete(integration_id, table, ids)
            self._log(integration_id, table, [Difference(id, "deleted") for id in ids])

    def integrations(self) -> list[StoredIntegration]:
        """See `Store.integrations`."""
        now = self._now()
        rows = self._all(
            "SELECT i.id, lane, due_at, told_at, looked_at, failures, error, CASE WHEN lease_until > ? THEN owner END, "
            "CASE WHEN count(w.full_at) = count(*) THEN min(w.full_at) END FROM kombo_integrations i "
            "LEFT JOIN kombo_watermarks w ON w.integration_id = i.id AND w.missing_at IS NULL "
            "AND w.name NOT LIKE 'kombo\\_%' ESCAPE '\\' GROUP BY i.id ORDER BY i.id",
            now,
        )
        return [
            StoredIntegration(
                integration_id=id,
                lane=lane,
                due_at=due_at,
                told_at=told_at,
                looked_at=looked_at,
                failures=failures,
                error=error,
                held_by=owner,
                now=now,
                full_at=_time(full_at),
            )
            for id, lane, due_at, told_at, looked_at, failures, error, owner, full_at in rows
        ]

    def tell(self, integration_id: str, models: frozenset[str] | None) -> None:
        """See `Store.tell`."""
        row = self._all("SELECT models, told_at FROM kombo_integrations WHERE id = ?", integration_id)
        if row:
            self._db.execute(
                "UPDATE kombo_integrations SET told = told + 1, told_at = coalesce(told_at, ?1), models = ?2, "
                "due_at = min(due_at, ?1) WHERE id = ?3",
                [self._now(), merged_models(row[0][0], models), integration_id],
            )

    def tell_all(self, seconds: float) -> None:
        """See `Store.tell_all`."""
        now = self._now()
        sql = "UPDATE kombo_integrations SET due_at = min(due_at, ?) WHERE coalesce(looked_at, 0) <= ?"
        self._db.execute(sql, [now, now - seconds])

    def rewind(self, integration_id: str, since: datetime) -> None:
        """See `Store.rewind`."""
        sql = "UPDATE kombo_watermarks SET rewind = min(coalesce(rewind, ?1), ?1) WHERE integration_id = ?2"
        self._db.execute(sql, [_text(since), integration_id])

    # turns

    def claim(self, owner: str, places: Mapping[Lane, int], seconds: float) -> list[Turn]:
        """See `Store.claim`."""
        now = self._now()
        turns: list[Turn] = []
        for lane, count in places.items():
            rows = self._all(
                "SELECT id FROM kombo_integrations WHERE lane = ?1 AND due_at <= ?2 AND lease_until <= ?2 "
                "ORDER BY told_at IS NULL, told_at, due_at, id LIMIT ?3",
                lane,
                now,
                count,
            )
            turns += [self._lease(owner, row[0], now + seconds) for row in rows]
        return turns

    def take(self, owner: str, integration_id: str, seconds: float) -> Turn | None:
        """See `Store.take`."""
        now = self._now()
        free = "SELECT 1 FROM kombo_integrations WHERE id = ? AND lease_until <= ?"
        return self._lease(owner, integration_id, now + seconds) if self._all(free, integration_id, now) else None

    def _lease(self, owner: str, integration_id: str, until: float) -> Turn:
        # One number for all integrations: one that is removed and added again never has an old fence.
        fence = self._one("UPDATE kombo_fence SET highest = highest + 1 RETURNING highest")
        row = self._all(
            "UPDATE kombo_integrations SET owner = ?, lease_until = ?, fence = ? WHERE id = ? "
            "RETURNING lane, told, told_at, models, failures, category",
            owner,
            until,
            fence,
            integration_id,
        )[0]
        return Turn(
            integration_id=integration_id,
            fence=fence,
            lane=row[0],
            told=row[1],
            is_told=row[2] is not None,
            models=told_models(row[3]),
            failures=row[4],
            category=row[5],
        )

    def renew(self, owner: str, seconds: float) -> Mapping[str, int]:
        """See `Store.renew`."""
        until = self._now() + seconds
        sql = "UPDATE kombo_integrations SET lease_until = ? WHERE owner = ? RETURNING id, fence"
        return {row[0]: row[1] for row in self._all(sql, until, owner)}

    def release(self, turn: Turn, ending: Ending) -> None:
        """See `Store.release`."""
        now = self._now()
        self._db.execute(
            """
            UPDATE kombo_integrations SET owner = NULL, lease_until = 0, lane = :lane, failures = :failures,
                error = :error, due_at = CASE WHEN told > :told THEN :now ELSE :now + :next_in END,
                told_at = CASE WHEN :ok AND told = :told THEN NULL WHEN :ok THEN :now ELSE told_at END,
                models = CASE WHEN :ok AND told = :told THEN '[]' ELSE models END,
                looked_at = CASE WHEN :ok THEN :now ELSE looked_at END
            WHERE id = :id AND fence = :fence
            """,
            {
                "lane": ending.lane,
                "failures": ending.failures,
                "error": ending.error,
                "next_in": ending.next_in,
                "ok": ending.succeeded,
                "told": turn.told,
                "now": now,
                "id": turn.integration_id,
                "fence": turn.fence,
            },
        )

    # syncs

    def watermarks(self, integration_id: str) -> Mapping[str, Watermark]:
        """See `Store.watermarks`."""
        columns = "name, since, rewind, full_at, full_wanted, missing_at"
        sql = f"SELECT {columns} FROM kombo_watermarks WHERE integration_id = ?"
        return {row[0]: _watermark(row[1:]) for row in self._all(sql, integration_id)}

    def begin(self, turn: Turn, table: Table, full: bool) -> Watermark:
        """See `Store.begin`."""
        self._check(turn)
        key = [turn.integration_id, table.name]
        if full:
            self._db.execute("DELETE FROM kombo_seen WHERE integration_id = ? AND name = ?", key)
        self._db.execute(
            "DELETE FROM kombo_watermarks WHERE integration_id = ? AND name = ? AND question <> ?",
            [*key, table.question],
        )
        self._db.execute(
            "INSERT INTO kombo_watermarks (integration_id, name, question) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            [*key, table.question],
        )
        return self.watermarks(turn.integration_id)[table.name]

    def write(
        self,
        turn: Turn,
        table: Table,
        records: Sequence[Record],
        deleted: Sequence[str],
        full: bool,
        blind_spots: Sequence[BlindSpot],
    ) -> Written:
        """See `Store.write`."""
        told = self._check(turn)
        integration_id = turn.integration_id
        data = "data" if self._keeps_changes and table.keeps_records else "NULL"
        there: dict[str, tuple[bytes, str | None]] = {
            row[0]: (row[1], row[2])
            for row in self._all(
                f'SELECT id, kombo_digest, {data} FROM "{table.name}" WHERE integration_id = ? '
                "AND id IN (SELECT value FROM json_each(?))",
                integration_id,
                json.dumps([*(each.id for each in records), *deleted]),
            )
        }
        gone = [id for id in deleted if id in there]
        new = [each for each in records if each.id not in there]
        changed = [each for each in records if each.id in there and there[each.id][0] != each.digest]
        self._put(integration_id, table, new, changed)
        self._delete(integration_id, table, gone)
        if full:
            self._db.executemany(
                "INSERT OR IGNORE INTO kombo_seen VALUES (?, ?, ?)",
                [(integration_id, table.name, each.id) for each in records],
            )
        touched = [*(each.id for each in new), *(each.id for each in changed), *gone]
        for spot in blind_spots:
            self._note_stale(integration_id, spot, touched)
        if self._keeps_changes and table.keeps_records:
            differences = [Difference(each.id, "inserted") for each in new]
            differences += [difference(each.fit(), there[each.id][1]) for each in changed]
            self._log(integration_id, table, [*differences, *(Difference(id, "deleted") for id in gone)])
        return Written(inserted=len(new), changed=len(changed), deleted=len(gone), told=told)

    def unseen(self, turn: Turn, table: Table, after: str, limit: int) -> list[str]:
        """See `Store.unseen`."""
        self._check(turn)
        rows = self._all(
            f'SELECT id FROM "{table.name}" AS t WHERE integration_id = ?1 AND id > ?2 AND NOT EXISTS (SELECT 1 '
            "FROM kombo_seen s WHERE s.integration_id = ?1 AND s.name = ?3 AND s.id = t.id) ORDER BY id LIMIT ?4",
            turn.integration_id,
            after,
            table.name,
            limit,
        )
        return [row[0] for row in rows]

    def finish(self, turn: Turn, table: Table, before: Watermark, after: Watermark, full: bool) -> None:
        """See `Store.finish`."""
        self._check(turn)
        key = [turn.integration_id, table.name]
        self._db.execute(
            "UPDATE kombo_watermarks SET since = ?, full_at = ?, full_wanted = ?, missing_at = ?, "
            "rewind = CASE WHEN rewind IS ? THEN NULL ELSE rewind END WHERE integration_id = ? AND name = ?",
            [
                _text(after.since),
                _text(after.full_at),
                after.full_wanted,
                _text(after.missing_at),
                _text(before.rewind),
                *key,
            ],
        )
        if full:
            self._db.execute("DELETE FROM kombo_seen WHERE integration_id = ? AND name = ?", key)

    # what updated_after does not see

    def want_full(self, turn: Turn, name: str) -> None:
        """See `Store.want_full`."""
        self._check(turn)
        sql = "UPDATE kombo_watermarks SET full_wanted = 1 WHERE integration_id = ? AND name = ?"
        self._db.execute(sql, [turn.integration_id, name])

    def stale(self, turn: Turn, table: Table, limit: int) -> list[Stale]:
        """See `Store.stale`."""
        now = self._now()
        sql = "SELECT path, id, noted_at, read FROM kombo_stale WHERE integration_id = ? AND name = ? ORDER BY read"
        return [
            Stale(path=row[0], id=row[1], noted_at=row[2], age=now - row[2], read=bool(row[3]))
            for row in self._all(f"{sql} LIMIT ?", turn.integration_id, table.name, limit)
        ]

    def nesting(self, turn: Turn, table: Table, path: str, ids: Sequence[str], limit: int) -> list[str]:
        """See `Store.nesting`."""
        rows = self._all(
            f'SELECT id FROM "{table.name}" WHERE integration_id = ?1 AND CASE json_type(data, ?2) '
            "WHEN 'object' THEN json_extract(data, ?2 || '.id') IN (SELECT value FROM json_each(?3)) "
            "WHEN 'array' THEN EXISTS (SELECT 1 FROM json_each(data, ?2) AS item WHERE item.type = 'object' AND "
            "json_extract(item.value, '$.id') IN (SELECT value FROM json_each(?3))) ELSE 0 END ORDER BY id LIMIT ?4",
            turn.integration_id,
            f"$.{path}",
            json.dumps(list(ids)),
            limit,
        )
        return [row[0] for row in rows]

    def settle(self, turn: Turn, table: Table, stale: Sequence[Stale], done: bool) -> None:
        """See `Store.settle`."""
        self._check(turn)
        sql = "DELETE FROM kombo_stale" if done else "UPDATE kombo_stale SET read = 1"
        self._db.executemany(
            f"{sql} WHERE integration_id = ? AND name = ? AND path = ? AND id = ? AND noted_at = ?",
            [(turn.integration_id, table.name, each.path, each.id, each.noted_at) for each in stale],
        )

    # the log of changes

    def subscribe(self, subscriber: str, owner: str, seconds: float) -> int | None:
        """See `Store.subscribe`."""
        now = self._now()
        self._db.execute("INSERT OR IGNORE INTO kombo_subscribers VALUES (?, 0, NULL, 0)", [subscriber])
        sql = (
            "UPDATE kombo_subscribers SET owner = ?1, lease_until = ?2 WHERE name = ?3 "
            "AND (owner = ?1 OR lease_until <= ?4) RETURNING position"
        )
        rows = self._all(sql, owner, now + seconds, subscriber, now)
        return rows[0][0] if rows else None

    def changes(self, after: int, limit: int) -> list[Change]:
        """See `Store.changes`."""
        sql = (
            "SELECT position, name, integration_id, id, kind, fields, before, at FROM kombo_changes "
            "WHERE position > ? ORDER BY position LIMIT ?"
        )
        return [self._change(row) for row in self._all(sql, after, limit)]

    def _change(self, row: Sequence[Any]) -> Change:
        position, name, integration_id, id, kind, fields, before, at = row
        found: list[Any] = []
        if any(table.name == name for table in self._tables):
            sql = f'SELECT data FROM "{name}" WHERE integration_id = ? AND id = ?'
            found = self._all(sql, integration_id, id)
        return Change(
            position=position,
            table=name,
            integration_id=integration_id,
            id=id,
            kind=kind,
            fields=tuple(json.loads(fields)),
            before=json.loads(before),
            record=json.loads(found[0][0]) if found else None,
            at=datetime.fromtimestamp(at, UTC),
        )

    def acknowledge(self, subscriber: str, owner: str, position: int) -> None:
        """See `Store.acknowledge`."""
        sql = "UPDATE kombo_subscribers SET position = ? WHERE name = ? AND owner = ? RETURNING 1"
        if not self._all(sql, position, subscriber, owner):
            raise LeaseLost(f"another process reads the changes for {subscriber!r}")

    def prune(self, seconds: float) -> None:
        """See `Store.prune`."""
        self._db.execute(
            "DELETE FROM kombo_changes WHERE at <= ? OR position <= (SELECT min(position) FROM kombo_subscribers)",
            [self._now() - seconds],
        )

    # parts

    def _all(self, sql: str, *values: Any) -> list[Any]:
        return self._db.execute(sql, values).fetchall()

    def _one(self, sql: str) -> Any:
        return self._db.execute(sql).fetchone()[0]

    def _check(self, turn: Turn) -> int:
        sql = "SELECT told FROM kombo_integrations WHERE id = ? AND fence = ?"
        row = self._all(sql, turn.integration_id, turn.fence)
        if not row:
            raise LeaseLost(f"another process has taken {turn.integration_id} over, or it was removed")
        told: int = row[0][0]
        return told

    def _create(self, name: str, columns: str, typed: Sequence[Column]) -> None:
        self._db.execute(f'CREATE TABLE IF NOT EXISTS "{name}" ({columns})')
        there = {row[1] for row in self._all(f'PRAGMA table_xinfo("{name}")')}
        if "data" not in there or "integration_id" not in there:
            raise RuntimeError(f"{name}: there is a table of this name which is not the mirror's; choose another name")
        added = [column for column in typed if column.name not in there]
        for column in added:
            self._db.execute(
                f'ALTER TABLE "{name}" ADD COLUMN {_quoted(column.name)} {_TYPES.get(column.type, "TEXT")}'
            )
        for column in typed:
            if column.type != "jsonb":
                index = _quoted(f"{name}.{column.name}")
                self._db.execute(f'CREATE INDEX IF NOT EXISTS {index} ON "{name}" ({_quoted(column.name)})')
        if added:
            self._fill(name, added)

    def _fill(self, name: str, columns: Sequence[Column]) -> None:
        """Fill columns that are new from the records that are there."""
        names = ", ".join(f"{_quoted(column.name)} = ?" for column in columns)
        after = 0
        while rows := self._all(f'SELECT rowid, data FROM "{name}" WHERE rowid > ? ORDER BY rowid LIMIT 1000', after):
            after = rows[-1][0]
            values = [(*_values(columns, json.loads(data)), rowid) for rowid, data in rows]
            self._db.executemany(f'UPDATE "{name}" SET {names} WHERE rowid = ?', values)

    def _fill_nested(self, table: Table) -> None:
        """Fill tables of nested lists that are new from the records that are there."""
        for nested, columns in table.typed_nested:
            if self._all(f'SELECT 1 FROM "{nested.name}" LIMIT 1'):
                continue
            after = 0
            sql = (
                f'SELECT rowid, integration_id, id, data FROM "{table.name}" WHERE rowid > ? ORDER BY rowid LIMIT 1000'
            )
            while rows := self._all(sql, after):
                after = rows[-1][0]
                for _, integration_id, id, data in rows:
                    self._put_items(nested.name, columns, integration_id, id, nested.rows(json.loads(data)))

    def _put(self, integration_id: str, table: Table, new: Sequence[Record], changed: Sequence[Record]) -> None:
        columns = [
            "integration_id",
            "id",
            "data",
            "kombo_digest",
            *(_quoted(each.name) for each in table.typed_columns),
        ]
        updates = ", ".join(f"{name} = excluded.{name}" for name in columns[2:])
        self._db.executemany(
            f'INSERT INTO "{table.name}" ({", ".join(columns)}) VALUES ({", ".join("?" * len(columns))}) '
            f"ON CONFLICT (integration_id, id) DO UPDATE SET {updates}",
            [(integration_id, each.id, *_row(table, each, each.fit())) for each in (*new, *changed)],
        )
        for nested, columns_ in table.typed_nested:
            self._delete_items(nested.name, integration_id, [each.id for each in changed])
            for each in (*new, *changed):
                self._put_items(nested.name, columns_, integration_id, each.id, nested.rows(each.fit().plain))

    def _put_items(
        self,
        name: str,
        columns: Sequence[Column],
        integration_id: str,
        parent_id: str,
        items: Iterable[tuple[int, Any]],
    ) -> None:
        names = ["integration_id", "parent_id", "position", "data", *(_quoted(each.name) for each in columns)]
        rows = [
            (integration_id, parent_id, position, json.dumps(item, ensure_ascii=False), *_values(columns, item))
            for position, item in items
        ]
        sql = f'INSERT INTO "{name}" ({", ".join(names)}) VALUES ({", ".join("?" * len(names))})'
        self._db.executemany(sql, rows)

    def _delete(self, integration_id: str, table: Table, ids: Sequence[str]) -> None:
        sql = f'DELETE FROM "{table.name}" WHERE integration_id = ? AND id = ?'
        self._db.executemany(sql, [(integration_id, id) for id in ids])
        for nested in table.nested:
            self._delete_items(nested.name, integration_id, ids)

    def _delete_items(self, name: str, integration_id: str, parent_ids: Sequence[str]) -> None:
        sql = f'DELETE FROM "{name}" WHERE integration_id = ? AND parent_id = ?'
        self._db.executemany(sql, [(integration_id, id) for id in parent_ids])

    def _note_stale(self, integration_id: str, spot: BlindSpot, ids: Sequence[str]) -> None:
        now = self._now()
        self._db.executemany(
            "INSERT INTO kombo_stale VALUES (?, ?, ?, ?, ?, 0) "
            "ON CONFLICT DO UPDATE SET noted_at = excluded.noted_at, read = 0",
            [(integration_id, spot.table, spot.path, id, now) for id in ids],
        )

    def _log(self, integration_id: str, table: Table, differences: Sequence[Difference]) -> None:
        if not self._keeps_changes or not table.keeps_records:
            return
        now = self._now()
        self._db.executemany(
            "INSERT INTO kombo_changes (at, name, integration_id, id, kind, fields, before) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (now, table.name, integration_id, each.id, each.kind, json.dumps(each.fields), json.dumps(each.before))
                for each in differences
                if each.matters
            ],
        )


def _row(table: Table, record: Record, fit: Record) -> tuple[Any, ...]:
    if not table.keeps_records:
        return ("{}", record.digest)
    values = _values(table.typed_columns, fit.plain) if table.typed_columns else []
    return (fit.json, record.digest, *values)


def _values(columns: Sequence[Column], record: Any) -> list[Any]:
    return [_adapted(column.value(record)) for column in columns]


def _adapted(value: Any) -> Any:
    if isinstance(value, datetime):
        return _text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and abs(value) < 2**63 else float(value)
    return value


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _watermark(row: Sequence[Any]) -> Watermark:
    since, rewind, full_at, full_wanted, missing_at = row
    return Watermark(
        since=_time(since),
        rewind=_time(rewind),
        full_at=_time(full_at),
        full_wanted=bool(full_wanted),
        missing_at=_time(missing_at),
    )


def _text(time: datetime | None) -> str | None:
    """Times as text of one form, which sorts as they do."""
    if time is None:
        return None
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
