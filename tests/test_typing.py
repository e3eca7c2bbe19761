"""Type checkers accept right code that uses the client, and find mistakes in wrong code."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
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
    "a file that does not say what it is": (
        "files.py",
        'from_path("cv.pdf", type="CV")',
        'from_path("cv.pdf")',
        "call-arg",
    ),
    "a kind of file that is no text": ("files.py", '"cv.pdf", type="COVER_LETTER"', '"cv.pdf", type=1', "arg-type"),
    "a path for bytes": ("files.py", 'b"%PDF", "contract.pdf"', '"contract.pdf", "contract.pdf"', "arg-type"),
    "a file with a field that it lacks": (
        "files.py",
        'AnswerFile.from_path("cv.pdf"',
        'AnswerFile.from_path("cv.pdf", type="CV"',
        "call-arg",
    ),
    "a call that Kombo deprecates": ("files.py", "get_groups(", "get_teams(", "deprecated"),
    "a code that is no text": (
        "answers.py",
        'case "ATS.JOB_CLOSED":\n            return "closed"',
        'case "ATS.JOB_CLOSED":\n            return failure.code.value',
        "attr-defined",
    ),
    "a model that is not there": ("calls.py", "ats.TagInput(", "ats.TagsInput(", "attr-defined"),
    "a middleware that answers nothing": ("calls.py", "    return response\n", "    return None\n", "return-value"),
}


def test_mypy(tmp_path: Path) -> None:
    """mypy takes the files of `tests/typing`, and finds the mistake in each copy that has one."""
    options = ["--config-file", str(ROOT / "pyproject.toml"), "--enable-error-code", "deprecated"]
    found = errors([sys.executable, "-m", "mypy", *options], tmp_path)
    assert found.pop("") == []
    for what, lines in found.items():
        assert lines, f"mypy does not see it: {what}"
        assert any(re.search(rf"\[{WRONG[what][3]}[a-z-]*\]$", line) for line in lines), lines


@pytest.mark.skipif(find_spec("pyright") is None, reason="needs pyright, which comes with the extra [lint]")
def test_pyright(tmp_path: Path) -> None:
    """pyright, in strict mode, sees the same mistakes and no others."""
    found = errors([sys.executable, "-m", "pyright", "--pythonpath", sys.executable], tmp_path)
    assert found.pop("") == []
    assert [what for what, lines in found.items() if not lines] == []


def errors(command: list[str], folder: Path) -> dict[str, list[str]]:
    """What a checker finds in each wrong copy, by what is wrong with it, and under "" in the right files."""
    copies: dict[str, str] = {}
    for number, (what, (name, old, new, _)) in enumerate(WRONG.items()):
        text = (CASES / name).read_text()
        assert old in text, what
        (folder / f"wrong_{number}.py").write_text(text.replace(old, new, 1))
        copies[f"wrong_{number}.py"] = what
    files = [*sorted(CASES.glob("*.py")), *sorted(folder.glob("*.py"))]
    result = subprocess.run([*command, *map(str, files)], capture_output=True, text=True, cwd=ROOT)
    lines = [line for line in result.stdout.splitlines() if re.search(r":\d+(:\d+)?( -|:) error: ", line)]
    found: dict[str, list[str]] = {"": [line for line in lines if "wrong_" not in line]}
    for file, what in copies.items():
        found[what] = [line for line in lines if f"{file}:" in line]
    return found
