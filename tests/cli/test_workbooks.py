"""Excel files as people make them: hidden sheets, formulas, errors, postal codes."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from datetime import date
from typing import Any

import openpyxl
import pytest

from tests.cli.conftest import Shell

HEADER = ["first_name", "last_name", "email", "phone"]


def workbook(shell: Shell, change: Callable[[Any], object], *rows: list[object]) -> str:
    """An Excel file with a header and these rows, then changed."""
    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.title = "People"
    for row in (HEADER, *rows):
        sheet.append(row)
    change(sheet)
    book.save(shell.folder / "p.xlsx")
    return "p.xlsx"


def ada(phone: object = None) -> list[object]:
    """A row."""
    return ["Ada", "Lovelace", "ada@example.com", phone]


@pytest.mark.parametrize("error", ["#N/A", "#REF!", "#NAME?"])
def test_an_error_is_no_empty_cell(shell: Shell, error: str) -> None:
    """A spreadsheet error is refused instead of left out, unless its column is not used."""

    def spoil(sheet: Any) -> None:
        sheet["D2"].data_type = "e"
        sheet["E1"], sheet["E2"] = "note", error

    path = workbook(shell, spoil, ada(error))
    result = shell.upload(path)
    assert result.exit_code == 1, result.output
    assert f"row 2: column 'phone': '{error}' is a spreadsheet error" in result.stdout
    assert shell.upload(path, "--map", "phone=-").exit_code == 0


def test_a_formula_without_a_value_is_no_empty_cell(shell: Shell) -> None:
    """A formula that was never calculated is refused by row."""
    path = workbook(shell, lambda _: None, ada('="+49" & "170"'), ["Bob", "B", "bob@example.com", None])
    result = shell.upload(path)
    assert "row 2: column 'phone': the formula has no value; open the file in a spreadsheet" in result.stdout
    assert shell.emails == ["bob@example.com"]


def test_formulas_with_values_are_read(shell: Shell) -> None:
    """Formulas with values are read, also empty ones, as Excel saves them."""
    path = workbook(shell, lambda _: None, ada("=A"), ["Bob", "B", "bob@example.com", "=B"])
    with zipfile.ZipFile(shell.folder / path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"].decode()
    first = sheet.replace("<f>A</f><v />", "<f>A</f><v>491701234567</v>")
    first = first.replace("<f>A</f><v></v>", "<f>A</f><v>491701234567</v>")
    second = first.replace('<c r="D3">', '<c r="D3" t="str">')
    assert second != first != sheet
    with zipfile.ZipFile(shell.folder / path, "w") as book:
        for name, content in parts.items():
            book.writestr(name, second if name == "xl/worksheets/sheet1.xml" else content)
    result = shell.upload(path)
    assert result.exit_code == 0, result.output
    phones = [body["candidate"].get("phone_number") for body in shell.bodies]
    assert sorted(phones, key=str) == ["491701234567", None]


def test_zeros_in_front_are_kept(shell: Shell) -> None:
    """A postal code that a spreadsheet shows as 01067 is read as that, though it stores 1067."""

    def pad(sheet: Any) -> None:
        sheet["E1"], sheet["F1"] = "PLZ", "Land"
        sheet["E2"], sheet["F2"] = 1067, "DE"
        sheet["E2"].number_format = "00000"

    result = shell.upload(workbook(shell, pad, ada()))
    assert result.exit_code == 0, result.output
    assert shell.bodies[0]["candidate"]["location"] == {"zip_code": "01067", "country": "DE"}


def test_hidden_sheets_are_not_read(shell: Shell) -> None:
    """The first sheet that people see is the table; a hidden one is read by its name alone, in any case."""

    def hide(sheet: Any) -> None:
        book = sheet.parent
        hidden = book.create_sheet("Lists", 0)
        hidden.append(["x"])
        hidden.sheet_state = "veryHidden"
        shown = book.create_sheet("More")
        shown.append(HEADER)
        shown.append(["Bob", "B", "bob@example.com"])
        book.active = 1

    path = workbook(shell, hide, ada())
    result = shell.upload(path)
    assert result.exit_code == 0, result.output
    assert "read from the sheet 'People'; to read another, pass --sheet: 'More'\n" in result.stderr
    assert shell.upload(path, "--sheet", "more ").exit_code == 0
    assert shell.emails == ["ada@example.com", "bob@example.com"]
    assert "the columns are 'x'" in shell.upload(path, "--sheet", "lists").stderr


def test_a_column_of_dates_is_no_fault(shell: Shell) -> None:
    """Numbers and dates in the header are names; problems in unused columns do not matter."""
    path = workbook(shell, lambda sheet: sheet.insert_cols(1), ada())
    book = openpyxl.load_workbook(shell.folder / path)
    sheet: Any = book.active
    sheet["F1"], sheet["G1"], sheet["F2"] = 2026, date(2026, 1, 1), 7
    book.save(shell.folder / path)
    result = shell.upload(path)
    assert result.exit_code == 0, result.output
    assert "not used: '2026', '2026-01-01'" in result.stderr
