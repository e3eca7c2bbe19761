"""Which tables a process keeps: those that work on one store at the same time must keep the same ones.

A turn brings all tables of an integration up to date. If a process knew only some of them, it would end turns for the
others, too, and what webhooks told would be lost to them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from kombo_async.mirror._store import TablesDiffer
from kombo_async.mirror._table import Table


def table_set(tables: Sequence[Table]) -> str:
    """What distinguishes sets of tables, as a text: their names and what they ask for."""
    return json.dumps(sorted([table.name, table.question] for table in tables if table.keeps_records))


def differing(own: str, other: str) -> TablesDiffer:
    """The error for a process with the set *own* while one with the set *other* is running."""
    ours, theirs = ({name for name, _ in json.loads(each)} for each in (own, other))
    parts: list[str] = []
    if theirs - ours:
        parts.append(f"it also has {', '.join(sorted(theirs - ours))}")
    if ours - theirs:
        parts.append(f"it lacks {', '.join(sorted(ours - theirs))}")
    if not parts:
        parts.append("the same tables have other requests")
    return TablesDiffer(
        f"another process is keeping other tables in this store ({'; '.join(parts)}): "
        "give all mirrors of a store the same tables, or each a store of its own"
    )
