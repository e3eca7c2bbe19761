"""A copy of the connected system that gets changes only after a while, like Kombo's between two syncs."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime

import attrs

from kombo_async.sandbox._state.clock import stamp
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.store import World
from kombo_async.sandbox._state.table import StoredRecord


@attrs.frozen
class _Change:
    due: float
    model: str
    place: int
    data: Record
    fields: frozenset[str]


class LaggingCopy:
    """The world as it was, and the changes since."""

    def __init__(self, world: World, copied: World, lag: float, *, write_through: bool) -> None:
        self.world = world
        self.copied = copied
        self._lag = lag
        self._write_through = write_through
        self._changes: deque[_Change] = deque()
        world.watcher = self._note

    def _note(self, model: str, record: StoredRecord) -> None:
        now = self.world.clock.time()
        at_once = self._write_through and self.world.acting
        due = now if at_once else now + self._lag
        change = _Change(due, model, record.place, dict(record.data), frozenset(record.data))
        self._changes.append(change)
        if at_once:
            self._learn_all(model, now)

    def _learn_all(self, model: str, now: float) -> None:
        """Apply all changes of a model: each record has its place, so they must come in order."""
        for change in [each for each in self._changes if each.model == model]:
            self._learn(change, now)
            self._changes.remove(change)

    def catch_up(self, now: float) -> None:
        """Apply changes that are old enough."""
        while self._changes and self._changes[0].due <= now:
            change = self._changes.popleft()
            self._learn(change, change.due)

    def _learn(self, change: _Change, at: float) -> None:
        learned = {**change.data, "changed_at": stamp(datetime.fromtimestamp(at, UTC))}
        table = self.copied.table(change.model)
        fields = change.fields
        if change.place < len(table):
            before = table[change.place].data
            fields = frozenset(field for field in fields if before.get(field) != learned.get(field))
        self.copied.keep(change.model, change.place, learned, fields)
