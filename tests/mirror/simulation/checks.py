"""What must hold at the end of a history."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kombo_async.mirror import Table
from tests.mirror.simulation.places import Place
from tests.mirror.simulation.system import LISTS, System


def violations(place: Place, tables: Sequence[Table], systems: Mapping[str, System]) -> list[str]:
    """What does not hold: every table equals a full read, and the log of changes tells how it came about."""
    found = [each for table in tables for each in _of_table(place, table, systems)]
    if stale := place.query("SELECT * FROM kombo_stale"):
        found.append(f"{len(stale)} records are still noted as stale, such as {stale[0]}")
    return found


def _of_table(place: Place, table: Table, systems: Mapping[str, System]) -> Iterator[str]:
    expected: dict[tuple[str, str], Any] = {
        (integration_id, record["id"]): record
        for integration_id, system in systems.items()
        for record in system.records(LISTS[f"/v1{table.path}"], system.now())
    }
    rows = place.query(f"SELECT integration_id, id, data FROM {table.name}")
    got = {(integration_id, id): json.loads(data) for integration_id, id, data in rows}
    for key in sorted(expected.keys() | got.keys()):
        if got.get(key) != expected.get(key):
            yield f"{table.name} {key} is {got.get(key)}, not {expected.get(key)}"
    told: set[tuple[str, str]] = set()
    sql = f"SELECT integration_id, id, kind FROM kombo_changes WHERE name = '{table.name}' ORDER BY position"
    for integration_id, id, kind in place.query(sql):
        if ((integration_id, id) in told) == (kind == "inserted"):
            yield f"{table.name} {id}: the log says {kind} out of turn"
        (told.discard if kind == "deleted" else told.add)((integration_id, id))
    if told != set(got):
        yield f"{table.name}: the log does not lead to what is in the table"
