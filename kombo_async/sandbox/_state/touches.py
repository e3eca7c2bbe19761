"""Which records of a table nest something that changed, and when it did."""

from __future__ import annotations

import time
from typing import Any

from kombo_async.sandbox._state.bitmaps import Bits, Ordered
from kombo_async.sandbox._state.indexes import AT_ONCE, SLICE_SECONDS, Indexes, IndexNeeded, Record
from kombo_async.sandbox._state.initial import FEW
from kombo_async.sandbox._state.records import Records


class Touches:
    """Changes to what records nest. Each applies to all records with a value in a field."""

    def __init__(self, indexes: Indexes, records: Records) -> None:
        self._indexes = indexes
        self._records = records
        self._all: dict[tuple[str, str], str] = {(field, value): at for field, value, at in records.touches()}
        """By field and value: when all records with this value were last touched."""
        self._fields: set[str] = {field for field, _ in self._all}
        self._new: dict[tuple[str, str], str] = dict(self._all)
        """Those that are not in one of the following yet."""
        self._common: dict[tuple[str, Any], str] = {}
        """Those of values that many records have."""
        self._latest: dict[int, str] = {}
        """By place: the last of the others."""
        self._by_time = Ordered()
        """The same, for ranges of times."""

    def note(self, field: str, value: Any, at: str) -> None:
        """Note a change to something nested in all records with *value* in *field*."""
        self._fields.add(field)
        self._all[field, value] = self._new[field, value] = at
        self._records.touch_all(field, value, at)

    def added(self, data: Record) -> None:
        """Note that a record was added, which may nest what was touched after the time that the record came with."""
        for field in self._fields:
            for value in self._indexes.values(field, data):
                if (field, value) in self._all:
                    self._new[field, value] = self._all[field, value]

    def since(self, at: str) -> list[Bits]:
        """The places of records that were touched then or later."""
        for field in self._fields:
            self._indexes.prepare(field)
        if self._indexes.deferring and len(self._new) > AT_ONCE:
            raise IndexNeeded(self, "")
        while not self.prepare_slice(""):
            pass
        common = [self._indexes.having(field, [value]) for (field, value), when in self._common.items() if when >= at]
        return [*common, self._by_time.at_least(at)]

    def prepare_slice(self, field: str) -> bool:
        """Find the records for some new touches; returns whether all are found."""
        end = time.perf_counter() + SLICE_SECONDS
        while self._new and time.perf_counter() < end:
            (key, at) = next(iter(self._new.items()))
            self._apply(*key, at)
            del self._new[key]
        return not self._new

    def _apply(self, field: str, value: Any, at: str) -> None:
        places = self._indexes.places(field, value, FEW + 1)
        if len(places) > FEW:
            self._common[field, value] = at
            return
        # Records that get this value later change then, so only those that have it now count.
        for place in places:
            if at > self._latest.get(place, ""):
                self._latest[place] = at
                self._by_time.set(place, at)
