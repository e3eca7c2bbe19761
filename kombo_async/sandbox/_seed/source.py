"""The initial records, each generated only from its place: the same seed gives the same ones, whatever the count."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache, cached_property, lru_cache, partial
from importlib import import_module
from typing import Any, TypeAlias

import attrs

from kombo_async.sandbox._seed.quick_random import Random
from kombo_async.sandbox._state.clock import days, stamp
from kombo_async.sandbox._state.ids import id_at, make_id, make_ids, number_at, place_of
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.initial import PERIOD, Origin
from kombo_async.sandbox._state.sizes import Sizes
from kombo_async.sandbox._state.store import base_record

Inverse: TypeAlias = Callable[["Source", Any], Iterable[int]]


@attrs.frozen
class Table:
    """How the records of one table are generated."""

    count: Callable[[Source], int]
    make: Callable[[Source, int, Random], tuple[Record, str]]
    """The record in a place, and when it was created."""
    inverse: Mapping[str, Inverse] = attrs.field(factory=dict[str, Inverse])
    """By field: the places of the records with a value, in order."""
    values: Mapping[str, Callable[[Source, int], Iterable[Any]]] = attrs.field(
        factory=dict[str, Callable[[Any, int], Iterable[Any]]]
    )
    """By field: a record's look-up values, without generating the record; they repeat after `period` places."""
    period: Callable[[Source], int] = lambda _: PERIOD
    settled: float = 0.0
    """For how many days nothing has changed."""


_MODULES = {
    "ats": "recruiting",
    "hris": "people",
    "lms": "learning",
    "assessment": "assessments",
    "ai": "postings",
    "integration": "fields",
    "custom": "fields",
}


class Source:
    """The initial records of an integration."""

    def __init__(self, seed: object, integration_id: str, born: datetime, sizes: Sizes, category: str) -> None:
        self.seed = seed
        self.integration_id = integration_id
        self.born = born
        self.sizes = sizes
        self.category = category
        self.record = lru_cache(maxsize=4_000)(self._make)
        self.ids = cache(self._ids)

    @cached_property
    def tool(self) -> str:
        """The name of the tool."""
        return self.integration_id.partition(":")[0]

    def origin(self, name: str) -> Origin:
        """The records of the table *name*."""
        table = _table(name)
        if table is None:
            return Origin()
        inverse = {field: partial(of, self) for field, of in table.inverse.items()}
        values = {field: partial(of, self) for field, of in table.values.items()}
        return Origin(
            count=table.count(self),
            make=lambda place: dict(self.record(name, place)),
            touched=stamp(self.born - days(table.settled)),
            inverse=inverse,
            values=values,
            period=table.period(self),
        )

    def count(self, name: str) -> int:
        """How many records *name* has."""
        table = _table(name)
        return 0 if table is None else table.count(self)

    def key(self, name: str) -> tuple[object, ...]:
        """What the IDs of a table's records are derived from."""
        return (self.seed, self.integration_id, name)

    def id(self, name: str, place: int) -> str:
        """The ID of a record."""
        return id_at(self.key(name), place)

    def place(self, name: str, id: Any) -> int | None:
        """The place of the record with this ID."""
        place = place_of(self.key(name), str(id))
        return place if place is not None and place < self.count(name) else None

    def make_id(self, *parts: object) -> str:
        """The ID of something within records."""
        return make_id(self.seed, self.integration_id, *parts)

    def make_ids(self, count: int, *parts: object) -> list[str]:
        """Several IDs, which is quicker than one by one."""
        return make_ids(count, self.seed, self.integration_id, *parts)

    def number(self, name: str, place: int) -> str:
        """The connected system's ID of a record, or of something within records."""
        return number_at(self.key(name), place)

    def _ids(self, name: str) -> list[str]:
        """The IDs of all records of a small table."""
        return [self.id(name, place) for place in range(self.count(name))]

    def pick(self, name: str, random: Random) -> str:
        """The ID of any record of *name*."""
        return self.id(name, random.below(self.count(name)))

    def _make(self, name: str, place: int) -> Record:
        table = _table(name)
        assert table is not None  # noqa: S101 - it has a count
        random = Random(hash_of(*self.key(name)) + place)
        data, at = table.make(self, place, random)
        return base_record(self.id(name, place), self.number(name, place), at, data)


@cache
def _table(name: str) -> Table | None:
    home = _MODULES.get(name.partition("_")[0])
    if home is None:
        return None
    tables: Mapping[str, Table] = import_module(f"kombo_async.sandbox._seed.{home}").TABLES
    return tables.get(name)


@lru_cache(maxsize=1_000)
def hash_of(*parts: object) -> int:
    """A number derived from *parts*, the same in every process."""
    return int(id_at(parts, 0).encode().hex(), 16) % 2**48


def mix(place: int, salt: int, most: int) -> int:
    """A number below *most* derived from a place, in no visible order; it repeats after `PERIOD` places."""
    value = (place % PERIOD + 1) * 2_654_435_761 + salt * 40_503 & 0xFFFFFFFF
    value = (value ^ value >> 15) * 2_246_822_519 & 0xFFFFFFFF
    return (value ^ value >> 13) % most


def ago(source: Source, place: int, salt: int, least: float, most: float) -> datetime:
    """A time between *least* and *most* days before the start."""
    return source.born - days(least + (most - least) * mix(place, salt, 1_000_003) / 1_000_003)


def employee_changed(source: Source, place: int) -> str:
    """When an employee last changed, and with it what belongs to the employee alone."""
    return stamp(ago(source, place, 3, 1, 30))


def fixed(count: int) -> Callable[[Source], int]:
    """The same number for every size."""
    return lambda _: count


def owned(name: str, each: int = 1) -> Inverse:
    """Records that belong to those of *name*, in order, *each* per record."""

    def places(source: Source, value: Any) -> Iterable[int]:
        place = source.place(name, value)
        return () if place is None else range(place * each, (place + 1) * each)

    return places


def addressed(name: str, field: str) -> Inverse:
    """Initial people by their e-mail addresses, which end in their places."""

    def places(source: Source, value: Any) -> Iterable[int]:
        place = last_number(str(value).partition("@")[0])
        if place is None or place >= source.count(name):
            return ()
        known = source.record(name, place)[field]
        return (place,) if value in (known if isinstance(known, list) else [known]) else ()

    return places


def last_number(text: str) -> int | None:
    """The number at the end of a text; None if there is none, or if it is too large for a place."""
    digits = text[len(text.rstrip("0123456789")) :]
    return int(digits) if digits and len(digits) < 10 else None


def nowhere(source: Source, value: Any) -> Iterable[int]:
    """The inverse of a field that initial records do not have."""
    return ()
