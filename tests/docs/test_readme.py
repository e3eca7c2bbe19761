"""The README is short, reads well on PyPI, and its figures are those that were measured."""

from __future__ import annotations

import re

from kombo_async.operations import REQUESTS
from tests.docs.pages import ROOT

README = (ROOT / "README.md").read_text()
REPOSITORY = "https://github.com/kombo-async/kombo_async"


def test_it_is_short() -> None:
    """A newcomer reads it to the end."""
    assert len(README.splitlines()) <= 150


def test_ci_runs_the_test_command() -> None:
    """The command for the tests is, to the letter, the one that CI runs."""
    (command,) = re.findall(r"^python3 -m venv .*pytest.*$", README, re.MULTILINE)
    assert command in (ROOT / ".ci/run").read_text().splitlines()


def test_links_are_absolute() -> None:
    """PyPI shows the text without the files beside it; each link into the repository names a file that is there."""
    targets = re.findall(r"\]\(([^)\s]+)\)", README)
    assert [target for target in targets if not target.startswith("https://")] == []
    raw = REPOSITORY.replace("github.com", "raw.githubusercontent.com")
    files = [
        re.sub(rf"({REPOSITORY}/blob|{raw})/main/", "", each).partition("#")[0]
        for each in targets
        if "kombo-async" in each
    ]
    assert len(files) > 5
    assert [each for each in files if not (ROOT / each).exists()] == []


def test_figures_are_measured() -> None:
    """The table has the benchmark's results, and as many operations as there are."""
    results = (ROOT / "benchmarks" / "results.md").read_text()
    (row,) = re.findall(r"^\| creates per second, 30 at once.*\| ([\d,]+) \| ([\d,]+) \|$", README, re.MULTILINE)
    measured = [re.findall(rf"^\| {client} \| ([\d,]+)", results, re.MULTILINE)[0] for client in ("official", "ours")]
    assert list(row) == measured
    assert f"| {len(REQUESTS)} |" in README
