"""What `updated_after` does not catch: which lists to watch to keep nested records from going stale."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from kombo_async.mirror._columns import has_field
from kombo_async.mirror._store import BlindSpot
from kombo_async.mirror._table import Table
from kombo_async.operations import REQUESTS

_LISTS = {"hris_teams": "GetHrisGroups"}
"""Models whose list has another name: teams are now called groups."""
PREFIX = "kombo_model_"


def blind_spots_of(table: Table) -> Iterator[tuple[str, str]]:
    """The blind spots of a table's list, and those of other lists' records that are nested in it.

    A candidate nests applications, and an application's stage is a blind spot: whether a candidate is returned when
    the stage is renamed is not documented, so we assume that it is not.
    """
    own = table.request.operation
    yield from own.blind_spots
    for cls in REQUESTS.values():
        namespace, _, name = cls.operation.path.strip("/").rpartition("/")
        if cls.operation.path == own.path or namespace != table.namespace:
            continue
        for path, model in cls.operation.blind_spots:
            for field in (name, name.removesuffix("s")):
                if has_field(table.record_type, f"{field}.{path}.id"):
                    yield f"{field}.{path}", model


class Watched:
    """The tables of a mirror, and its internal ones: the IDs of records that are nested in blind spots.

    They are ordered: each list comes before those that nest its records.
    """

    def __init__(self, tables: Sequence[Table]) -> None:
        self.blind_spots = [
            BlindSpot(table=table.name, path=path, model=model)
            for table in tables
            for path, model in blind_spots_of(table)
            if table.can_look_up or table.tells_changes
        ]
        self._table_of: dict[str, Table] = {}
        hidden: list[Table] = []
        for model in sorted({spot.model for spot in self.blind_spots}):
            request = _list_of(model)
            if request is None:
                continue
            own = next((each for each in tables if each.path == request.operation.path and not each.filtered), None)
            if own is None:
                hidden.append(own := Table(PREFIX + model, request, keeps_records=False))
            self._table_of[model] = own
        self.tables = tuple(self._ordered([*hidden, *tables]))

    def model_of(self, table: Table) -> str | None:
        """The model whose changes are noticed by reading *table*, if it is in a blind spot."""
        return next((model for model, each in self._table_of.items() if each.name == table.name), None)

    def seen_in(self, table: Table) -> list[BlindSpot]:
        """The blind spots that are noticed by reading *table*."""
        model = self.model_of(table)
        return [spot for spot in self.blind_spots if spot.model == model]

    def in_table(self, table: Table) -> list[BlindSpot]:
        """The blind spots of *table* itself."""
        return [spot for spot in self.blind_spots if spot.table == table.name]

    def watcher(self, spot: BlindSpot) -> Table | None:
        """The table in which the changes of a blind spot's model are noticed."""
        return self._table_of.get(spot.model)

    def _ordered(self, tables: Sequence[Table]) -> Iterable[Table]:
        done: dict[str, Table] = {}
        for table in tables:
            self._put(table, done, set())
        return done.values()

    def _put(self, table: Table, done: dict[str, Table], above: set[str]) -> None:
        if table.name in done or table.name in above:
            return
        for spot in self.in_table(table):
            watcher = self._table_of.get(spot.model)
            if watcher is not None:
                self._put(watcher, done, above | {table.name})
        done[table.name] = table


def _list_of(model: str) -> Any:
    name = _LISTS.get(model) or "Get" + "".join(part.capitalize() for part in model.split("_"))
    cls = REQUESTS.get(name)
    return None if cls is None else cls()
