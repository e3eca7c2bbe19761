"""The page on dependencies has each of them, and no other."""

from __future__ import annotations

import re
import tomllib

from tests.docs.pages import DOCS, ROOT

PAGE = (DOCS / "dependencies.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FOR_DEVELOPERS = {"lint", "release", "test"}


def names(requirements: list[str]) -> set[str]:
    """The packages, without ourselves."""
    return {re.split(r"[\[><=;\s]", each)[0] for each in requirements} - {"kombo_async"}


def test_core() -> None:
    """The first table is what `pip install kombo_async` brings."""
    first = PAGE.partition("Each extra")[0]
    assert {*re.findall(r"^\| `([\w-]+)` \|", first, re.MULTILINE)} == names(PROJECT["dependencies"])


def test_extras() -> None:
    """The second is what each extra brings."""
    rows = dict(re.findall(r"^\| `\[(\w+)\]` \| (.*?) \|", PAGE, re.MULTILINE))
    extras = {
        name: names(each) for name, each in PROJECT["optional-dependencies"].items() if name not in FOR_DEVELOPERS
    }
    assert {name: {*re.findall(r"`([\w-]+)`", row)} for name, row in rows.items()} == extras
