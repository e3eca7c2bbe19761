"""Which tables a process keeps: those that work on one store at the same time must keep the same ones.

A turn brings all tables of an integration up to date. If a process knew only some of them, it would end turns for the
others, too, and what webhooks told would be lost to them; columns that it did not know would go stale.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from kombo_async.mirror._store import TablesDiffer
from kombo_async.mirror._table import Table


def table_set(tables: Sequence[Table]) -> str:
    """What distinguishes sets of tables, as a text: their names, what they ask for, and their columns."""
    return json.dumps(sorted([table.name, table.question, table.layout] for table in tables if table.keeps_records))


def differing(own: str, other: str) -> TablesDiffer:
    """The error for a process with the set *own* while one with the set *other* is running."""
    ours, theirs = ({name: rest for name, *rest in json.loads(each)} for each in (own, other))
    parts: list[str] = []
    if theirs.keys() - ours:
        parts.append(f"it also has {', '.join(sorted(theirs.keys() - ours))}")
    if ours.keys() - theirs:
        parts.append(f"it lacks {', '.join(sorted(ours.keys() - theirs))}")
    if changed := sorted(name for name in ours.keys() & theirs if ours[name] != theirs[name]):
        parts.append(f"other requests or columns of {', '.join(changed)}")
    return TablesDiffer(
        f"another process is keeping other tables in this store ({'; '.join(parts)}): "
        "give all mirrors of a store the same tables, or each a store of its own"
    )
