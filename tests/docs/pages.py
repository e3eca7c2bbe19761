"""The pages of the documentation, and the blocks of code in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import attrs

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", *DOCS.glob("*.md")])
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@attrs.frozen
class Block:
    """A block of code, and where it is."""

    page: Path
    number: int
    language: str
    text: str

    @property
    def name(self) -> str:
        """Its name in a report, such as `bulk.md-2`."""
        return f"{self.page.name}-{self.number}"

    @property
    def module(self) -> str:
        """The same, as a name of a module."""
        return re.sub(r"\W", "_", f"{self.page.stem}_{self.number}".lower())

    @property
    def is_test(self) -> bool:
        """Whether it is a user's test."""
        return re.search(r"^(async )?def test_", self.text, re.MULTILINE) is not None

    @property
    def needs_a_server(self) -> bool:
        """Whether it connects to a database. Then only its types are checked here; its area has tests of its own."""
        return re.search(r"(postgresql|redis)://", self.text) is not None


def blocks(*languages: str) -> list[Block]:
    """All blocks in one of *languages*."""
    return [each for page in PAGES for each in _of(page) if each.language in languages]


def _of(page: Path) -> Iterator[Block]:
    for number, (language, text) in enumerate(_BLOCK.findall(page.read_text()), 1):
        yield Block(page, number, language, text)
