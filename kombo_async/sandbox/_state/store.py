"""Records as the sandbox uses them: tables with a stable order, look-ups by field, and the world that they make."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeAlias, overload
from weakref import WeakValueDictionary

import attrs

from kombo_async.sandbox._state.clock import Clock
from kombo_async.sandbox._state.ids import make_id, make_number
from kombo_async.sandbox._state.models import MODELS, suggestion
from kombo_async.sandbox._state.records import Records
from kombo_async.sandbox._state.refusals import UnknownId
from kombo_async.sandbox._state.state import State

Record: TypeAlias = dict[str, Any]
"""A record's own fields, by the names that Kombo gives them; what it nests is put together when it is read."""

AT_HAND = 2_000
"""How many records of a table stay in memory once they were needed."""


@attrs.define(eq=False)
class StoredRecord:
    """A record in its place."""

    table: RecordTable = attrs.field(repr=False)
    place: int
    """Its place in the table, for good: deleted records keep theirs, so that cursors stay true."""
    data: Record
    touched: str
    """When it, or something that it nests, last changed."""
    encoded: dict[str, bytes] = attrs.field(factory=dict[str, bytes], repr=False)
    """What was sent of it, by operation, until it or something that it nests changes."""

    @property
    def id(self) -> str:
        """Kombo's ID of the record."""
        id: str = self.data["id"]
        return id

    @property
    def deleted(self) -> bool:
        """Whether it was deleted in the connected system."""
        return self.data.get("remote_deleted_at") is not None

    def touch(self, at: str) -> None:
        """Note that it, or something that it nests, changed."""
        self.encoded.clear()
        if at > self.touched:
            self.touched = at
            self.table.save_touched(self)


class RecordTable(Sequence[StoredRecord]):
    """All records of one model, in their places."""

    def __init__(self, name: str, records: Records) -> None:
        self.name = name
        self._records = records
        self._count = records.count()
        self._fields: set[str] = set()
        """By which fields records can be looked up; each is entered when it is first asked for."""
        self._by_place: WeakValueDictionary[int, StoredRecord] = WeakValueDictionary()
        self._by_id: WeakValueDictionary[str, StoredRecord] = WeakValueDictionary()
        # A row that somebody holds must stay the only one for its record; these are held here.
        self._at_hand: deque[StoredRecord] = deque(maxlen=AT_HAND)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> StoredRecord: ...
    @overload
    def __getitem__(self, place: slice) -> list[StoredRecord]: ...
    def __getitem__(self, place: int | slice) -> StoredRecord | list[StoredRecord]:
        if isinstance(place, slice):
            return [self._at(each) for each in range(self._count)[place]]
        return self._at(range(self._count)[place])

    def _at(self, place: int) -> StoredRecord:
        return self._by_place.get(place) or self._hold(StoredRecord(self, place, *self._records.read(place)))

    def _hold(self, row: StoredRecord) -> StoredRecord:
        self._at_hand.append(row)
        self._by_place[row.place] = self._by_id[row.id] = row
        return row

    def find(self, id: str) -> StoredRecord | None:
        """The record with this ID."""
        return self._by_id.get(id) or next(iter(self.where("id", id)), None)

    def where(self, field: str, value: Any) -> list[StoredRecord]:
        """The records that have *value* in *field* (or, for lists, among its values), deleted ones too."""
        if field not in self._fields:
            self._fields.add(field)
            for row in self:
                self._enter(row, field)
        return [self._at(place) for place in self._records.places(field, value)]

    def add(self, data: Record, touched: str) -> StoredRecord:
        """Append a record."""
        row = self._hold(StoredRecord(self, self._count, data, touched))
        self._count += 1
        self._records.write(row.place, data, touched)
        for field in self._fields:
            self._enter(row, field)
        return row

    def change(self, row: StoredRecord, changes: Record) -> None:
        """Change fields of a record."""
        fields = self._fields.intersection(changes)
        for field in fields:
            for value in _values(row.data.get(field)):
                self._records.strike(field, value, row.place)
        row.data.update(changes)
        row.encoded.clear()
        self._records.write(row.place, row.data, row.touched)
        for field in fields:
            self._enter(row, field)

    def save_touched(self, row: StoredRecord) -> None:
        """Keep when a record was touched last."""
        self._records.touch(row.place, row.touched)

    def _enter(self, row: StoredRecord, field: str) -> None:
        for value in _values(row.data.get(field)):
            self._records.enter(field, value, row.place)


def _values(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        yield from value  # pyright: ignore[reportUnknownVariableType]
    elif value is not None:
        yield value


def copied(untouched: World) -> Callable[[World, str], None]:
    """Fills tables with copies of those of *untouched*.

    Tables are made from one another: what is made late must not see what has changed since the start.
    """

    def fill(world: World, name: str) -> None:
        table = world.table(name)
        for row in untouched.table(name):
            table.add(dict(row.data), row.touched)

    return fill


class World:
    """All records of one integration. Tables are filled when they are first needed."""

    def __init__(
        self,
        integration_id: str,
        *,
        clock: Clock,
        seed: object,
        born: datetime,
        state: State,
        fill: Callable[[World, str], None],
        dependents: Callable[[World, str, StoredRecord], Iterator[tuple[StoredRecord, bool]]],
    ) -> None:
        self.integration_id = integration_id
        self.clock = clock
        self.seed = seed
        self.born = born
        """When the sandbox was set up: what is there from the start dates from before."""
        self.changed: dict[str, set[str]] = {}
        """The tables that changed since the last `data-changed`, and which of their fields."""
        self.tables: dict[str, RecordTable] = {}
        self._state = state
        self._fill = fill
        self._dependents = dependents
        self._filling = 0

    def table(self, name: str) -> RecordTable:
        """The table *name*. Raises `LookupError` if there is none."""
        table = self.tables.get(name)
        if table is None:
            if name not in MODELS:
                raise LookupError(f"there is no model {name!r}{suggestion(name, MODELS)}")
            table = self.tables[name] = RecordTable(name, self._state.records(self.integration_id, name))
            if not table:
                self._filling += 1
                try:
                    self._fill(self, name)
                finally:
                    self._filling -= 1
        return table

    def next_id(self, name: str) -> str:
        """An ID for the next record of *name*."""
        return make_id(self.seed, self.integration_id, name, len(self.table(name)))

    def add(self, name: str, data: Record, *, at: str | None = None) -> StoredRecord:
        """Add a record, with an ID and times of its own unless *data* has them."""
        table = self.table(name)
        now = at or self.clock.stamp()
        place = len(table)
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
        self._changed(name, row, (field for field, value in data.items() if value))
        return row

    def change(self, name: str, row: StoredRecord, /, **changes: Any) -> None:
        """Change fields of a record, now."""
        now = self.clock.stamp()
        changes = {"remote_updated_at": now, **changes, "changed_at": now}
        fields = [field for field, value in changes.items() if row.data.get(field) != value]
        self.table(name).change(row, changes)
        self._changed(name, row, fields)

    def delete(self, name: str, row: StoredRecord, /, **changes: Any) -> None:
        """Mark a record as deleted in the connected system: it shows with `include_deleted` alone."""
        self.change(name, row, remote_deleted_at=self.clock.stamp(), **changes)

    def redraw(self, name: str) -> None:
        """Forget what lists keep ready of a table."""
        for record in self.table(name):
            record.encoded.clear()

    def get(self, name: str, id: str, what: str) -> StoredRecord:
        """The record with this ID; raises `UnknownId`, by the name *what*, if there is none or it was deleted."""
        row = self.table(name).find(id)
        if row is None or row.deleted:
            raise UnknownId(what, id)
        return row

    def id_of(self, name: str, remote_id: str) -> str | None:
        """Kombo's ID of the record that the connected system knows as *remote_id*."""
        found = self.table(name).where("remote_id", remote_id)
        return next((record.id for record in found if not record.deleted), found[0].id if found else None)

    def peek(self, name: str, id: str | None) -> Record | None:
        """The data of the record with this ID, None if there is none."""
        row = None if id is None else self.table(name).find(id)
        return None if row is None else row.data

    def related(self, name: str, field: str, value: Any) -> list[Record]:
        """The data of the records that have *value* in *field*, without deleted ones."""
        return [row.data for row in self.table(name).where(field, value) if not row.deleted]

    def _changed(self, name: str, row: StoredRecord, fields: Iterable[str]) -> None:
        if self._filling:
            return
        self.changed.setdefault(name, set()).update(fields)
        at = row.data["changed_at"]
        row.touch(at)
        for holder, counts in self._dependents(self, name, row):
            if counts:
                holder.touch(at)
            else:
                holder.encoded.clear()
