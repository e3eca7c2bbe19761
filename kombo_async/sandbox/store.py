"""Records in memory: tables with a stable order, look-ups by field, and which records nest which others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, TypeAlias

import attrs

from kombo_async.sandbox.answers import NotFound
from kombo_async.sandbox.clock import Clock
from kombo_async.sandbox.ids import make_id, make_number

Record: TypeAlias = dict[str, Any]
"""A record's own fields, by the names that Kombo gives them; what it nests is put together when it is read."""


@attrs.define(eq=False)
class Row:
    """A record in its place."""

    place: int
    """Its place in the table, for good: deleted records keep theirs, so that cursors stay true."""
    data: Record
    touched: str
    """When it, or something that it nests, last changed."""
    encoded: dict[str, bytes] = attrs.field(factory=dict[str, bytes], repr=False)
    """What was sent of it, by view, until it or something that it nests changes."""

    @property
    def id(self) -> str:
        """Kombo's ID of the record."""
        id: str = self.data["id"]
        return id

    @property
    def deleted(self) -> bool:
        """Whether it was deleted in the connected system."""
        return self.data.get("remote_deleted_at") is not None


@attrs.define(eq=False)
class Table:
    """All records of one model."""

    name: str
    rows: list[Row] = attrs.field(factory=list[Row], repr=False)
    by_id: dict[str, Row] = attrs.field(factory=dict[str, Row], repr=False)
    indexes: dict[str, dict[Any, dict[str, Row]]] = attrs.field(
        factory=dict[str, dict[Any, dict[str, Row]]], repr=False
    )

    def add(self, data: Record, touched: str) -> Row:
        """Append a record."""
        row = Row(len(self.rows), data, touched)
        self.rows.append(row)
        self.by_id[row.id] = row
        for field, index in self.indexes.items():
            _enter(index, row, field)
        return row

    def change(self, row: Row, changes: Record) -> None:
        """Change fields of a record."""
        for field, index in self.indexes.items():
            if field in changes:
                for value in _values(row.data.get(field)):
                    index.get(value, {}).pop(row.id, None)
        row.data.update(changes)
        for field, index in self.indexes.items():
            if field in changes:
                _enter(index, row, field)

    def where(self, field: str, value: Any) -> Iterable[Row]:
        """The records that have *value* in *field* (or, for lists, among its values), deleted ones too."""
        index = self.indexes.get(field)
        if index is None:
            index = self.indexes[field] = {}
            for row in self.rows:
                _enter(index, row, field)
        return tuple(index.get(value, {}).values())


def _values(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        yield from value  # pyright: ignore[reportUnknownVariableType]
    elif value is not None:
        yield value


def _enter(index: dict[Any, dict[str, Row]], row: Row, field: str) -> None:
    for value in _values(row.data.get(field)):
        index.setdefault(value, {})[row.id] = row


Saver: TypeAlias = Callable[[str, str, Row], None]
"""Told (integration, table, row) of each new or changed record."""


def copied(untouched: World) -> Callable[[World, str], None]:
    """Fills tables with copies of those of *untouched*.

    Tables are made from one another: what is made late must not see what has changed since the start.
    """

    def fill(world: World, name: str) -> None:
        table = world.table(name)
        for row in untouched.table(name).rows:
            copy = table.add(dict(row.data), row.touched)
            if world.saver is not None:
                world.saver(world.integration_id, name, copy)

    return fill


class World:
    """All records of one integration. Tables are filled when they are first needed."""

    def __init__(
        self, integration_id: str, *, clock: Clock, seed: object, born: datetime, fill: Callable[[World, str], None]
    ) -> None:
        self.integration_id = integration_id
        self.clock = clock
        self.seed = seed
        self.born = born
        """When the sandbox was set up: what is there from the start dates from before."""
        self.saver: Saver | None = None
        self.changed: set[str] = set()
        """Names of the models that changed since the last `data-changed`."""
        self.tables: dict[str, Table] = {}
        self._fill = fill
        self._filling = 0

    def table(self, name: str) -> Table:
        """The table *name*."""
        table = self.tables.get(name)
        if table is None:
            table = self.tables[name] = Table(name)
            self._filling += 1
            try:
                self._fill(self, name)
            finally:
                self._filling -= 1
        return table

    def next_id(self, name: str) -> str:
        """An ID for the next record of *name*."""
        return make_id(self.seed, self.integration_id, name, len(self.table(name).rows))

    def add(self, name: str, data: Record, *, at: str | None = None) -> Row:
        """Add a record, with an ID and times of its own unless *data* has them."""
        table = self.table(name)
        now = at or self.clock.stamp()
        place = len(table.rows)
        record: Record = {
            "id": make_id(self.seed, self.integration_id, name, place),
            "remote_id": make_number(self.seed, self.integration_id, name, place),
            "remote_created_at": now,
            "remote_updated_at": now,
            "remote_deleted_at": None,
            "changed_at": now,
            "custom_fields": {},
            "integration_fields": [],
            "remote_data": None,
            **data,
        }
        row = table.add(record, record["changed_at"])
        self._saved(name, row)
        return row

    def change(self, name: str, row: Row, /, **changes: Any) -> None:
        """Change fields of a record, now."""
        now = self.clock.stamp()
        changes = {"remote_updated_at": now, **changes, "changed_at": now}
        self.table(name).change(row, changes)
        self._saved(name, row)

    def delete(self, name: str, row: Row) -> None:
        """Mark a record as deleted in the connected system: it shows with `include_deleted` alone."""
        self.change(name, row, remote_deleted_at=self.clock.stamp())

    def get(self, name: str, id: str, what: str) -> Row:
        """The record with this ID; raises `NotFound`, by the name *what*, if there is none or it was deleted."""
        row = self.table(name).by_id.get(id)
        if row is None or row.deleted:
            raise NotFound(what, id)
        return row

    def peek(self, name: str, id: str | None) -> Record | None:
        """The data of the record with this ID, None if there is none."""
        row = None if id is None else self.table(name).by_id.get(id)
        return None if row is None else row.data

    def related(self, name: str, field: str, value: Any) -> list[Record]:
        """The data of the records that have *value* in *field*, without deleted ones."""
        return [row.data for row in self.table(name).where(field, value) if not row.deleted]

    def _saved(self, name: str, row: Row) -> None:
        if self._filling == 0:
            from kombo_async.sandbox.nesting import holders

            self.changed.add(name)
            row.touched = row.data["changed_at"]
            row.encoded.clear()
            for holder in holders(self, name, row):
                holder.touched = max(holder.touched, row.touched)
                holder.encoded.clear()
        if self.saver is not None:
            self.saver(self.integration_id, name, row)
