"""The look-ups of a table: which records have a value in a field, by an index that is built when it is first needed."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, TypeAlias, cast

import attrs

from kombo_async.sandbox._state.bitmaps import Bits, Ordered, Places, any_of, bits_of
from kombo_async.sandbox._state.ids import place_of_number
from kombo_async.sandbox._state.records import Records

Record: TypeAlias = dict[str, Any]
"""A record's own fields, by Kombo's names; nested records are added when it is read."""
Derive: TypeAlias = Callable[[Record], Iterable[Any]]
"""Additional look-up values of a record."""
AT_ONCE = 2_000
"""How many records to index without a pause; more are indexed in slices."""
SLICE_SECONDS = 0.005
FEW = 1_000
"""The places of values that more records have are kept as bits."""
SLOW_STEP, QUICK_STEP = 100, 5_000
"""How many records to index between looks at the time: those that are read, and those that are only listed."""
NULL = "null"
"""The stand-in for null in case-insensitive look-ups."""
DELETED, TOUCHED = "remote_deleted_at", "*touched"
"""When a stored record was deleted or touched: initial ones are not indexed by these."""


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


class Rows(Protocol):
    """The records of a table, by their places."""

    def __len__(self) -> int: ...

    def read(self, place: int) -> Record:
        """The data of a record, without caching it."""
        ...

    def is_as_made(self, place: int) -> bool:
        """Whether the record in *place* is an initial one that nobody holds or has changed."""
        ...


class Indexes:
    """The look-ups of one table."""

    def __init__(
        self, key: tuple[object, ...], records: Records, origin: Origin, derived: Mapping[str, Derive], rows: Rows
    ) -> None:
        self.deferring = False
        """Whether a look-up with long preparation raises `IndexNeeded` instead."""
        self._key = key
        self._records = records
        self._origin = origin
        self._derived = derived
        self._rows = rows
        self._indexed: dict[str, int] = {}
        """By field: the place up to which records are indexed."""
        self._ordered: dict[str, Ordered] = {}
        """The fields that are indexed for ranges, rather than for values."""
        self._common: dict[tuple[str, Any], Places] = {}
        """By field and value: the indexed places of values that more than `FEW` records have."""
        self._uncollected: dict[str, list[Any]] = {}
        """By field: the values that many records have and that are not in `_common` yet."""

    def start_empty(self) -> None:
        """Note that no record is stored yet, so none is deleted."""
        self._ordered[DELETED] = Ordered()
        self._indexed[DELETED] = self._origin.count

    # Look-ups

    def places(self, field: str, value: Any) -> list[int]:
        """The places of records with *value* in *field*, in order."""
        self.prepare(field)
        places = self._records.places(field, value)
        made = self._made_with(field, value)
        return sorted({*places, *made}) if made else places

    def _made_with(self, field: str, value: Any) -> list[int]:
        """The places of unchanged initial records with *value* in *field*, if that has an inverse."""
        inverse = self._inverse(field)
        if inverse is None:
            return []
        places = (place for place in inverse(value) if 0 <= place < self._origin.count)
        return [place for place in places if self._is_made_with(place, field, value)]

    def _is_made_with(self, place: int, field: str, value: Any) -> bool:
        return self._records.read(place) is None and value in self.values(field, self._rows.read(place))

    def having(self, field: str, values: Iterable[Any]) -> Bits:
        """The places of records with any of *values* in *field*."""
        self.prepare(field)
        common: list[Bits] = []
        few: list[int] = []
        for value in dict.fromkeys(values):
            places = self._places(field, value)
            if isinstance(places, Places):
                common.append(places.bits)
            else:
                few += places
            few += self._made_with(field, value)
        return any_of([*common, bits_of(few)])

    def is_common(self, field: str, value: Any) -> bool:
        """Whether many records have *value* in *field*."""
        self.prepare(field)
        return isinstance(self._places(field, value), Places)

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
        return self._prepared(field).between(low, high)

    def with_text(self, field: str) -> Bits | None:
        """The places of records with any text in *field*, which is indexed for ranges; None if there are none."""
        ordered = self._prepared(field)
        return ordered.present if ordered else None

    def _prepared(self, field: str) -> Ordered:
        ordered = self._ordered.setdefault(field, Ordered())
        self.prepare(field)
        return ordered

    def containing(self, field: str, text: str) -> Bits:
        """The places of records with *text* in *field*."""
        self.prepare(field)
        common = {value: places for (name, value), places in self._common.items() if name == field}
        found = [places.bits for value, places in common.items() if text in value]
        return any_of([*found, bits_of(self._records.places_containing(field, text, list(common)))])

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
        was_made = place < self._origin.count and self._records.read(place) is None
        before = {field: list(self.values(field, data)) for field in fields}
        yield
        for field in fields:
            after = list(self.values(field, data))
            if after != before[field] or (was_made and self._inverse(field) is not None):
                self._strike(field, before[field], place)
                self._enter(field, after, place)

    def _enter(self, field: str, values: list[Any], place: int) -> None:
        ordered = self._ordered.get(field)
        if ordered is not None:
            ordered.set(place, _text(values))
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
        """Make sure that records are indexed by *field*."""
        if self._indexed.get(field, 0) >= len(self._rows):
            return
        if self.deferring and self._left(field) > AT_ONCE:
            raise IndexNeeded(self, field)
        while not self.prepare_slice(field):
            pass

    def prepare_slice(self, field: str) -> bool:
        """Index some more records; returns whether all are indexed."""
        end = time.perf_counter() + SLICE_SECONDS
        self._indexed.setdefault(field, 0)
        step = QUICK_STEP if self._is_listed(field) else SLOW_STEP
        while time.perf_counter() < end:
            place, count = self._indexed[field], len(self._rows)
            if place < count:
                self._index(field, place, min(place + step, count))
                self._indexed[field] = min(place + step, count)
            elif not self._collect_common(field):
                return True
        return False

    def _index(self, field: str, start: int, end: int) -> None:
        ordered = self._ordered.get(field)
        if ordered is None:
            places = self._to_enter(field, start, end)
            self._records.enter(field, [(value, place) for place in places for value in self._values_at(field, place)])
        elif field == TOUCHED:
            for place, at in self._records.touched(start, end):
                ordered.set(place, at)
        elif field == DELETED:
            for place in self._records.maybe_without(f'"{DELETED}":null', start, end):
                ordered.set(place, _text(self._values_at(field, place)))
        else:
            ordered.fill(start, [_text(self._values_at(field, place)) for place in range(start, end)])

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
        place = self._indexed.get(field, 0)
        return len(self._rows) - (max(place, self._origin.count) if self._is_listed(field) else place)

    def _is_listed(self, field: str) -> bool:
        """Whether initial records are not read for this field."""
        return field in (DELETED, TOUCHED) or self._inverse(field) is not None

    def _to_enter(self, field: str, start: int, end: int) -> Iterable[int]:
        if self._inverse(field) is None or start >= self._origin.count:
            return range(start, end)
        return [*self._records.stored(start, min(end, self._origin.count)), *range(self._origin.count, end)]

    def _values_at(self, field: str, place: int) -> Iterable[Any]:
        """The look-up values of the record in *place* for *field*."""
        tell = self._origin.values.get(field)
        if tell is not None and self._rows.is_as_made(place):
            return tell(place)
        return self.values(field, self._rows.read(place))

    def _inverse(self, field: str) -> Callable[[Any], Iterable[int]] | None:
        """Where initial records with a value of *field* can be, if that is known without an index."""
        if field == "remote_id":
            return self._place_of_number
        return self._origin.inverse.get(field)

    def _place_of_number(self, number: Any) -> Iterable[int]:
        place = place_of_number(self._key, str(number))
        return () if place is None else (place,)


def _text(values: Iterable[Any]) -> str | None:
    """The text of a field that is indexed for ranges."""
    return next((str(value) for value in values), None)
