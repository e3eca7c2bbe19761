"""Rows that a bulk run has put aside: in doubt, or held by another run."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Generator
from contextlib import contextmanager

from kombo_async.bulk._item import Doubt, Held


class Later:
    """Integrations share the workers: one whose lists are slow does not hold up the rows of others.

    The next row is one of the integration with the fewest in progress; among those, integrations take turns.
    """

    def __init__(self) -> None:
        self._rows: OrderedDict[str | None, deque[Doubt | Held]] = OrderedDict()
        self._in_progress: Counter[str | None] = Counter()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(self, row: Doubt | Held) -> None:
        """Put a row aside."""
        self._rows.setdefault(row.item.integration_id, deque()).append(row)
        self._length += 1

    @contextmanager
    def next(self) -> Generator[Doubt | Held]:
        """Take the next row; it is in progress until the end of the block."""
        integration = min(self._rows, key=self._in_progress.__getitem__)
        rows = self._rows[integration]
        row = rows.popleft()
        self._length -= 1
        self._rows.move_to_end(integration)
        if not rows:
            del self._rows[integration]
        self._in_progress[integration] += 1
        try:
            yield row
        finally:
            self._in_progress[integration] -= 1
            if not self._in_progress[integration]:
                del self._in_progress[integration]
