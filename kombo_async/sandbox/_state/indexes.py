"""The look-ups of a table: which records have a value in a field, by an index that is built when it is first needed."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any, Protocol, TypeAlias, cast

from kombo_async.sandbox._state.bitmaps import Bits, Ordered, Places, any_of, below, bits_of
from kombo_async.sandbox._state.initial import FEW, Initial, text_of
from kombo_async.sandbox._state.records import Records

Record: TypeAlias = dict[str, Any]
"""A record's own fields, by Kombo's names; nested records are added when it is read."""
Derive: TypeAlias = Callable[[Record], Iterable[Any]]
"""Additional look-up values of a record."""
AT_ONCE = 2_000
"""How many records to index without a pause; more are indexed in slices."""
SLICE_SECONDS = 0.005
SLOW_STEP, QUICK_STEP = 100, 5_000
"""How many records to index between looks at the time: those that are read, and those that are only listed."""
NULL = "null"
"""The stand-in for null in case-insensitive look-ups."""
DELETED, TOUCHED = "remote_deleted_at", "*touched"
"""When a stored record was deleted or touched: initial ones never were."""


class Preparable(Protocol):
    """What look-ups need, and takes long to prepare."""

    def prepare_slice(self, field: str) -> bool:
        """Do a part of it; returns whether all is done."""
        ...


class IndexNeeded(Exception):
    """Raised if a look-up would have to prepare much first; `prepare_slice` does that in slices."""

    def __init__(self, indexes: Preparable, field: str) -> None:
        super().__init__(field)
        self.indexes = indexes
        self.field = field


class Rows(Protocol):
    """The records of a table, by their places."""

    def __len__(self) -> int: ...

    def read(self, place: int) -> Record:
        """The data of a record, without caching it."""
        ...


class Indexes:
    """The look-ups of one table."""

    def __init__(
        self, initial: Initial, count: int, records: Records, derived: Mapping[str, Derive], rows: Rows
    ) -> None:
        self.deferring = False
        """Whether a look-up with long preparation raises `IndexNeeded` instead."""
        self._initial = initial
        self._initial_count = count
        self._records = records
        self._derived = derived
        self._rows = rows
        self._nothing_stored = False
        """Whether all records are initial ones that nobody has changed."""
        self._changed = Places()
        """The places of initial records that are stored; complete up to where records are indexed by `DELETED`."""
        self._indexed: dict[str, int] = {}
        """By field: the place up to which records are indexed; initial ones only if stored, or `_initial` lacks it."""
        self._ordered: dict[str, Ordered] = {DELETED: Ordered(), TOUCHED: Ordered()}
        """The fields that are indexed for ranges, rather than for values."""
        self._common: dict[tuple[str, Any], Places] = {}
        """By field and value: the indexed places of values that more than `FEW` records have."""
        self._uncollected: dict[str, list[Any]] = {}
        """By field: the values that many records have and that are not in `_common` yet."""

    def start_empty(self) -> None:
        """Note that no record is stored yet, so none is changed or deleted."""
        self._nothing_stored = True
        self._indexed[DELETED] = self._initial_count

    # Look-ups

    def places(self, field: str, value: Any, most: int | None = None) -> list[int]:
        """The places of records with *value* in *field*, in order; at most the first *most*."""
        self.prepare(field)
        if not self._initial.knows(field):
            return self._records.places(field, value, most)
        if self._nothing_stored:
            return list(islice(self._initial.places(field, value), most))
        places = self._records.places(field, value, most)
        unchanged = (place for place in self._initial.places(field, value) if place not in self._changed)
        return sorted([*places, *islice(unchanged, most)])[:most]

    def having(self, field: str, values: Iterable[Any]) -> Bits:
        """The places of records with any of *values* in *field*."""
        values = list(dict.fromkeys(values))
        if not values:
            return any_of([])
        self.prepare(field)
        common: list[Bits] = []
        few: list[int] = []
        for value in values:
            places = self._places(field, value)
            if isinstance(places, Places):
                common.append(places.bits)
            else:
                few += places
        return self._with_unchanged(field, [*common, bits_of(few)], lambda: self._initial.having(field, values))

    def _with_unchanged(self, field: str, indexed: Iterable[Bits], initial: Callable[[], Bits]) -> Bits:
        """The places in any of *indexed*, and those in *initial* that have not changed, if they are not indexed."""
        if not self._initial.knows(field):
            return any_of([*indexed])
        as_made, changed = initial(), self._changed
        return any_of([*indexed, lambda block: as_made(block) & ~changed.bits(block)])

    def _places(self, field: str, value: Any) -> Places | list[int]:
        """The indexed places with *value* in *field*; as a set if there are many."""
        kept = self._common.get((field, value))
        if kept is not None:
            return kept
        found = self._records.places(field, value)
        if len(found) <= FEW:
            return found
        places = self._common[field, value] = Places(found)
        return places

    def between(self, field: str, low: str, high: str) -> Bits:
        """The places of records with a text of *field* from *low* to *high*."""
        ordered = self._ordered.setdefault(field, Ordered())
        self.prepare(field)
        indexed = ordered.between(low, high)
        return self._with_unchanged(field, [indexed], lambda: self._initial.between(field, low, high))

    def generated_between(self, field: str, low: str, high: str) -> Bits:
        """The places of initial records that had such a text at first, and perhaps of others that have one now."""
        return (self._initial if self._initial.knows(field) else self).between(field, low, high)

    def deleted(self) -> Bits | None:
        """The places of deleted records; None if there are none."""
        self.prepare(DELETED)
        ordered = self._ordered[DELETED]
        return ordered.present if ordered else None

    def containing(self, field: str, text: str) -> Bits:
        """The places of records with *text* in *field*."""
        self.prepare(field)
        common = {value: places for (name, value), places in self._common.items() if name == field}
        found = [places.bits for value, places in common.items() if text in value]
        few = bits_of(self._records.places_containing(field, text, list(common)))
        return self._with_unchanged(field, [*found, few], lambda: self._initial.containing(field, text))

    def values(self, field: str, data: Record) -> Iterable[Any]:
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

    # Changes

    def added(self, place: int, data: Record, touched: str) -> None:
        """Index a record that was appended."""
        self._nothing_stored = False
        for field, end in self._indexed.items():
            if end == place:
                self._enter(field, [touched] if field == TOUCHED else list(self.values(field, data)), place)
                self._indexed[field] = end + 1

    def touched(self, place: int, at: str) -> None:
        """Index when a record was touched."""
        if place < self._indexed.get(TOUCHED, 0):
            self._ordered[TOUCHED].set(place, at)

    @contextmanager
    def changing(self, place: int, data: Record, only: str | None = None) -> Generator[None]:
        """Keep the look-ups up to date while the block changes the values of a record (or *only* one of its fields)."""
        fields = [
            field for field, end in self._indexed.items() if place < end and field != TOUCHED and only in (None, field)
        ]
        was_made = self.is_as_made(place)
        before = {
            field: [] if was_made and self._is_listed(field) else list(self.values(field, data)) for field in fields
        }
        yield
        if was_made:
            self._nothing_stored = False
            self._changed.add(place)
        for field in fields:
            after = list(self.values(field, data))
            if after != before[field]:
                self._strike(field, before[field], place)
                self._enter(field, after, place)

    def is_as_made(self, place: int) -> bool:
        """Whether the record in *place* is an initial one that is not stored."""
        if place >= self._initial_count or place in self._changed:
            return False
        return place < self._indexed.get(DELETED, 0) or self._records.read(place) is None

    def _enter(self, field: str, values: list[Any], place: int) -> None:
        ordered = self._ordered.get(field)
        if ordered is not None:
            ordered.set(place, text_of(values))
            return
        self._records.enter(field, [(value, place) for value in values])
        for value in values:
            common = self._common.get((field, value))
            if common is not None:
                common.add(place)

    def _strike(self, field: str, values: list[Any], place: int) -> None:
        if field in self._ordered:
            return  # the new text replaces it
        self._records.strike(field, values, place)
        for value in values:
            common = self._common.get((field, value))
            if common is not None:
                common.remove(place)

    # Building

    def prepare(self, field: str) -> None:
        """Make sure that records are indexed by *field*, and that it is known which initial ones changed."""
        if self._indexed.get(field, 0) >= len(self._rows):
            return
        for each in (DELETED, field):
            if self.deferring and self._left(each) > AT_ONCE:
                raise IndexNeeded(self, each)
            while not self.prepare_slice(each):
                pass

    def prepare_slice(self, field: str) -> bool:
        """Index some more records; returns whether all are indexed."""
        end = time.perf_counter() + SLICE_SECONDS
        self._indexed.setdefault(field, 0)
        while time.perf_counter() < end:
            start, count = self._indexed[field], len(self._rows)
            if start < count:
                self._indexed[field] = self._index_from(start, count, field)
            elif not self._collect_common(field):
                return True
        return False

    def _index_from(self, start: int, count: int, field: str) -> int:
        """Index some records from *start* on; returns how far."""
        if field in (DELETED, TOUCHED):
            end = min(start + QUICK_STEP, count)
            (self._note_stored if field == DELETED else self._note_touched)(start, end)
            return end
        places = list(islice(self._to_index(field, start, count), SLOW_STEP))
        ordered = self._ordered.get(field)
        if ordered is None:
            self._records.enter(field, [(value, place) for place in places for value in self._values_at(field, place)])
        elif places and places[-1] - places[0] < len(places):
            ordered.fill(places[0], [text_of(self._values_at(field, place)) for place in places])
        else:
            for place in places:
                ordered.set(place, text_of(self._values_at(field, place)))
        return places[-1] + 1 if len(places) == SLOW_STEP else count

    def _to_index(self, field: str, start: int, end: int) -> Iterator[int]:
        """The places from *start* to before *end* whose records must be read."""
        if not self._is_listed(field):
            return iter(range(start, end))
        changed = below(self._changed.bits, self._initial_count, start)
        return chain(changed, range(max(start, self._initial_count), end))

    def _note_stored(self, start: int, end: int) -> None:
        for place, may_be_deleted in self._records.stored(start, end, without=f'"{DELETED}":null'):
            if place < self._initial_count:
                self._changed.add(place)
            if may_be_deleted:
                self._ordered[DELETED].set(place, text_of(self._values_at(DELETED, place)))

    def _note_touched(self, start: int, end: int) -> None:
        for place, at in self._records.touched(start, end):
            self._ordered[TOUCHED].set(place, at)

    def _collect_common(self, field: str) -> bool:
        """Keep the places of one more value that many records have; returns whether there was one."""
        if field in self._ordered:
            return False
        if field not in self._uncollected:
            self._uncollected[field] = self._records.common_values(field, FEW)
        if not self._uncollected[field]:
            return False
        self._places(field, self._uncollected[field].pop())
        return True

    def _left(self, field: str) -> int:
        """How many records are left to be indexed, at most."""
        left = len(self._rows) - self._indexed.get(field, 0)
        if field in (DELETED, TOUCHED) or not self._is_listed(field):
            return left
        return min(left, len(self._changed) + len(self._rows) - self._initial_count)

    def _is_listed(self, field: str) -> bool:
        """Whether initial records are not indexed by this field until they change."""
        return field in (DELETED, TOUCHED) or self._initial.knows(field)

    def _values_at(self, field: str, place: int) -> Iterable[Any]:
        return self.values(field, self._rows.read(place))
