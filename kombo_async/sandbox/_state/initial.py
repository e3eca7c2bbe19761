"""Which initial records have a value, as far as that is known without generating them all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs

from kombo_async.sandbox._state.bitmaps import Bits, Ordered, Places, any_of, below, bits_of, repeated
from kombo_async.sandbox._state.ids import number_at, place_of_number

FEW = 1_000
"""The places of values that more records have are kept as bits."""
PERIOD = 3_600
"""After how many places what lists filter by repeats, so that few of many records must be looked at to find them."""


@attrs.frozen
class Origin:
    """The initial records of a table, each derived only from its place."""

    count: int = 0
    make: Callable[[int], dict[str, Any]] = attrs.field(default=lambda _: {}, repr=False)
    touched: str = ""
    """No record was touched later than this."""
    inverse: Mapping[str, Callable[[Any], Iterable[int]]] = attrs.field(
        factory=dict[str, Callable[[Any], Iterable[int]]], repr=False
    )
    """By field: the places of the records with a value, in order."""
    values: Mapping[str, Callable[[int], Iterable[Any]]] = attrs.field(
        factory=dict[str, Callable[[int], Iterable[Any]]], repr=False
    )
    """By field: the look-up values of the record in a place, and in all places that are a multiple of `period` away."""
    period: int = 1


class Initial:
    """The look-ups of a table's initial records, as they were generated.

    Either the places follow from a value, or the values repeat from place to place, and those of one period are kept.
    """

    def __init__(self, key: tuple[object, ...], origin: Origin) -> None:
        self._key = key
        self._origin = origin
        self._inverse = {"remote_id": self._numbered, **origin.inverse}
        self._size = min(origin.period, origin.count)
        self._cycles: dict[str, dict[Any, list[int]]] = {}
        """By field and value: the places in the first period."""
        self._ordered: dict[str, Ordered] = {}
        """By field: the same for ranges."""
        self._common: dict[tuple[str, Any], Places] = {}
        """By field and value: the places of values that more than `FEW` records have, if places follow from them."""

    def knows(self, field: str) -> bool:
        """Whether look-ups of *field* need no index of the initial records."""
        return field in self._inverse or field in self._origin.values

    def places(self, field: str, value: Any) -> Iterable[int]:
        """The places with *value* in *field*, in order."""
        inverse = self._inverse.get(field)
        if inverse is None:
            return below(self._repeated(self._cycle(field).get(value, ())), self._origin.count)
        return (place for place in inverse(value) if place < self._origin.count)

    def having(self, field: str, values: Iterable[Any]) -> Bits:
        """The places with any of *values* in *field*."""
        if field not in self._inverse:
            cycle = self._cycle(field)
            return self._repeated(place for value in values for place in cycle.get(value, ()))
        common: list[Bits] = []
        few: list[int] = []
        for value in values:
            kept = self._common.get((field, value))
            places = list(self.places(field, value)) if kept is None else ()
            if len(places) > FEW:
                kept = self._common[field, value] = Places(places)
            if kept is None:
                few += places
            else:
                common.append(kept.bits)
        return any_of([*common, bits_of(few)])

    def between(self, field: str, low: str, high: str) -> Bits:
        """The places with a text of *field* from *low* to *high*; the field's values must repeat."""
        return self._repeated(below(self._texts(field).between(low, high), self._size))

    def containing(self, field: str, text: str) -> Bits:
        """The places with *text* in *field*, whose values must repeat."""
        return self.having(field, [value for value in self._cycle(field) if text in value])

    def _repeated(self, places: Iterable[int]) -> Bits:
        return repeated(places, self._origin.period, self._origin.count)

    def _cycle(self, field: str) -> dict[Any, list[int]]:
        cycle = self._cycles.get(field)
        if cycle is None:
            tell = self._origin.values[field]
            cycle = self._cycles[field] = {}
            for place in range(self._size):
                for value in tell(place):
                    cycle.setdefault(value, []).append(place)
        return cycle

    def _texts(self, field: str) -> Ordered:
        ordered = self._ordered.get(field)
        if ordered is None:
            tell = self._origin.values[field]
            ordered = self._ordered[field] = Ordered()
            ordered.fill(0, [text_of(tell(place)) for place in range(self._size)])
        return ordered

    def _numbered(self, number: Any) -> Iterable[int]:
        """The connected system's IDs can be turned back into places."""
        place = place_of_number(self._key, str(number))
        return () if place is None or number_at(self._key, place) != number else (place,)


def text_of(values: Iterable[Any]) -> str | None:
    """The text of a field that is looked up by ranges: the first of its values."""
    return next((str(value) for value in values), None)
