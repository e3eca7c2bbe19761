"""The memory of the producer of the worker example: `python -m benchmarks.scale.producer ROWS`.

It reads so many generated rows; in place of the queue and the journal stand objects that have each row done when it is
asked for the second time. Prints the most memory that the process had, in MB.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.scale.scenes import Result, Scene
from kombo_async.bulk import Entry, RowKey

EXAMPLE = Path(__file__).parents[2] / "examples" / "worker"
FEW, MANY = 100_000, 1_000_000
DONE = Entry(state="done", digest="")


class Uploads:
    """A journal in which rows are done once they have been sent out, and the queue that sends them."""

    job = "upload"

    def __init__(self) -> None:
        self.sent: set[RowKey] = set()
        self.looked_up = 0

    async def look_up(self, keys: Sequence[RowKey]) -> list[Entry | None]:
        """New at first; forgotten once they are done, which shows if a row is asked for again."""
        self.looked_up += len(keys)
        found = [DONE if key in self.sent else None for key in keys]
        self.sent ^= set(keys)
        return found

    async def kiq(self, job: str, rows: list[dict[str, str]]) -> None:
        """Send a task."""

    async def startup(self) -> None:
        """Nothing."""

    aclose = shutdown = startup


def write(path: Path, number: int) -> None:
    """The input."""
    with path.open("w", encoding="utf-8") as file:
        file.write("id,integration_id,job_id,first_name,last_name,email\n")
        for row in range(number):
            file.write(f"{row},greenhouse:{row % 50},BDpgnpZ148nrGh4mYHNxJBgx,Ada,Doe {row},ada.{row}@example.com\n")


def measured(number: int) -> dict[str, float]:
    """Run the example's producer in this process."""
    uploads = Uploads()
    tasks: Any = ModuleType("tasks")
    tasks.broker = tasks.upload = uploads
    tasks.journal = lambda name: uploads
    sys.modules["tasks"] = tasks
    sys.path.insert(0, str(EXAMPLE))
    import upload  # type: ignore[import-not-found] # the example's file

    async def at_once(seconds: float) -> None:
        """Let others run; nothing takes time here."""

    upload.asyncio.sleep = at_once
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        write(path, number)
        with contextlib.redirect_stdout(io.StringIO()):
            code = asyncio.run(upload.main(path))
    status = Path("/proc/self/status").read_text()  # unlike ru_maxrss, without the process that started this one
    most = next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM:"))
    return {"code": code, "looked_up": uploads.looked_up, "megabytes": most}


def producer() -> Result:
    """Memory with a hundred thousand rows and with a million, and how often a row was looked up."""

    def run(number: int) -> dict[str, float]:
        command = [sys.executable, "-m", "benchmarks.scale.producer", str(number)]
        output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=400).stdout
        found: dict[str, float] = json.loads(output)
        return found

    few, many = run(FEW), run(MANY)
    again = many["looked_up"] - 2 * MANY  # once to see that it is new, once to see that it is done
    text = (
        f"{few['megabytes']:.0f} MB with {FEW:,} rows, {many['megabytes']:.0f} MB with {MANY:,}; "
        f"{again:,.0f} look-ups of settled rows"
    )
    return Result(text, many["megabytes"] <= 1.1 * few["megabytes"] and not again)


SCENES = (
    Scene(
        "the producer of `examples/worker`",
        "the whole CSV in memory; settled rows looked up again and again",
        "flat at 1,000,000 rows; settled rows never again",
        "this process",
        producer,
    ),
)

if __name__ == "__main__":
    sys.stdout.write(json.dumps(measured(int(sys.argv[1]))))
