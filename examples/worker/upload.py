"""Spread the rows of a CSV file over the workers, and wait until all are settled. Run it again whenever you like.

    python examples/worker/upload.py applications.csv

The queue may lose tasks, and workers may die: the journal says what is left, and that is sent out again. The file is
read as the work goes on, so it may be of any length.
"""

from __future__ import annotations

import asyncio
import csv
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from tasks import broker, journal, upload

from kombo_async.bulk import RowKey
from kombo_async.bulk.redis import RedisJournal

ROWS = 50
"""How many make a task."""
AHEAD = 200
"""How many tasks are under way at most."""
AGAIN = float(os.environ.get("AGAIN", "120"))
"""Seconds after which a task that has not settled its rows is sent out again."""
SETTLED = {"done", "refused", "given_up"}


def key(row: dict[str, str]) -> RowKey:
    """What the journal knows a row by."""
    return RowKey(row["id"], "application", row["integration_id"])


class Chunk:
    """Rows that are one task, and when they were last sent out."""

    def __init__(self, rows: list[dict[str, str]]) -> None:
        self.rows = rows
        self.states: Counter[str] = Counter()
        self._sent_at: float | None = None

    async def follow(self, uploads: RedisJournal, now: float) -> bool:
        """Whether all rows are settled; sends out those of which nothing has been heard for too long."""
        entries = await uploads.look_up([key(row) for row in self.rows])
        self.states = Counter("new" if entry is None else entry.state for entry in entries)
        left = self.states.keys() - SETTLED
        if not left or (left == {"in_doubt"} and self._sent_at is not None):
            return True  # what is in doubt was looked for by now, and cannot be told yet
        if self._sent_at is None or now - self._sent_at >= AGAIN:
            await upload.kiq(uploads.job, self.rows)
            self._sent_at = now
        return False


def chunks_of(path: Path) -> Iterator[Chunk]:
    """The rows of the file, a task at a time."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        while chunk := list(islice(rows, ROWS)):
            yield Chunk(chunk)


async def main(path: Path) -> int:
    """Upload the file; 0 if all rows are done, 1 if some were refused, 3 if some are in doubt (see the journal)."""
    uploads = journal(path.name)
    chunks = chunks_of(path)
    under_way: list[Chunk] = []
    settled = Counter[str]()
    await broker.startup()
    while True:
        under_way += islice(chunks, AHEAD - len(under_way))
        if not under_way:
            break
        waiting: list[Chunk] = []
        for chunk in under_way:
            if await chunk.follow(uploads, time.monotonic()):
                settled += chunk.states
            else:
                waiting.append(chunk)
        states = sum((chunk.states for chunk in waiting), settled.copy())
        print(", ".join(f"{count} {state}" for state, count in sorted(states.items())), flush=True)
        under_way = waiting
        if waiting:
            await asyncio.sleep(1)
    await uploads.aclose()
    await broker.shutdown()
    return 3 if settled["in_doubt"] else 1 if settled["refused"] else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]))))
