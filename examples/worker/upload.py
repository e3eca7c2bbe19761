"""Spread the rows of a CSV file over the workers, and wait until all are settled. Run it again whenever you like.

    python examples/worker/upload.py applications.csv

The queue may lose tasks, and workers may die: the journal says what is left, and that is sent out again.
"""

from __future__ import annotations

import asyncio
import csv
import os
import sys
import time
from collections import Counter
from pathlib import Path

from tasks import application, broker, journal, upload

from kombo_async.bulk import RowKey

ROWS = 50
"""How many make a task."""
AGAIN = float(os.environ.get("AGAIN", "120"))
"""Seconds after which a task that has not settled its rows is sent out again."""


def key(row: dict[str, str]) -> RowKey:
    """What the journal knows a row by."""
    return RowKey(row["id"], application(row).request.operation.id, row["integration_id"])


class Chunk:
    """Rows that are one task, and when they were last sent out."""

    def __init__(self, job: str, rows: list[dict[str, str]]) -> None:
        self.job = job
        self.rows = rows
        self.states: list[str] = []
        self._sent_at: float | None = None

    async def follow(self, now: float) -> bool:
        """Whether all rows are settled; sends out those of which nothing has been heard for too long."""
        entries = await journal(self.job).look_up([key(row) for row in self.rows])
        self.states = ["new" if entry is None else entry.state for entry in entries]
        left = set(self.states) - {"done", "refused"}
        if not left or (self._sent_at is not None and now - self._sent_at < AGAIN):
            return not left
        if left == {"in_doubt"} and self._sent_at is not None:
            return True  # it was looked for, and cannot be told yet
        await upload.kiq(self.job, self.rows)
        self._sent_at = now
        return False


async def main(path: Path) -> int:
    """Upload the file; 0 if all rows are done, 1 if some were refused, 3 if some are in doubt (try again in a day)."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    chunks = [Chunk(path.name, rows[start : start + ROWS]) for start in range(0, len(rows), ROWS)]
    await broker.startup()
    while True:
        settled = [await chunk.follow(time.monotonic()) for chunk in chunks]
        states = Counter(state for chunk in chunks for state in chunk.states)
        print(", ".join(f"{count} {state}" for state, count in sorted(states.items())), flush=True)
        if all(settled):
            break
        await asyncio.sleep(1)
    await broker.shutdown()
    return 3 if states["in_doubt"] else 1 if states["refused"] else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]))))
