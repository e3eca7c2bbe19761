"""Commands that the documentation shows can be given: their programs, options and extras exist."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec

import click
import pytest

from kombo_async._cli.__main__ import group
from tests.docs.pages import DOCS, ROOT, blocks

SHELL = [each for each in blocks("sh") if each.page.name != "README.md"]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def commands(program: str) -> Iterator[str]:
    """All lines that call *program*, without variables before it, comments and what comes after a pipe."""
    for block in SHELL:
        for line in block.text.replace("\\\n", " ").splitlines():
            found = re.match(rf"\s*(?:\w+=\S+ )*({re.escape(program)} [^#|>&\"]*(?:\"[^\"]*\"[^#|>&\"]*)*)", line)
            if found:
                yield found[1].strip()


@pytest.mark.parametrize("line", sorted({*commands("kombo-async")}))
def test_options_exist(line: str) -> None:
    """Each command knows each option that it is given."""
    _, name, *arguments = [*shlex.split(line), "--help"]
    if name.startswith("-"):
        return
    command = group.get_command(click.Context(group), name)
    assert command is not None, name
    context = click.Context(command, resilient_parsing=True)
    command.make_parser(context).parse_args(arguments)


@pytest.mark.parametrize("line", sorted({*commands("python -m")}))
def test_modules_exist(line: str) -> None:
    """Each module that is run is there."""
    module = line.split()[2]
    assert find_spec(module) is not None or (ROOT / module / "__main__.py").exists()


def test_extras_exist() -> None:
    """Each extra that a page names is one of ours."""
    text = "".join(page.read_text() for page in DOCS.glob("*.md"))
    named = {name for names in re.findall(r"kombo_async\[([\w,]+)\]", text) for name in names.split(",")}
    assert named <= EXTRAS.keys()
    assert len(named) > 3
