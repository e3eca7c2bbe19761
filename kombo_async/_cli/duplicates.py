"""Find duplicate rows in an input."""

from __future__ import annotations

import hashlib
import sqlite3
from typing import Any

from kombo_async._cli.faults import RowFault
from kombo_async._cli.rows import ParsedRow
from kombo_async.bulk import default_reconcilers, digest

_RECONCILERS: dict[Any, Any] = {**default_reconcilers()}
"""By request class: finds the person a request is about."""


class DuplicateFilter:
    """Detects duplicate rows: the same key, request, or person for the same job.

    Seen rows are kept in a temporary database on disk: a million rows need no memory.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("BEGIN")
        self._database.execute("CREATE TABLE seen (digest BLOB PRIMARY KEY, row INTEGER) WITHOUT ROWID")

    def fault(self, row: ParsedRow) -> RowFault | None:
        """The fault of *row* if an earlier row is the same."""
        if row.request is None:
            return None
        identity = hashlib.blake2b(_identity(row).encode("utf-8", "surrogatepass"), digest_size=16).digest()
        added = self._database.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (identity, row.number))
        if added.rowcount == 1:
            return None
        (first,) = self._database.execute("SELECT row FROM seen WHERE digest = ?", (identity,)).fetchone()
        return RowFault("duplicate", f"is the same as row {first}")

    def close(self) -> None:
        """Delete the database."""
        self._database.close()


def _identity(row: ParsedRow) -> str:
    if row.key is not None:
        return f"key {row.integration_id} {row.key}"
    request: Any = row.request
    reconciler = _RECONCILERS.get(request.__class__)
    identity = None if reconciler is None else reconciler.identity(request)
    if identity is None:
        return digest(request, row.integration_id)
    return repr((row.integration_id, identity.kind, identity.parts))
