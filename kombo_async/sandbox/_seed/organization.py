"""Who leads whom: the first of each department leads it, and the very first leads all the leaders."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kombo_async.sandbox._seed import words
from kombo_async.sandbox._seed.source import Source


def manager_of(place: int) -> int | None:
    """An employee's manager."""
    if place == 0:
        return None
    return 0 if place < len(words.DEPARTMENTS) else place % len(words.DEPARTMENTS)


def managed_by(source: Source, value: Any) -> Iterable[int]:
    """The employees with this manager: the inverse of `manager_of`."""
    manager, departments = source.place("hris_employees", value), len(words.DEPARTMENTS)
    if manager is None or manager >= departments:
        return ()
    others = range(departments + manager, source.sizes.employees, departments)
    return others if manager else (*range(1, departments), *others)
