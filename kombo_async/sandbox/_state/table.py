"""A table of records: stored ones, and initial ones, which are generated on demand."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, overload
from weakref import WeakValueDictionary

import attrs

from kombo_async.sandbox._state.bitmaps import LAST, Bits, any_of
from kombo_async.sandbox._state.ids import id_at, number_at, place_of
from kombo_async.sandbox._state.indexes import TOUCHED, Derive, Indexes, Record
from kombo_async.sandbox._state.initial import Initial, Origin
from kombo_async.sandbox._state.records import Records
from kombo_async.sandbox._state.touches import Touches

AT_HAND = 2_000
"""How many of a table's records are cached in memory."""


@attrs.define(eq=False)
class StoredRecord:
    """A record in its place."""

    table: RecordTable = attrs.field(repr=False)
    place: int
    """Its permanent place in the table: deleted records keep theirs, so cursors stay valid."""
    data: Record
    touched: str
    """When it or a nested record last changed."""
    encoded: dict[str, tuple[int, bytes]] = attrs.field(factory=dict[str, "tuple[int, bytes]"], repr=False)
    """Its cached JSON by operation, with the edition of nested records; cleared when it changes."""

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
        """Note that it or a nested record changed."""
        self.encoded.clear()
        if at > self.touched:
            self.touched = at
            self.table.save(self)


class RecordTable(Sequence[StoredRecord]):
    """All records of one model, by place."""

    def __init__(
        self, name: str, key: tuple[object, ...], records: Records, origin: Origin, derived: Mapping[str, Derive]
    ) -> None:
        self.name = name
        self.key = key
        self.origin = origin
        self.indexes: Indexes = Indexes(Initial(key, origin), origin.count, records, derived, self)
        self._records = records
        end = records.end()
        if not end:
            self.indexes.start_empty()
        self._count = max(origin.count, end)
        self._touches = Touches(self.indexes, records)
        self._by_place: WeakValueDictionary[int, StoredRecord] = WeakValueDictionary()
        # There must be only one object for a record in use; those are held here.
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

    def at(self, places: Iterable[int]) -> Iterator[StoredRecord]:
        """The records in these places."""
        return map(self._at, places)

    def _at(self, place: int) -> StoredRecord:
        record = self._by_place.get(place)
        return record or self._hold(StoredRecord(self, place, *self._stored(place)))

    def read(self, place: int) -> Record:
        """The data of a record, without caching it."""
        held = self._by_place.get(place)
        if held is not None:
            return held.data
        return self._stored(place)[0]

    def _stored(self, place: int) -> tuple[Record, str]:
        stored = None if self.indexes.is_as_made(place) else self._records.read(place)
        if stored is None:
            if place >= self.origin.count:
                raise LookupError(f"{self.name} number {place} is gone: the sandbox was reset")
            data = self.origin.make(place)
            stored = (data, data["changed_at"])
        return stored

    def _hold(self, record: StoredRecord) -> StoredRecord:
        self._at_hand.append(record)
        self._by_place[record.place] = record
        return record

    def id_at(self, place: int) -> str:
        """The ID of the record in *place*, unless it came with its own."""
        return id_at(self.key, place)

    def number_at(self, place: int) -> str:
        """The connected system's ID of the record in *place*, unless it came with its own."""
        return number_at(self.key, place)

    # Changes

    def add(self, data: Record, touched: str) -> StoredRecord:
        """Append a record."""
        record = self._hold(StoredRecord(self, self._count, data, touched))
        self._count += 1
        self._records.write(record.place, data, touched)
        self.indexes.added(record.place, data, touched)
        self._touches.added(data)
        if data["id"] != self.id_at(record.place):
            self._records.enter("id", [(data["id"], record.place)])
        return record

    def put(self, place: int, data: Record, touched: str) -> StoredRecord:
        """Store *data* in *place*: a copy of a record in a similar table."""
        while self._count < place:
            raise LookupError(f"{self.name}: place {self._count} comes before {place}")
        if place == self._count:
            return self.add(data, touched)
        record = self._at(place)
        self.change(record, data)
        return record

    def change(self, record: StoredRecord, changes: Record) -> None:
        """Change fields of a record."""
        with self.indexes.changing(record.place, record.data):
            record.data.update(changes)
            record.encoded.clear()
            self._records.write(record.place, record.data, record.touched)
        self.indexes.touched(record.place, record.touched)

    def save(self, record: StoredRecord) -> None:
        """Store a record as it is."""
        self.change(record, {})

    def touch_all(self, field: str, value: Any, at: str) -> None:
        """Note a change to something nested in all records with *value* in *field*."""
        self._touches.note(field, value, at)

    # Look-ups

    def find(self, id: str) -> StoredRecord | None:
        """The record with this ID."""
        place = place_of(self.key, id)
        if place is not None and place < self._count:
            record = self._at(place)
            if record.data["id"] == id:
                return record
        return next(iter(self.at(self._records.places("id", id))), None)

    def where(self, field: str, value: Any) -> list[StoredRecord]:
        """The records with *value* in *field* (for lists, among its values), including deleted ones."""
        if field == "id":
            found = self.find(value)
            return [found] if found is not None else []
        return list(self.at(self.indexes.places(field, value)))

    def touched_since(self, at: str) -> Bits:
        """The places of records that were touched then or later, or nest one that was."""
        found = [self.indexes.between(TOUCHED, at, LAST), *self._touches.since(at)]
        if at <= self.origin.touched:
            # Those that have changed since were touched since.
            found.append(self.indexes.generated_between("changed_at", at, LAST))
        return any_of(found)
