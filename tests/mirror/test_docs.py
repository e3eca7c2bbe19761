"""The pages about the mirror, webhooks and web frameworks: each block runs, and is typed; links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("aiohttp")
pytest.importorskip("asyncpg")
pytest.importorskip("redis")

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ["mirror.md", "webhooks.md", "fastapi-and-aiohttp.md"]
BLOCKS = [
    (page, number, block)
    for page in PAGES
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL))
]


@pytest.mark.parametrize(("page", "number", "block"), BLOCKS, ids=[f"{page} {number}" for page, number, _ in BLOCKS])
def test_code_runs(page: str, number: int, block: str) -> None:
    """Each block can be executed from top to bottom."""
    exec(compile(block, f"{page}, block {number}", "exec", dont_inherit=True), {"__name__": "docs"})


def test_code_is_typed(tmp_path: Path) -> None:
    """A reader can paste each block into a strictly typed project."""
    for page, number, block in BLOCKS:
        (tmp_path / f"{page.removesuffix('.md').replace('-', '_')}_{number}.py").write_text(block)
    pages = sorted(path.name for path in tmp_path.glob("*.py"))
    config = str(DOCS.parent / "pyproject.toml")
    check = [sys.executable, "-m", "mypy", "--strict", "--config-file", config, *pages]
    run = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Each link to a file of the project names one that is there."""
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", (DOCS / page).read_text())
    assert [target for target in targets if not (DOCS / target).exists()] == []
