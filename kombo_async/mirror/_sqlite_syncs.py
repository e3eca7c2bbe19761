"""Syncs in the SQLite store: watermarks, writes, unseen and stale records."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from kombo_async.mirror._diff import Difference, difference
from kombo_async.mirror._records import Record
from kombo_async.mirror._sqlite_changes import SqliteChanges
from kombo_async.mirror._sqlite_connection import from_text, to_text
from kombo_async.mirror._sqlite_turns import SqliteTurns
from kombo_async.mirror._store import BlindSpot, Stale, Turn, Watermark, Written
from kombo_async.mirror._table import Table


class SqliteSyncs(SqliteTurns, SqliteChanges):
    """What a sync writes during its turn."""

    def watermarks(self, integration_id: str) -> Mapping[str, Watermark]:
        """See `Store.watermarks`."""
        columns = "name, since, rewind, full_at, full_wanted, missing_at"
        sql = f"SELECT {columns} FROM kombo_watermarks WHERE integration_id = ?"
        return {row[0]: _watermark(row[1:]) for row in self._all(sql, integration_id)}

    def rewind(self, integration_id: str, since: datetime) -> None:
        """See `Store.rewind`."""
        sql = "UPDATE kombo_watermarks SET rewind = min(coalesce(rewind, ?), ?) WHERE integration_id = ?"
        self._db.execute(sql, [to_text(since), to_text(since), integration_id])

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
        noted_at: datetime | None,
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
        for spot in blind_spots:
            self._note_stale(integration_id, spot, [*(each.id for each in (*new, *changed)), *deleted], noted_at)
        if self._keeps_changes and table.keeps_records:
            differences = [Difference(each.id, "inserted") for each in new]
            differences += [difference(each.fit(), there[each.id][1]) for each in changed]
            self._log(integration_id, table, [*differences, *(Difference(id, "deleted") for id in gone)])
        return Written(inserted=len(new), changed=len(changed), deleted=len(gone), told=told)

    def unseen(self, turn: Turn, table: Table, after: str, limit: int) -> list[str]:
        """See `Store.unseen`."""
        self._check(turn)
        rows = self._all(
            f'SELECT id FROM "{table.name}" AS t WHERE integration_id = ? AND id > ? AND NOT EXISTS (SELECT 1 '
            "FROM kombo_seen s WHERE s.integration_id = ? AND s.name = ? AND s.id = t.id) ORDER BY id LIMIT ?",
            turn.integration_id,
            after,
            turn.integration_id,
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
                to_text(after.since),
                to_text(after.full_at),
                after.full_wanted,
                to_text(after.missing_at),
                to_text(before.rewind),
                *key,
            ],
        )
        if full:
            self._db.execute("DELETE FROM kombo_seen WHERE integration_id = ? AND name = ?", key)

    def want_full(self, turn: Turn, name: str) -> None:
        """See `Store.want_full`."""
        self._check(turn)
        sql = "UPDATE kombo_watermarks SET full_wanted = 1 WHERE integration_id = ? AND name = ?"
        self._db.execute(sql, [turn.integration_id, name])

    def stale(self, turn: Turn, table: Table, limit: int) -> list[Stale]:
        """See `Store.stale`."""
        sql = "SELECT path, id, noted_at, read FROM kombo_stale WHERE integration_id = ? AND name = ? ORDER BY read"
        return [
            Stale(path=row[0], id=row[1], noted_at=from_text(row[2]), read=bool(row[3]))
            for row in self._all(f"{sql} LIMIT ?", turn.integration_id, table.name, limit)
        ]

    def nesting(self, turn: Turn, table: Table, path: str, ids: Sequence[str], limit: int) -> list[str]:
        """See `Store.nesting`."""
        first, *rest = path.split(".")
        # SQLite writes list positions as indexes, and quotes names with an underscore: $.applications[0]."job_x"
        steps = "".join(f".{step}*" for step in rest)
        rows = self._all(
            f'SELECT id FROM "{table.name}" WHERE integration_id = ? AND EXISTS (SELECT 1 FROM json_tree(data, ?) '
            "AS inner WHERE inner.key = 'id' AND replace(inner.path, '\"', '') GLOB ? "
            "AND inner.value IN (SELECT value FROM json_each(?))) ORDER BY id LIMIT ?",
            turn.integration_id,
            f"$.{first}",
            f"$.{first}*{steps}",
            json.dumps(list(ids)),
            limit,
        )
        return [row[0] for row in rows]

    def settle(self, turn: Turn, table: Table, stale: Sequence[Stale], done: bool) -> None:
        """See `Store.settle`."""
        self._check(turn)
        sql = "DELETE FROM kombo_stale" if done else "UPDATE kombo_stale SET read = 1"
        self._db.executemany(
            f"{sql} WHERE integration_id = ? AND name = ? AND path = ? AND id = ? AND noted_at IS ?",
            [(turn.integration_id, table.name, each.path, each.id, to_text(each.noted_at)) for each in stale],
        )

    def _note_stale(self, integration_id: str, spot: BlindSpot, ids: Sequence[str], at: datetime | None) -> None:
        self._db.executemany(
            "INSERT INTO kombo_stale VALUES (?, ?, ?, ?, ?, 0) "
            "ON CONFLICT DO UPDATE SET noted_at = excluded.noted_at, read = 0",
            [(integration_id, spot.table, spot.path, id, to_text(at)) for id in ids],
        )


def _watermark(row: Sequence[Any]) -> Watermark:
    since, rewind, full_at, full_wanted, missing_at = row
    return Watermark(
        since=from_text(since),
        rewind=from_text(rewind),
        full_at=from_text(full_at),
        full_wanted=bool(full_wanted),
        missing_at=from_text(missing_at),
    )
