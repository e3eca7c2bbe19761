"""A table of records: stored ones, and initial ones, which are generated on demand."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast, overload
from weakref import WeakValueDictionary

import attrs

from kombo_async.sandbox._state.ids import id_at, number_at, place_of, place_of_number
from kombo_async.sandbox._state.records import Records

Record: TypeAlias = dict[str, Any]
"""A record's own fields, by Kombo's names; nested records are added when it is read."""
Derive: TypeAlias = Callable[[Record], Iterable[Any]]
"""Additional look-up values of a record."""

AT_HAND = 2_000
"""How many of a table's records are cached in memory."""
AT_ONCE = 2_000
"""How many records to index without a pause; more are indexed in slices."""
SLICE_SECONDS = 0.005
NULL = "null"
"""The stand-in for null in case-insensitive look-ups."""


class IndexNeeded(Exception):
    """Raised if a look-up would have to index many records first; `RecordTable.prepare_slice` does that in slices."""

    def __init__(self, table: RecordTable, field: str) -> None:
        super().__init__(f"{table.name}.{field}")
        self.table = table
        self.field = field


@attrs.frozen
class Origin:
    """The initial records of a table, each derived only from its place."""

    count: int = 0
    make: Callable[[int], Record] = attrs.field(default=lambda _: {}, repr=False)
    touched: str = ""
    """No record was touched later than this."""
    inverse: Mapping[str, Callable[[Any], Iterable[int]]] = attrs.field(
        factory=dict[str, Callable[[Any], Iterable[int]]], repr=False
    )
    """By field: where records with a value can be, to avoid an index."""
    values: Mapping[str, Callable[[int], Iterable[Any]]] = attrs.field(
        factory=dict[str, Callable[[int], Iterable[Any]]], repr=False
    )
    """By field: the look-up values of the record in a place, without generating it."""


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
        self.deferring = False
        """Whether a look-up with long preparation raises `IndexNeeded` instead."""
        self._records = records
        self._derived = derived
        self._count = max(origin.count, records.end())
        self._indexed: dict[str, int] = {}
        """By field: the place up to which records are indexed."""
        self._touches: dict[tuple[str, Any], str] = {}
        """By field and value: when all records with this value were touched."""
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
        if record is None:
            stored = self._records.read(place)
            if stored is None:
                if place >= self.origin.count:
                    raise LookupError(f"{self.name} number {place} is gone: the sandbox was reset")
                data = self.origin.make(place)
                stored = (data, data["changed_at"])
            record = self._hold(StoredRecord(self, place, *stored))
        return record

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
        for field, end in self._indexed.items():
            if end == record.place:
                self._records.enter(field, self._values(field, data), record.place)
                self._indexed[field] = end + 1
        if data["id"] != self.id_at(record.place):
            self._records.enter("id", (data["id"],), record.place)
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
        was_made = record.place < self.origin.count and self._records.read(record.place) is None
        fields = [field for field, end in self._indexed.items() if record.place < end]
        before = {field: list(self._values(field, record.data)) for field in fields}
        record.data.update(changes)
        record.encoded.clear()
        self._records.write(record.place, record.data, record.touched)
        for field in fields:
            after = list(self._values(field, record.data))
            if after != before[field] or (was_made and self._inverse(field) is not None):
                self._records.strike(field, before[field], record.place)
                self._records.enter(field, after, record.place)

    def save(self, record: StoredRecord) -> None:
        """Store when a record was last touched."""
        self.change(record, {})

    def reindex(self, record: StoredRecord, field: str, change: Callable[[], None]) -> None:
        """Run a change elsewhere that changes the look-up values of *record*."""
        known = record.place < self._indexed.get(field, 0)
        before = list(self._values(field, record.data)) if known else []
        change()
        if known:
            self._records.strike(field, before, record.place)
            self._records.enter(field, self._values(field, record.data), record.place)

    def take_touches(self, other: RecordTable) -> None:
        """Take over the touched records of *other*, which this is a copy of."""
        self._touches.update(other._touches)

    def touch_all(self, field: str, value: Any, at: str) -> None:
        """Note a change to something nested in all records with *value* in *field*."""
        self._touches[field, value] = at

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
        return list(self.at(self.places(field, value)))

    def places(self, field: str, value: Any, start: int = 0, limit: int = -1) -> list[int]:
        """The places of records with *value* in *field*, in order."""
        self.prepare(field)
        places = self._records.places(field, value, start, limit)
        inverse = self._inverse(field)
        if inverse is not None:
            made = [each for each in inverse(value) if start <= each < self.origin.count]
            places += [each for each in made if each not in places and self._made_with(each, field, value)]
            places.sort()
        return places

    def _made_with(self, place: int, field: str, value: Any) -> bool:
        """Whether the record in *place* is unchanged and has *value* in *field*."""
        return self._records.read(place) is None and value in self._values(field, self._at(place).data)

    def has(self, field: str, value: Any, place: int) -> bool:
        """Whether the record in *place* has *value* in *field*."""
        return place in self.places(field, value, place, 1)

    def count_up_to(self, field: str, values: Iterable[Any], most: int) -> int:
        """How many records have one of *values*, but no more than *most* for each."""
        self.prepare(field)
        if self._inverse(field) is not None:
            return sum(len(self.places(field, value)) for value in values)
        return sum(self._records.count_up_to(field, value, most) for value in values)

    def places_between(self, field: str, low: Any, high: Any) -> list[int]:
        """The places of records with a value of *field* from *low* to *high*."""
        self.prepare(field)
        return self._records.places_between(field, low, high)

    def places_containing(self, field: str, text: str) -> list[int]:
        """The places of records with *text* in *field*."""
        self.prepare(field)
        return self._records.places_containing(field, text)

    def touched_since(self, at: str) -> set[int]:
        """The places of records that were touched then or later, or nest one that was."""
        places = set(self._records.touched_since(at))
        if at <= self.origin.touched:
            stored = set(self._records.stored(0, self.origin.count))
            places |= set(self.places_between("changed_at", at, "9999")) - stored
        for (field, value), when in self._touches.items():
            if when >= at:
                places.update(self.places(field, value))
        return places

    # Indexes

    def prepare(self, field: str) -> None:
        """Make sure that records are indexed by *field*."""
        if self._indexed.get(field, 0) >= self._count:
            return
        if self.deferring and self._left(field) > AT_ONCE:
            raise IndexNeeded(self, field)
        while not self.prepare_slice(field):
            pass

    def prepare_slice(self, field: str) -> bool:
        """Index some more records; returns whether all are indexed."""
        end = time.perf_counter() + SLICE_SECONDS
        place = self._indexed.setdefault(field, 0)
        while place < self._count and time.perf_counter() < end:
            block = min(place + (50 if self._inverse(field) is None else 5_000), self._count)
            for each in self._to_enter(field, place, block):
                self._records.enter(field, self._values_at(field, each), each)
            place = self._indexed[field] = block
        return place >= self._count

    def _left(self, field: str) -> int:
        place = self._indexed.get(field, 0)
        return self._count - (max(place, self.origin.count) if self._inverse(field) is not None else place)

    def _to_enter(self, field: str, start: int, end: int) -> Iterable[int]:
        if self._inverse(field) is None or start >= self.origin.count:
            return range(start, end)
        return [*self._records.stored(start, min(end, self.origin.count)), *range(self.origin.count, end)]

    def _values_at(self, field: str, place: int) -> Iterable[Any]:
        """The look-up values of the record in *place* for *field*."""
        tell = self.origin.values.get(field)
        if tell is None or place >= self.origin.count or place in self._by_place or self._records.read(place):
            return self._values(field, self._read(place))
        return tell(place)

    def _read(self, place: int) -> Record:
        """The data of a record, without caching it."""
        held = self._by_place.get(place)
        if held is not None:
            return held.data
        stored = self._records.read(place)
        return self.origin.make(place) if stored is None else stored[0]

    def _inverse(self, field: str) -> Callable[[Any], Iterable[int]] | None:
        if field == "remote_id":
            return self._place_of_number
        return self.origin.inverse.get(field)

    def _place_of_number(self, number: Any) -> Iterable[int]:
        place = place_of_number(self.key, str(number))
        return () if place is None else (place,)

    def _values(self, field: str, data: Record) -> Iterable[Any]:
        """The look-up values of *data* for *field*; names ending in `~` ignore case and include nulls."""
        derive = self._derived.get(field)
        if derive is not None:
            return derive(data)
        plain = field.removesuffix("~")
        value = data.get(plain)
        values: list[Any] = cast("Any", value) if isinstance(value, list) else [] if value is None else [value]
        if plain == field:
            return values
        return [str(each).lower() for each in values] or [NULL]
