"""Spread the rows of a CSV file over the workers, and wait until all are settled. Run it again whenever you like.

    python examples/worker/upload.py applications.csv

The queue may lose tasks, and workers may die: the journal says what is left, and that is sent out again.
"""

from __future__ import annotations

import asyncio
import csv
import os
import sys
from collections import Counter
from pathlib import Path

from tasks import application, broker, journal, upload

from kombo_async.bulk import RowKey

ROWS_IN_A_TASK = 50
AGAIN = float(os.environ.get("AGAIN", "120"))
"""Seconds after which a task that has not settled its rows is sent out again."""


def key(row: dict[str, str]) -> RowKey:
    """What the journal knows a row by."""
    return RowKey(row["id"], application(row).request.operation.id, row["integration_id"])


async def main(path: Path) -> int:
    """Upload the file; 0 if all rows are done, 1 if some were refused, 3 if some are in doubt."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    chunks = [rows[start : start + ROWS_IN_A_TASK] for start in range(0, len(rows), ROWS_IN_A_TASK)]
    sent_at = dict.fromkeys(range(len(chunks)), -AGAIN)
    clock = asyncio.get_running_loop().time
    states = Counter[str]()
    await broker.startup()
    while len(sent_at):
        states.clear()
        for number, chunk in enumerate(chunks):
            entries = await journal(path.name).look_up([key(row) for row in chunk])
            states.update("new" if entry is None else entry.state for entry in entries)
            if all(entry is not None and entry.state in ("done", "refused") for entry in entries):
                sent_at.pop(number, None)
            elif clock() - sent_at[number] >= AGAIN:
                await upload.kiq(path.name, chunk)
                sent_at[number] = clock()
        print(", ".join(f"{count} {state}" for state, count in sorted(states.items())), flush=True)
        await asyncio.sleep(1 if sent_at else 0)
    await broker.shutdown()
    return 1 if states["refused"] else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]))))
