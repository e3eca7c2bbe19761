"""Running a case in a process of its own, and what its figures come to."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

HERE = Path(__file__).parent
TIMEOUT = 90


@dataclass(frozen=True)
class Figure:
    """The median of what was measured, with the middle half around it."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> Figure:
        """The figure of *values*."""
        low, _, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else (values[0],) * 3
        return cls(median(values), low, high)


def cores() -> tuple[int, int]:
    """The cores for the server and for what is measured; the same one where there is no other."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[-1]


def run(python: Path, case: str, *args: object) -> Any:
    """What *case* prints, on the core that is kept for it. Raises `CalledProcessError` if it fails."""
    output = subprocess.run(
        [python, HERE / "cases" / f"{case}.py", *map(str, args)],
        check=True,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        env=_environment(),
        preexec_fn=lambda: os.sched_setaffinity(0, {cores()[1]}),
    ).stdout
    return json.loads(output)


@contextmanager
def serving(python: Path, data: Path, latency: float = 0.0) -> Iterator[str]:
    """The server, on the other core; gives its base URL."""
    process = subprocess.Popen(
        [python, HERE / "server.py", data, str(latency)],
        stdout=subprocess.PIPE,
        text=True,
        env=_environment(),
        preexec_fn=lambda: os.sched_setaffinity(0, {cores()[0]}),
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    finally:
        process.kill()
        process.wait()


def _environment() -> dict[str, str]:
    """Nothing of the developer's own settings, nor of this checkout: the installed package is what is measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "KOMBO_"))}
