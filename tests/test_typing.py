"""What type checkers say of code that uses the client: right code passes, and wrong code does not."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy", reason="needs mypy")

ROOT = Path(__file__).parents[1]
CASES = Path(__file__).parent / "typing"

WRONG = {
    "a class of answer is forgotten": (
        "answers.py",
        '        case SyncPending():\n            return "later"\n',
        "",
        "arg-type",
    ),
    "a field that success lacks": ("answers.py", "return candidate.id", "return candidate.identity", "attr-defined"),
    "data of a failure": ("answers.py", "return failure.message", "return failure.data", "union-attr"),
    "a field is missing": ("calls.py", 'first_name="Frank", ', "", "call-arg"),
    "a field of another type": ("calls.py", 'job_id="1"', "job_id=1", "arg-type"),
    "a field that is not there": ("calls.py", "page_size=5", "page=5", "call-arg"),
    "an option that is not there": ("calls.py", '"timeout": 5', '"time_out": 5', "typeddict"),
    "a page taken for its records": ("calls.py", "employees.items()", "employees.pages()", "assert-type"),
    "an optional field taken for granted": (
        "calls.py",
        '    if addresses is UNSET or not addresses:\n        return ""\n',
        "",
        "index",
    ),
    "a middleware that answers nothing": ("calls.py", "    return response\n", "    return None\n", "return-value"),
}


def test_types(tmp_path: Path) -> None:
    """mypy takes the files of `tests/typing`, and finds the mistake in each copy that has one."""
    for number, (name, old, new, _) in enumerate(WRONG.values()):
        text = (CASES / name).read_text()
        assert old in text
        (tmp_path / f"wrong_{number}.py").write_text(text.replace(old, new, 1))
    files = [*sorted(CASES.glob("*.py")), *sorted(tmp_path.glob("*.py"))]
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), *map(str, files)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    errors = [line for line in result.stdout.splitlines() if ": error: " in line]
    assert [line for line in errors if "wrong_" not in line] == []
    for number, (what, (*_, code)) in enumerate(WRONG.items()):
        found = [line for line in errors if f"wrong_{number}.py" in line]
        assert found, f"mypy does not see it: {what}"
        assert any(re.search(rf"\[{code}[a-z-]*\]$", line) for line in found), found
