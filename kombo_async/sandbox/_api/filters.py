"""Filters of lists: how each finds records by an index, and how it checks whether a record passes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import attrs

from kombo_async.model import wire_time
from kombo_async.sandbox._state.bitmaps import LAST, Bits, bits_of
from kombo_async.sandbox._state.clock import parse, stamp
from kombo_async.sandbox._state.indexes import NULL, Record
from kombo_async.sandbox._state.store import World
from kombo_async.sandbox._state.table import RecordTable, StoredRecord

Test: TypeAlias = Callable[[World, StoredRecord, Any], bool]
"""Whether a record passes a filter with this value."""
Find: TypeAlias = Callable[[World, RecordTable, Any], Bits]
"""The places of records that may pass; no others do."""


@attrs.frozen
class Filter:
    """A filter, and how to apply it."""

    test: Test = lambda world, record, value: True
    find: Find | None = None
    keys: Callable[[World, Any], tuple[str, Sequence[Any]]] | None = None
    """For a filter that uses look-ups: the field, and its possible values."""

    def places(self, world: World, table: RecordTable, value: Any) -> Bits:
        """The places of records that may pass with this value."""
        if self.keys is not None:
            return table.indexes.having(*self.keys(world, value))
        assert self.find is not None  # noqa: S101 - each filter has one of them
        return self.find(world, table, value)


def as_stamp(value: Any) -> str:
    """A request's time in the form that the sandbox stores."""
    return stamp(parse(value if isinstance(value, str) else wire_time(value)))


def _by(field: str, values: Callable[[Any], Sequence[Any]]) -> Callable[[World, Any], tuple[str, Sequence[Any]]]:
    return lambda _, value: (field, values(value))


def equal(field: str) -> Filter:
    """*field* equals the value, ignoring case."""
    return Filter(
        lambda _, record, value: str(record.data.get(field) or "").lower() == str(value).lower(),
        keys=_by(f"{field}~", lambda value: (str(value).lower(),)),
    )


def one_of(field: str) -> Filter:
    """*field* is one of the values; the word `null` matches null."""
    return Filter(
        lambda _, record, value: (record.data.get(field) or NULL) in value,
        keys=_by(f"{field}~", lambda value: [str(each).lower() for each in value]),
    )


def one_id_of(field: str) -> Filter:
    """*field*, an ID, is one of the values."""
    return Filter(lambda _, record, value: record.data.get(field) in value, keys=_by(field, tuple))


def id_is(field: str) -> Filter:
    """*field*, an ID, is the value."""
    return Filter(lambda _, record, value: record.data.get(field) == value, keys=_by(field, lambda value: (value,)))


def any_id_of(field: str) -> Filter:
    """*field*, a list of IDs, shares one with the values."""
    return Filter(
        lambda _, record, value: not frozenset(record.data.get(field) or ()).isdisjoint(value), keys=_by(field, tuple)
    )


def one_email_of(field: str) -> Filter:
    """*field* is one of the e-mail addresses, ignoring case."""
    return Filter(
        lambda _, record, value: str(record.data.get(field) or "").lower() in {each.lower() for each in value},
        keys=_by(f"{field}~", lambda value: [each.lower() for each in value]),
    )


def contains(field: str) -> Filter:
    """*field* contains the text, ignoring case."""
    return Filter(
        lambda _, record, value: value.lower() in (record.data.get(field) or "").lower(),
        lambda _, table, value: table.indexes.containing(f"{field}~", value.lower()),
    )


def after(field: str) -> Filter:
    """*field* is the time of the value or later."""
    return _between(field, lambda value: (as_stamp(value), LAST), lambda record, at: (record.get(field) or "") >= at[0])


def before(field: str) -> Filter:
    """*field* is the time of the value or earlier."""
    return _between(
        field,
        lambda value: ("", as_stamp(value)),
        lambda record, at: bool(record.get(field)) and record[field] <= at[1],
    )


def since_day(field: str) -> Filter:
    """*field* is the day of the value or later, or null: not over yet."""
    return _between(
        f"{field}~", lambda value: (_day(value), LAST), lambda record, at: (record.get(field) or NULL) >= at[0]
    )


def until_day(field: str) -> Filter:
    """*field* is the day of the value or earlier."""
    return _between(
        field, lambda value: ("", _day(value)), lambda record, at: bool(record.get(field)) and record[field] <= at[1]
    )


def _day(value: Any) -> str:
    return as_stamp(value)[:10]


def _between(
    look_up: str, bounds: Callable[[Any], tuple[str, str]], passes: Callable[[Record, tuple[str, str]], bool]
) -> Filter:
    return Filter(
        lambda _, record, value: passes(record.data, bounds(value)),
        lambda _, table, value: table.indexes.between(look_up, *bounds(value)),
    )


def by_derived(field: str, values: Callable[[World, Any], Sequence[Any]] = lambda _, value: tuple(value)) -> Filter:
    """The look-up value of *field* is among the values."""
    return Filter(keys=lambda world, value: (field, values(world, value)))


UPDATED_AFTER = Filter(find=lambda _, table, value: table.touched_since(as_stamp(value)))
REMOTE_IDS = Filter(lambda _, record, value: record.data.get("remote_id") in value, keys=_by("remote_id", tuple))
IDS = Filter(
    lambda _, record, value: record.id in value,
    lambda _, table, value: bits_of(found.place for id in value if (found := table.find(id)) is not None),
)
COMMON = {"ids": IDS, "remote_ids": REMOTE_IDS, "updated_after": UPDATED_AFTER}
"""Filters that every list may have."""
