"""The change log in the SQLite store, and its subscribers' positions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from kombo_async.mirror._diff import Difference
from kombo_async.mirror._sqlite_connection import SqliteConnection
from kombo_async.mirror._store import Change, LeaseLost
from kombo_async.mirror._table import Table


class SqliteChanges(SqliteConnection):
    """The change log."""

    def subscribe(self, subscriber: str, owner: str, seconds: float) -> int | None:
        """See `Store.subscribe`."""
        now = self._now()
        self._db.execute("INSERT OR IGNORE INTO kombo_subscribers VALUES (?, 0, NULL, 0)", [subscriber])
        sql = (
            "UPDATE kombo_subscribers SET owner = ?, lease_until = ? WHERE name = ? "
            "AND (owner = ? OR lease_until <= ?) RETURNING position"
        )
        rows = self._all(sql, owner, now + seconds, subscriber, owner, now)
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
            raise LeaseLost(f"another process is already reading the changes for {subscriber!r}")

    def prune(self, seconds: float) -> None:
        """See `Store.prune`."""
        self._db.execute(
            "DELETE FROM kombo_changes WHERE at <= ? OR position <= (SELECT min(position) FROM kombo_subscribers)",
            [self._now() - seconds],
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
