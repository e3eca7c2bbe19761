"""The pages about failures and the network are true: their code is typed and runs, and what they quote is said."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from kombo_async._http import causes

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {name: (DOCS / name).read_text() for name in ("failures.md", "network.md")}
BLOCKS = [
    pytest.param(block, id=f"{name}-{number}")
    for name, text in PAGES.items()
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
]


@pytest.mark.parametrize("block", BLOCKS)
def test_code_runs(block: str, tmp_path: Path) -> None:
    """Each block can be executed from top to bottom, and pasted into a strictly typed project."""
    (tmp_path / "block.py").write_text(block)
    settings = str(DOCS.parent / "pyproject.toml")
    for command in (["-m", "mypy", "--strict", "--config-file", settings, "block.py"], ["block.py"]):
        run = subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout + run.stderr
    if "ConfigurationError as error" in block:
        (told,) = re.findall(r"anyio\.run\(main\)  # (.*), \.\.\.", block)
        assert run.stdout.startswith(told)


def test_messages_are_said() -> None:
    """What the table quotes is what failures say."""
    table = PAGES["failures.md"].partition("| message |")[2].partition("\n\n")[0]
    quoted = [part for row in table.splitlines()[2:] for part in row.split("|")[1].split(";")]
    source = Path(causes.__file__).read_text() + (Path(causes.__file__).parent / "transport.py").read_text()
    assert len(quoted) > 10
    for each in quoted:
        words = re.split(r"api\.kombo\.dev|407|: |\(or", each.strip())[0].strip()
        assert words in source, words


def test_links_lead_somewhere() -> None:
    """Each link to another page names one that is there."""
    for text in PAGES.values():
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
            assert (DOCS / target).exists(), target
