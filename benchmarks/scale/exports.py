"""Exports of employees, by a process of their own.

`python -m benchmarks.scale.exports URL FILE` writes FILE, and prints as JSON how many seconds it took, and of CPU.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

from benchmarks import mirror
from benchmarks.scale.scenes import Result, Scene

ROWS = 20_000


def measured(url: str, file: str) -> dict[str, float]:
    """Export the employees at *url* by the command itself."""
    from kombo_async._cli.export import command

    os.environ.update(KOMBO_API_KEY="key", KOMBO_BASE_URL=url)
    start, busy = time.perf_counter(), time.process_time()
    with suppress(SystemExit):
        command.main(["hris.employees", "--output", file, "--integration", mirror.INTEGRATION])
    return {"wall": time.perf_counter() - start, "cpu": time.process_time() - busy}


def exported(name: str, before: int) -> Result:
    """Employees a second into a file of this *name*; the first version wrote *before* a second of CPU."""
    with tempfile.TemporaryDirectory() as folder, mirror.far_side(ROWS) as url:
        file = Path(folder) / name
        command = [sys.executable, "-m", "benchmarks.scale.exports", url, str(file)]
        output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=240).stdout
        found: dict[str, float] = json.loads(output)
        if len(file.read_bytes().splitlines()) != ROWS + (file.suffix == ".csv"):
            raise OSError("some records are missing")
    text = f"{ROWS / found['wall']:,.0f} records/s ({ROWS / found['cpu']:,.0f} a second of CPU)"
    return Result(text, ROWS / found["cpu"] >= 3 * before)


def _scene(name: str, form: str, before: int) -> Scene:
    return Scene(
        f"{ROWS:,} employees into {form}, by `kombo-async export`",
        f"{before:,} records a second of CPU",
        f"≥ {3 * before:,} records a second of CPU",
        "real sockets",
        partial(exported, name, before),
    )


# The first version's figures are the middle ones of three runs, each beside one of today's.
SCENES = (_scene("employees.jsonl", "JSON Lines", 3_200), _scene("employees.csv", "CSV", 2_400))

if __name__ == "__main__":
    sys.stdout.write(json.dumps(measured(sys.argv[1], sys.argv[2])))
