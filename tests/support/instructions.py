"""Counts the instructions of a create call; `python -m tests.support.instructions` keeps the figure of this machine.

Figures are kept by interpreter, and for the two sets of library versions that were counted last.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
FIGURES = HERE.parent / "instructions.toml"
SETS = 2
"""For how many sets of versions figures are kept, so that one new release does not silence the test."""
FEW, MANY = 20, 220
TITLE = "# Instructions of one create call, by interpreter and libraries: `python -m tests.support.instructions`.\n"


def can_count() -> bool:
    """Whether valgrind, which counts, is installed."""
    return shutil.which("valgrind") is not None


def interpreter() -> str:
    """What the count depends on besides our code: the interpreter as it was built, and the machine."""
    return f"{platform.python_implementation()} {platform.python_version()} {platform.machine()} " + re.sub(
        r"[\[\]]", "", platform.python_compiler()
    )


def libraries() -> str:
    """The versions of what a call runs through."""
    return ", ".join(f"{name} {version(name)}" for name in ("anyio", "attrs", "httpx", "msgspec"))


def figures() -> dict[str, dict[str, int]]:
    """The kept figures, by interpreter and libraries; those counted last come last."""
    return tomllib.loads(FIGURES.read_text("utf-8"))


def count() -> int:
    """How many instructions one create call takes."""
    processes = [_counting(FEW), _counting(MANY)]
    try:
        few, many = (_counted(process) for process in processes)
    finally:
        for process in processes:
            process.kill()
    return (many - few) // (MANY - FEW)


def _counting(calls: int) -> subprocess.Popen[str]:
    """Start a process that makes *calls* under callgrind."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "KOMBO_"))}
    callgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    return subprocess.Popen(
        [*callgrind, sys.executable, HERE / "create_calls.py", str(calls)],
        stderr=subprocess.PIPE,
        text=True,
        env={**environment, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(HERE.parents[1])},
    )


def _counted(process: subprocess.Popen[str]) -> int:
    _, output = process.communicate(timeout=300)
    found = re.search(r"Collected : (\d+)", output)
    assert process.returncode == 0, output
    assert found, output
    return int(found[1])


def keep(figure: int) -> None:
    """Write *figure* down for this interpreter and these libraries, beside the set counted before."""
    known = figures()
    sets = known.setdefault(interpreter(), {})
    sets.pop(libraries(), None)
    sets[libraries()] = figure
    known[interpreter()] = dict([*sets.items()][-SETS:])
    tables = (
        "".join([f'\n["{name}"]\n', *(f'"{each}" = {n}\n' for each, n in kept.items())]) for name, kept in known.items()
    )
    FIGURES.write_text(TITLE + "".join(tables), "utf-8")


if __name__ == "__main__":
    found = count()
    keep(found)
    sys.stdout.write(f"{found} instructions for a create call with {libraries()}\n")
