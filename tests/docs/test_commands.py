"""Commands in the documentation are valid: they parse, and their paths, modules and extras exist."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

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


def in_prose() -> Iterator[str]:
    """The calls of `kombo-async` that stand within a sentence or a table, without the brackets of what is optional."""
    for page in (*DOCS.glob("*.md"), *ROOT.glob("*.md")):
        for found in re.findall(r"`(kombo-async [^`\n]+)`", page.read_text()):
            yield re.sub(r"[\[\]]", "", found)


CALLS = sorted({line for line in (*commands("kombo-async"), *in_prose()) if re.match(r"kombo-async [a-z]", line)})


@pytest.mark.parametrize("line", CALLS, ids=str)
def test_commands_parse(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line takes each call as it is: its command, options and values. Nothing is run."""
    monkeypatch.chdir(tmp_path)
    for name in ("people.csv", "candidates.csv", "absences.csv", "Bewerber.xlsx", "FILE"):
        (tmp_path / name).touch()
    _, name, *arguments = [each.replace("/data/", f"{tmp_path}/") for each in shlex.split(line)]
    command = group.get_command(click.Context(group), name)
    assert command is not None, name
    if arguments or line in commands("kombo-async"):  # else a sentence names the command
        command.make_context(name, arguments)


PATHS = re.compile(
    r"(?<![\w/.-])((?:kombo_async|tests|docs|examples|benchmarks|codegen|release|\.ci)/[\w./-]*[\w/]|\.ci/\w+)(?![\w/])"
)


def paths() -> Iterator[tuple[str, str]]:
    """Each path of the repository that a page names in code, but for what a command makes."""
    for page in (*DOCS.glob("*.md"), *ROOT.glob("*.md")):
        code = "\n".join(re.findall(r"`([^`\n]+)`", page.read_text()))
        shell = "\n".join(block.text for block in blocks("sh") if block.page == page)
        for path in PATHS.findall(f"{code}\n{shell}"):
            if not path.startswith("docs/_build"):
                yield page.name, path


@pytest.mark.parametrize(("page", "path"), sorted({*paths()}))
def test_paths_exist(page: str, path: str) -> None:
    """Each file and folder of the repository that a page sends its reader to is there."""
    assert (ROOT / path).exists(), f"{page} names {path}"


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
