"""The look-ups of a table: which records have a value in a field, by an index that is built when it is first needed."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeAlias, cast

import attrs

from kombo_async.sandbox._state.ids import place_of_number
from kombo_async.sandbox._state.records import Look, Records

Record: TypeAlias = dict[str, Any]
"""A record's own fields, by Kombo's names; nested records are added when it is read."""
Derive: TypeAlias = Callable[[Record], Iterable[Any]]
"""Additional look-up values of a record."""
AT_ONCE = 2_000
"""How many records to index without a pause; more are indexed in slices."""
SLICE_SECONDS = 0.005
CHUNK = 500
"""How many places of a long look-up are read at a time."""
FEW = 2_000
"""Values found in more records than this are not counted further: the rarest value is followed."""
NULL = "null"
"""The stand-in for null in case-insensitive look-ups."""


def in_chunks(read: Callable[[int], list[int]], start: int) -> Iterator[int]:
    """Places from *start* on, as *read* returns them: at most `CHUNK` from a place on, in order."""
    while True:
        places = read(start)
        yield from places
        if len(places) < CHUNK:
            return
        start = places[-1] + 1


class IndexNeeded(Exception):
    """Raised if a look-up would have to index many records first; `Indexes.prepare_slice` does that in slices."""

    def __init__(self, indexes: Indexes, field: str) -> None:
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

    # Look-ups

    def places(self, field: str, value: Any, start: int = 0, limit: int = -1) -> list[int]:
        """The places of records with *value* in *field*, in order."""
        self.prepare(field)
        places = self._records.places((field, (value,)), (), start, limit)
        inverse = self.inverse(field)
        if inverse is not None:
            made = [each for each in inverse(value) if start <= each < self._origin.count]
            places += [each for each in made if each not in places and self._made_with(each, field, value)]
            places.sort()
        return places

    def _made_with(self, place: int, field: str, value: Any) -> bool:
        """Whether the record in *place* is unchanged and has *value* in *field*."""
        return self._records.read(place) is None and value in self.values(field, self._rows.read(place))

    def has(self, look: Look, place: int) -> bool:
        """Whether the record in *place* is found by *look*."""
        field, values = look
        return any(place in self.places(field, value, place, 1) for value in values)

    def shared(self, looks: Sequence[Look], start: int) -> Iterator[int]:
        """The places from *start* on that are found by each of *looks*, none of which has an inverse, in order."""
        for field, _ in looks:
            self.prepare(field)
        if len(looks) > 1:
            looks = sorted(looks, key=self._count_roughly)
        return in_chunks(lambda place: self._records.places(looks[0], looks[1:], place, CHUNK), start)

    def _count_roughly(self, look: Look) -> int:
        field, values = look
        return sum(self._records.count_up_to(field, value, FEW + 1) for value in values)

    def between(self, field: str, low: Any, high: Any) -> list[int]:
        """The places of records with a value of *field* from *low* to *high*."""
        self.prepare(field)
        return self._records.places_between(field, low, high)

    def walk_between(self, field: str, low: Any, high: Any, start: int) -> Iterator[int]:
        """The same from *start* on, in order, read as far as needed."""
        self.prepare(field)
        return in_chunks(lambda place: self._records.places_between(field, low, high, place, CHUNK), start)

    def containing(self, field: str, text: str) -> list[int]:
        """The places of records with *text* in *field*."""
        self.prepare(field)
        return self._records.places_containing(field, text)

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

    def added(self, place: int, data: Record) -> None:
        """Index a record that was appended."""
        for field, end in self._indexed.items():
            if end == place:
                self._records.enter(field, self.values(field, data), place)
                self._indexed[field] = end + 1

    @contextmanager
    def changing(self, place: int, data: Record, only: str | None = None) -> Generator[None]:
        """Keep the look-ups up to date while the block changes the values of a record (or *only* one of its fields)."""
        fields = [field for field, end in self._indexed.items() if place < end and only in (None, field)]
        was_made = place < self._origin.count and self._records.read(place) is None
        before = {field: list(self.values(field, data)) for field in fields}
        yield
        for field in fields:
            after = list(self.values(field, data))
            if after != before[field] or (was_made and self.inverse(field) is not None):
                self._records.strike(field, before[field], place)
                self._records.enter(field, after, place)

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
        place, count = self._indexed.setdefault(field, 0), len(self._rows)
        while place < count and time.perf_counter() < end:
            block = min(place + (50 if self.inverse(field) is None else 5_000), count)
            for each in self._to_enter(field, place, block):
                self._records.enter(field, self._values_at(field, each), each)
            place = self._indexed[field] = block
        return place >= count

    def _left(self, field: str) -> int:
        place = self._indexed.get(field, 0)
        return len(self._rows) - (max(place, self._origin.count) if self.inverse(field) is not None else place)

    def _to_enter(self, field: str, start: int, end: int) -> Iterable[int]:
        if self.inverse(field) is None or start >= self._origin.count:
            return range(start, end)
        return [*self._records.stored(start, min(end, self._origin.count)), *range(self._origin.count, end)]

    def _values_at(self, field: str, place: int) -> Iterable[Any]:
        """The look-up values of the record in *place* for *field*."""
        tell = self._origin.values.get(field)
        if tell is not None and self._rows.is_as_made(place):
            return tell(place)
        return self.values(field, self._rows.read(place))

    def inverse(self, field: str) -> Callable[[Any], Iterable[int]] | None:
        """Where initial records with a value of *field* can be, if that is known without an index."""
        if field == "remote_id":
            return self._place_of_number
        return self._origin.inverse.get(field)

    def _place_of_number(self, number: Any) -> Iterable[int]:
        place = place_of_number(self._key, str(number))
        return () if place is None else (place,)
