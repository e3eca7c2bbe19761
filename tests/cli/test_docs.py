"""The page on importing files is true: its table, its commands, and what they print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import openpyxl
import pytest

from kombo_async._cli.cells import CellRules, Kind, convert
from kombo_async._cli.columns import fields_of
from kombo_async._cli.operation import request_class
from kombo_async._cli.texts import CellFault
from tests.cli.conftest import Shell

DOCS = Path(__file__).parents[2] / "docs"
IMPORTING = (DOCS / "importing-files.md").read_text()
COMMANDS = (DOCS / "command-line.md").read_text()


def table_of(page: str) -> list[list[str]]:
    """The first table of a page."""
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[:4]]
    return [rows[0], *rows[2:]]


def test_five_minutes(shell: Shell) -> None:
    """The Excel file of the page, with its CVs and two jobs, by the page's commands, to a finished upload."""
    book = openpyxl.Workbook()
    assert book.active is not None
    jobs = ["Data Engineer", "Product Manager"]
    before = [shell.job(number).data["name"] for number in range(2)]
    for row in table_of(IMPORTING):
        book.active.append([int(cell) if cell.isdigit() else cell for cell in row])
    book.save(shell.folder / "Bewerber.xlsx")
    for name in ("ada.pdf", "grace.docx"):
        shell.write(f"cvs/{name}", b"CV")
    for number, name in enumerate(jobs):
        shell.rename_job(shell.job(number), name)
    try:
        dry, sending = re.findall(r"^kombo-async (upload Bewerber.xlsx .*)$", IMPORTING, re.MULTILINE)
        checked = shell.run(*shlex.split(dry))
        (printed,) = re.findall(r"```text\n(.*?)```", IMPORTING, re.DOTALL)
        assert (checked.exit_code, checked.output) == (0, printed)
        done = shell.run(*shlex.split(sending))
        again = shell.run(*shlex.split(sending))
    finally:
        for number, name in enumerate(before):
            shell.rename_job(shell.job(number), name)
    assert done.exit_code == 0, done.output
    assert shell.emails == ["ada@example.com", "grace@example.com"]
    assert "2 rows are done" in (shell.folder / "report.html").read_text()
    assert "Nothing to send" in again.stdout


@pytest.mark.parametrize("page", [IMPORTING, COMMANDS], ids=["importing-files", "command-line"])
def test_commands_and_options_exist(shell: Shell, page: str) -> None:
    """Each command of the pages has each option that it is given."""
    commands = re.findall(r"^ *kombo-async (\w+)([^\n#|]*)", page, re.MULTILINE)
    assert len(commands) > 3
    helps: dict[str, str] = {}
    for name, arguments in commands:
        helps.setdefault(name, shell.run(name, "-h").stdout)
        for option in re.findall(r"(?<= )--[a-z-]+", arguments):
            assert option in helps[name], (name, option)
    for option in set(re.findall(r"`(--[a-z-]+)", page)):
        assert any(option in shell.run(name, "-h").stdout for name in ("upload", "export", "check")), option


def test_the_fields_of_the_pages_exist() -> None:
    """Each field that a page maps or sets is one of the operation's."""
    fields = fields_of(request_class("ats.create_application"))
    named = re.findall(r"--(?:map|set) \"?(?:\w+=)?((?:candidate|source)\.[\w.]+)", IMPORTING)
    assert named
    assert [field for field in named if field not in fields] == []
    assert request_class("hris.create_absence")


def test_the_rules_of_cells() -> None:
    """The table of cells is right about what is accepted and refused."""
    rows = re.findall(r"^\| (number|date|yes or no) \| (.*?) \| (.*?) \|$", IMPORTING, re.MULTILINE)
    assert len(rows) == 3
    kinds: dict[str, Kind] = {"number": "number", "date": "date", "yes or no": "yes or no"}
    for name, taken, refused in rows:
        for cell in re.findall(r"`([^`]+)`", taken):
            convert(cell, kinds[name], CellRules())
        for cell in re.findall(r"`([^`]+)`", refused):
            if cell.startswith(("-", "MM", "%")):
                continue
            with pytest.raises(CellFault):
                convert(cell, kinds[name], CellRules())
