"""The search for a text in all records of a model: newest first, in slices, a bit further each time the page asks."""

from __future__ import annotations

import time
from collections import OrderedDict
from contextlib import suppress
from weakref import WeakKeyDictionary

import anyio.lowlevel
import attrs
import msgspec

from kombo_async.sandbox._state.store import World
from kombo_async.sandbox._state.table import RecordTable

SLICE_SECONDS = 0.005
LOOK_SECONDS = 0.3
"""How long one request of the page searches; the next one continues from there."""
KEPT = 4
"""How many searches of an integration are remembered."""


@attrs.define
class Search:
    """A search and its progress."""

    text: str
    version: int
    """The version of the table; after a change, the search starts again."""
    left: int
    """How many records remain to be searched: those before this place."""
    found: list[int] = attrs.field(factory=list[int])
    """The places of records that contain the text, newest first."""

    def search_slice(self, records: RecordTable) -> None:
        """Search some more records."""
        end = time.perf_counter() + SLICE_SECONDS
        while self.left and time.perf_counter() < end:
            self.left -= 1
            if self.text in msgspec.json.encode(records.read(self.left)).decode().lower():
                self.found.append(self.left)


_searches: WeakKeyDictionary[World, OrderedDict[tuple[str, str], Search]] = WeakKeyDictionary()


async def search(world: World, model: str, text: str) -> Search:
    """Search for *text*, ignoring case, for a while, and respond to others meanwhile."""
    records = world.table(model)
    kept = _searches.setdefault(world, OrderedDict())
    version = world.version(model)
    found = kept.get((model, text))
    if found is None or found.version != version:
        found = kept[model, text] = Search(text.lower(), version, len(records))
    kept.move_to_end((model, text))
    while len(kept) > KEPT:
        kept.popitem(last=False)
    end = time.perf_counter() + LOOK_SECONDS
    with suppress(LookupError):  # the sandbox was reset meanwhile
        while found.left and time.perf_counter() < end:
            found.search_slice(records)
            await anyio.lowlevel.checkpoint()
    return found


def named(records: RecordTable, text: str) -> list[int]:
    """The places of records with this ID or remote ID."""
    return [each.place for field in ("id", "remote_id") for each in records.where(field, text)]
