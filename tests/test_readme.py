"""What the README says is true: its code is typed and runs, its commands are those of CI, its links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_code_is_typed(tmp_path: Path) -> None:
    """A reader can paste each block into a strictly typed project."""
    source = "\n".join(block for block in BLOCKS)
    (tmp_path / "readme.py").write_text(source)
    check = [sys.executable, "-m", "mypy", "--strict", "--config-file", str(ROOT / "pyproject.toml"), "readme.py"]
    run = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_code_runs(number: int) -> None:
    """Each block can be executed from top to bottom."""
    exec(compile(BLOCKS[number], f"README.md, block {number}", "exec"), {"__name__": "readme"})


def test_the_test_in_it_passes(tmp_path: Path) -> None:
    """The example of a user's own test passes with the fixtures of the installed plugin."""
    (block,) = (block for block in BLOCKS if "def test_" in block)
    (tmp_path / "test_example.py").write_text(block)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "2 passed" in run.stdout, run.stdout


def test_ci_runs_the_test_command() -> None:
    """The command for the tests is, to the letter, the one that CI runs."""
    (command,) = re.findall(r"^python3 -m venv .*pytest.*$", README, re.MULTILINE)
    assert command in (ROOT / ".ci/run").read_text().splitlines()


def test_links_lead_somewhere() -> None:
    """Each link to a file of the project names one that is there."""
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []
