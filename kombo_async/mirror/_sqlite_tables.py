"""All tables of the SQLite store: each method is one transaction, run by a worker thread."""

from __future__ import annotations

from collections.abc import Sequence

from kombo_async.mirror._diff import Difference
from kombo_async.mirror._sqlite_syncs import SqliteSyncs
from kombo_async.mirror._table import Table
from kombo_async.mirror._table_sets import table_set

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
CREATE TABLE IF NOT EXISTS kombo_removed (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kombo_fence (highest INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS kombo_clock (time REAL NOT NULL);
CREATE TABLE IF NOT EXISTS kombo_processes (owner TEXT PRIMARY KEY, tables TEXT NOT NULL, lease_until REAL NOT NULL);
CREATE TABLE IF NOT EXISTS kombo_watermarks (
    integration_id TEXT NOT NULL, name TEXT NOT NULL, question TEXT NOT NULL, since TEXT, rewind TEXT, full_at TEXT,
    full_wanted INTEGER NOT NULL DEFAULT 0, missing_at TEXT, PRIMARY KEY (integration_id, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kombo_layouts (name TEXT PRIMARY KEY, layout TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kombo_seen (
    integration_id TEXT NOT NULL, name TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (integration_id, name, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kombo_stale (
    integration_id TEXT NOT NULL, name TEXT NOT NULL, path TEXT NOT NULL, id TEXT NOT NULL, noted_at TEXT,
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


class SqliteTables(SqliteSyncs):
    """All operations of the store, over one connection."""

    def open(self, tables: Sequence[Table], changes: bool) -> None:
        """See `Store.open`."""
        self._tables, self._keeps_changes = tuple(tables), changes
        self._table_set = table_set(tables)
        for statement in _OWN.split(";"):
            self._db.execute(statement)
        version = self._one("SELECT max(version) FROM kombo_format")
        if version is None:
            self._db.execute("INSERT INTO kombo_format VALUES (?)", [FORMAT])
            self._db.execute("INSERT INTO kombo_fence VALUES (0)")
            self._db.execute("INSERT INTO kombo_clock VALUES (?)", [self._now()])
        elif version != FORMAT:
            raise RuntimeError(f"this file has version {version} of the mirror's tables, but {FORMAT} is needed")
        self.keep_time()
        for table in tables:
            key = "integration_id TEXT NOT NULL, id TEXT NOT NULL, data TEXT NOT NULL, kombo_digest BLOB NOT NULL"
            self._create(table.name, f"{key}, PRIMARY KEY (integration_id, id)", table.typed_columns)
            for nested, columns in table.typed_nested:
                key = "integration_id TEXT NOT NULL, parent_id TEXT NOT NULL, position INTEGER NOT NULL, data TEXT"
                self._create(nested.name, f"{key}, PRIMARY KEY (integration_id, parent_id, position)", columns)

    def remove(self, integration_id: str) -> None:
        """See `Store.remove`."""
        self._db.execute("DELETE FROM kombo_integrations WHERE id = ?", [integration_id])
        self._db.execute("INSERT OR IGNORE INTO kombo_removed VALUES (?)", [integration_id])
        for name in ("kombo_watermarks", "kombo_seen", "kombo_stale"):
            self._db.execute(f"DELETE FROM {name} WHERE integration_id = ?", [integration_id])
        for table in self._tables:
            ids = [
                row[0] for row in self._all(f'SELECT id FROM "{table.name}" WHERE integration_id = ?', integration_id)
            ]
            self._delete(integration_id, table, ids)
            self._log(integration_id, table, [Difference(id, "deleted") for id in ids])
