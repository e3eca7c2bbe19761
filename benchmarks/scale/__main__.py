"""`python -m benchmarks.scale [FOLDER]`: measure each scene, and write `scale.md` (into `benchmarks/`).

It takes some five minutes, and needs `redis-server` and the packages of `[dev]`.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.scale import columns, costs, exports, fairness, giving_up, producer
from benchmarks.scale.scenes import Result, Scene

HERE = Path(__file__).parents[1]
SCENES = (
    *fairness.SCENES,
    *costs.SCENES,
    *exports.SCENES,
    *columns.SCENES,
    *producer.SCENES,
    *giving_up.SCENES,
)
ABOUT = """\
Made by `python -m benchmarks.scale`. Each row is a small scene. *Virtual time*: any number of machines against a model
of Kombo's limits, on a clock that jumps; these figures do not depend on the machine. The others are of this machine,
which was as busy as the line at the end says: they are a floor. *Before* is the first version, on a quiet machine with
2 cores.
"""


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=HERE, help="where to write the results")
    folder = parser.parse_args().folder
    logging.getLogger("kombo_async").setLevel(logging.CRITICAL)
    began = os.getloadavg()[0], time.monotonic()
    lines = [_line(scene, _measured(scene)) for scene in SCENES]
    load = f"{began[0]:.1f} at the beginning, {os.getloadavg()[0]:.1f} at the end"
    text = "\n".join(
        [
            "# Scale",
            "",
            ABOUT,
            "| what | where | before | today | target |",
            "| --- | --- | --- | --- | --- |",
            *lines,
            "",
            f"{datetime.now(UTC):%Y-%m-%d}, {platform.python_implementation()} {platform.python_version()}, "
            f"{len(os.sched_getaffinity(0))} cores; processes that wanted a core (load average): {load}; "
            f"the whole run took {time.monotonic() - began[1]:.0f} s.",
            "",
        ]
    )
    (folder / "scale.md").write_text(text)
    sys.stdout.write(text)


def _measured(scene: Scene) -> Result:
    """What *scene* comes to; one that fails is a row that says so."""
    sys.stderr.write(f"{scene.what}\n")
    measure: Callable[[], Result] = scene.measure
    try:
        return measure()
    except (subprocess.SubprocessError, TimeoutError, OSError) as error:
        return Result(f"did not end: {type(error).__name__}", met=False)


def _line(scene: Scene, result: Result) -> str:
    mark = "" if scene.target == "—" else " ✓" if result.met else " ✗"
    return f"| {scene.what} | {scene.where} | {scene.before} | **{result.text}**{mark} | {scene.target} |"


if __name__ == "__main__":
    main()
