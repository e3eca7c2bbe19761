"""Integrations in the SQLite store: which are due, and who has the turn."""

from __future__ import annotations

from collections.abc import Mapping

from kombo_async.mirror._clock_steps import STEP, TIMES
from kombo_async.mirror._models import merged_models, told_models
from kombo_async.mirror._sqlite_connection import from_text
from kombo_async.mirror._sqlite_rows import SqliteRows
from kombo_async.mirror._store import Ending, Lane, LeaseLost, StoredIntegration, Turn
from kombo_async.mirror._table_sets import differing


class SqliteTurns(SqliteRows):
    """The table of integrations, with leases and fencing tokens."""

    def add(self, integration_id: str, category: str | None, again: bool) -> None:
        """See `Store.add`."""
        if again:
            self._db.execute("DELETE FROM kombo_removed WHERE id = ?", [integration_id])
        elif self._all("SELECT 1 FROM kombo_removed WHERE id = ?", integration_id):
            return
        self._db.execute(
            "INSERT INTO kombo_integrations (id, category, lane, due_at) VALUES (?, ?, 'long', ?) "
            "ON CONFLICT DO UPDATE SET category = coalesce(excluded.category, category)",
            [integration_id, category, self._now()],
        )

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
                full_at=from_text(full_at),
            )
            for id, lane, due_at, told_at, looked_at, failures, error, owner, full_at in rows
        ]

    def tell(self, integration_id: str, models: frozenset[str] | None) -> None:
        """See `Store.tell`."""
        now = self._now()
        row = self._all("SELECT models, told_at FROM kombo_integrations WHERE id = ?", integration_id)
        if row:
            self._db.execute(
                "UPDATE kombo_integrations SET told = told + 1, told_at = coalesce(told_at, ?), models = ?, "
                "due_at = min(due_at, ?) WHERE id = ?",
                [now, merged_models(row[0][0], models), now, integration_id],
            )

    def tell_all(self, seconds: float) -> None:
        """See `Store.tell_all`."""
        now = self._now()
        sql = "UPDATE kombo_integrations SET due_at = min(due_at, ?) WHERE coalesce(looked_at, 0) <= ?"
        self._db.execute(sql, [now, now - seconds])

    def claim(self, owner: str, places: Mapping[Lane, int], seconds: float) -> list[Turn]:
        """See `Store.claim`."""
        now = self._now()
        self._join(owner, now, seconds)
        turns: list[Turn] = []
        for lane, count in places.items():
            rows = self._all(
                "SELECT id FROM kombo_integrations WHERE lane = ? AND due_at <= ? AND lease_until <= ? "
                "ORDER BY told_at IS NULL, told_at, due_at, id LIMIT ?",
                lane,
                now,
                now,
                count,
            )
            turns += [self._lease(owner, row[0], now + seconds) for row in rows]
        return turns

    def take(self, owner: str, integration_id: str, seconds: float) -> Turn | None:
        """See `Store.take`."""
        now = self._now()
        self._agree_on_tables(now)
        free = "SELECT 1 FROM kombo_integrations WHERE id = ? AND lease_until <= ?"
        return self._lease(owner, integration_id, now + seconds) if self._all(free, integration_id, now) else None

    def _join(self, owner: str, now: float, seconds: float) -> None:
        """Register a process as running. Raises `TablesDiffer` while one with other tables is."""
        if self._all("SELECT 1 FROM kombo_processes WHERE owner = ? AND lease_until > ?", owner, now):
            return
        self._agree_on_tables(now)
        self._db.execute("DELETE FROM kombo_processes WHERE lease_until <= ?", [now])
        if seconds > 0:
            sql = "INSERT OR REPLACE INTO kombo_processes VALUES (?, ?, ?)"
            self._db.execute(sql, [owner, self._table_set, now + seconds])

    def _agree_on_tables(self, now: float) -> None:
        """Raise `TablesDiffer` while a process with other tables is running, else fill columns that are new."""
        sql = "SELECT tables FROM kombo_processes WHERE tables <> ? AND lease_until > ?"
        others = self._all(sql, self._table_set, now)
        if others:
            raise differing(self._table_set, others[0][0])
        before = dict(self._all("SELECT name, layout FROM kombo_layouts"))
        if any(before.get(table.name) != table.layout for table in self._tables):
            # Processes that kept other columns may write no more, also if they were only paused.
            fence = self._one("UPDATE kombo_fence SET highest = highest + 1 RETURNING highest")
            sql = "UPDATE kombo_integrations SET owner = NULL, lease_until = 0, fence = ? WHERE owner IS NOT NULL"
            self._db.execute(sql, [fence])
            self._fill()

    def _lease(self, owner: str, integration_id: str, until: float) -> Turn:
        # One counter for all integrations: one that is removed and added again never gets an old token.
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
        self.keep_time()
        now = self._now()
        until = now + seconds
        if seconds > 0:
            sql = "UPDATE kombo_processes SET lease_until = ? WHERE owner = ? AND lease_until > ?"
            self._db.execute(sql, [until, owner, now])
        else:
            self._db.execute("DELETE FROM kombo_processes WHERE owner = ?", [owner])
        sql = "UPDATE kombo_integrations SET lease_until = ? WHERE owner = ? RETURNING id, fence"
        return {row[0]: row[1] for row in self._all(sql, until, owner)}

    def keep_time(self) -> None:
        """Note the time. If the machine's clock was set back since the last note, move all stored times back, too."""
        now = self._now()
        back = self._one("SELECT time FROM kombo_clock") - now
        if back > STEP:
            for name, columns in TIMES.items():
                changes = ", ".join(f"{column} = max(0, {column} - :back)" for column in columns)
                self._db.execute(f"UPDATE kombo_{name} SET {changes}", {"back": back})
        self._db.execute("UPDATE kombo_clock SET time = ?", [now])

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

    def _check(self, turn: Turn) -> int:
        sql = "SELECT told FROM kombo_integrations WHERE id = ? AND fence = ?"
        row = self._all(sql, turn.integration_id, turn.fence)
        if not row:
            raise LeaseLost(f"{turn.integration_id} was taken over by another process, or removed")
        told: int = row[0][0]
        return told
