"""The journal for runs without one: it keeps the last rows in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import ClassVar

from kombo_async.bulk._journal import Claim, Entry, RowKey, proof_of

MOST_ROWS = 100_000
"""How many rows are remembered; duplicates of older ones are not noticed."""


class NoJournal:
    """Forgets everything when the run ends. Within it, no row is sent twice, and no record proves two rows."""

    durable: ClassVar[bool] = False

    def __init__(self) -> None:
        self._met: OrderedDict[RowKey, str] = OrderedDict()
        self._owners: dict[str, RowKey] = {}

    async def open(self, address: str | None) -> None:
        """Nothing to open."""

    async def claim(self, key: RowKey) -> Claim:
        """Each row is new unless it came before."""
        if key in self._met:
            return Claim(status="met")
        self._met[key] = ""
        if len(self._met) > MOST_ROWS:
            self._owners.pop(self._met.popitem(last=False)[1], None)
        return Claim()

    def check(self) -> None:
        """Nothing can be lost."""

    async def record(self, key: RowKey, entry: Entry, *, hold: bool = False) -> bool:
        """Remember which row the record proves."""
        id = proof_of(entry)
        if id and entry.proof in ("look", "person") and self._owners.get(id, key) != key:
            return False
        if id and key in self._met:
            self._met[key] = id
            self._owners[id] = key
        return True

    async def owners(self, ids: Sequence[str]) -> Mapping[str, RowKey]:
        """The rows that these records prove."""
        return {id: self._owners[id] for id in ids if id in self._owners}

    async def release(self, key: RowKey) -> None:
        """Forget the row."""
        self._met.pop(key, None)

    async def unfinished(self) -> AsyncIterator[tuple[RowKey, Entry]]:
        """None: nothing outlives the run."""
        nothing: tuple[tuple[RowKey, Entry], ...] = ()
        for each in nothing:
            yield each

    async def aclose(self) -> None:
        """Nothing to close."""
