"""The site's table of contents: the links of `index.md`, section by section, so that they are written once.

A Sphinx extension. `index.md` stays plain Markdown; hidden toctrees are added when Sphinx reads it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_PAGE = re.compile(r"^- \[([^\]]+)\]\(([^):]+)\.md\)", re.MULTILINE)


def toctrees(text: str) -> str:
    """One hidden toctree for each section of *text* that lists pages."""
    written = ""
    sections = _SECTION.split(text)[1:]
    for caption, body in zip(sections[::2], sections[1::2], strict=True):
        pages = [page for _, page in _PAGE.findall(body)]
        if pages:
            written += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n" + "\n".join(pages) + "\n```\n"
    return written


def _add(_app: Sphinx, name: str, content: list[str]) -> None:
    if name == "index":
        content[0] += toctrees(content[0]) + "\n```{toctree}\n:hidden:\n:caption: Reference\n\nreference/index\n```\n"


def setup(app: Sphinx) -> dict[str, bool]:
    """Add them when `index.md` is read."""
    app.connect("source-read", _add)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
