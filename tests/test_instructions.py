"""What a create call costs, in instructions: times differ from run to run, these do not."""

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
from typing import Any

import pytest

HERE = Path(__file__).parent
FIGURES = HERE / "instructions.toml"
MARGIN = 1.05
FEW, MANY = 20, 220


def interpreter() -> str:
    """What the count depends on besides our code: the interpreter as it was built, and the machine."""
    return f"{platform.python_implementation()} {platform.python_version()} {platform.machine()} " + re.sub(
        r"[\[\]]", "", platform.python_compiler()
    )


def libraries() -> str:
    """The versions of what a call runs through."""
    return ", ".join(f"{name} {version(name)}" for name in ("anyio", "attrs", "httpx", "msgspec"))


def counting(calls: int) -> subprocess.Popen[str]:
    """A process that makes *calls* under callgrind."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "KOMBO_"))}
    callgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    return subprocess.Popen(
        [*callgrind, sys.executable, HERE / "support" / "create_calls.py", str(calls)],
        stderr=subprocess.PIPE,
        text=True,
        env={**environment, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(HERE.parent)},
    )


def counted(process: subprocess.Popen[str]) -> int:
    """How many instructions *process* took."""
    _, output = process.communicate(timeout=100)
    found = re.search(r"Collected : (\d+)", output)
    assert process.returncode == 0, output
    assert found, output
    return int(found[1])


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="needs valgrind, which counts instructions")
def test_a_create_call_costs_no_more_than_it_did() -> None:
    """A create call takes at most 5 % more instructions than the committed figure."""
    figures: dict[str, Any] = tomllib.loads(FIGURES.read_text())
    figure = figures.get(interpreter(), {}).get(libraries())
    processes = [counting(FEW), counting(MANY)]
    few, many = (counted(process) for process in processes)
    each = (many - few) // (MANY - FEW)
    line = f'["{interpreter()}"]\n"{libraries()}" = {each}'
    if figure is None:
        pytest.skip(f"{FIGURES.name} has no figure for this interpreter and these libraries yet; add\n{line}")
    assert each <= figure * MARGIN, f"{each} instructions a call, {each / figure - 1:+.1%}; if that must be:\n{line}"
