"""What cells become, and which are refused."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from kombo_async._cli.cells import CellRules, Kind, check_email, convert, date_format
from kombo_async._cli.durations import parse_duration
from kombo_async._cli.texts import CellFault, clean
from tests.cli.conftest import Shell

NUMBERS = [
    ("50000", 50000),
    ("-7", -7),
    ("50000,5", 50000.5),
    ("0.125", 0.125),
    ("1234.567", 1234.567),
    ("1.234,56", 1234.56),
    ("1,234.56", 1234.56),
    ("1,234,567", 1234567),
    ("1'234'567", 1234567),
    ("50 000", 50000),
    ("50\u00a0000,5", 50000.5),
    (7, 7),
    (7.5, 7.5),
]
NO_NUMBERS = [
    "1_000",
    "nan",
    "inf",
    "1e5",
    "٣٤",
    "50.00.00",
    "1,23,456",
    "5 0",
    "€ 50",
    "50,",
    "--5",
    float("nan"),
    True,
    "",
]


@pytest.mark.parametrize(("cell", "value"), NUMBERS)
def test_numbers(cell: Any, value: float) -> None:
    """An unambiguous number is accepted."""
    assert convert(cell, "number", CellRules()) == value


@pytest.mark.parametrize("cell", NO_NUMBERS)
@pytest.mark.parametrize("decimal", [None, ",", "."])
def test_no_numbers(cell: Any, decimal: str | None) -> None:
    """Numbers that only Python accepts are refused."""
    with pytest.raises(CellFault, match="not a number"):
        convert(cell, "number", CellRules(decimal=decimal))


@pytest.mark.parametrize("cell", ["50,000", "50.000", "1,234", "999.999", "-50.000"])
def test_numbers_that_could_be_two(cell: str) -> None:
    """Ambiguous numbers are refused until `--decimal` decides."""
    with pytest.raises(CellFault, match=r"is ambiguous: .* or .*; pass --decimal"):
        convert(cell, "number", CellRules())
    mark = "," if "," in cell else "."
    other = "." if mark == "," else ","
    assert convert(cell, "number", CellRules(decimal=mark)) == float(cell.replace(",", "."))
    assert convert(cell, "number", CellRules(decimal=other)) == int(cell.replace(mark, ""))


@pytest.mark.parametrize("cell", ["1.5", 1.5, "2,5"])
def test_whole_numbers(cell: Any) -> None:
    """Fractions are refused where a whole number is needed."""
    with pytest.raises(CellFault, match="not a whole number"):
        convert(cell, "whole number", CellRules())


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("2026-05-19", "2026-05-19"),
        ("31.12.2026", "2026-12-31"),
        ("12/31/2026", "2026-12-31"),
        ("31/12/2026", "2026-12-31"),
        ("5.5.2026", "2026-05-05"),
        ("2026-05-19T08:30:00Z", "2026-05-19T08:30:00Z"),
        ("2026-05-19 00:00:00", "2026-05-19"),
        ("2026-05-19T08:30:00+02:00", "2026-05-19T06:30:00Z"),
        (date(2026, 5, 19), "2026-05-19"),
        (datetime(2026, 5, 19), "2026-05-19"),
    ],
)
def test_dates(cell: Any, value: str) -> None:
    """ISO dates and unambiguous ones are accepted."""
    assert convert(cell, "date", CellRules()) == value


@pytest.mark.parametrize(
    "cell",
    [
        *("2026-02-30", "2026-13-01", "31.02.2026", "2026-05-19T25:61:00Z", "25:61", "tomorrow", "19.5.26", "20260519"),
        datetime(2026, 5, 19, 8, 30),
        "03.04.2026",
        "03/04/2026",
        5,
    ],
)
def test_no_dates(cell: Any) -> None:
    """Dates that do not exist, and ambiguous ones, are refused."""
    with pytest.raises(CellFault):
        convert(cell, "date", CellRules())


@pytest.mark.parametrize(
    ("form", "cell"), [("DD.MM.YYYY", "03.04.2026"), ("MM/DD/YYYY", "04/03/2026"), ("%d %B %Y", "03 April 2026")]
)
def test_the_form_of_dates(form: str, cell: str) -> None:
    """`--date-format` takes a format as in spreadsheets or as in Python; dates in other formats are refused then."""
    rules = CellRules(date_format=date_format(form))
    assert convert(cell, "date", rules) == "2026-04-03"
    with pytest.raises(CellFault):
        convert("2026-04-03", "date", rules)


@pytest.mark.parametrize("form", ["", "DD", "DD.MM", "nonsense", "%Q"])
def test_forms_that_are_none(form: str) -> None:
    """A date format must have day, month and year."""
    with pytest.raises(ValueError, match="must contain day, month and year"):
        date_format(form)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("  Ada ", "Ada"),
        ("a\u200bd\ufeffa\u2060", "ada"),
        ("\u202aada@example.com\u202c", "ada@example.com"),
        ("Ada\u00a0Lovelace", "Ada Lovelace"),
        ("co\u00adoperate", "cooperate"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("A\u200dda", "Ada"),
        ("'=1+1", "=1+1"),
        ("'0170 123", "0170 123"),
        ('="0170"', "0170"),
        ('="a ""b"""', 'a "b"'),
        ("'n Sync", "'n Sync"),
        ("Ada\u2028Lovelace", "Ada\nLovelace"),
        ("Ada\U000e0041", "Ada"),
        ("\U0001f3f4\U000e0067\U000e007f", "\U0001f3f4\U000e0067\U000e007f"),
        ("O'Brien", "O'Brien"),
    ],
)
def test_what_nobody_sees_is_removed(text: str, cleaned: str) -> None:
    """Invisible marks are removed, except where other scripts need them."""
    assert clean(text) == cleaned


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("A\0da", "U+0000"),
        ("A\x1bda", "U+001B"),
        ("A\x7fda", "U+007F"),
        ("M\ufffdller", "U+FFFD"),
        ("\ud800", "U+D800"),
        ("A\uffff", "U+FFFF"),
    ],
)
def test_control_characters_are_refused_by_name(text: str, name: str) -> None:
    """Control characters are signs of damage, and not sent."""
    with pytest.raises(CellFault, match=name.replace("+", r"\+")):
        clean(text)


@pytest.mark.parametrize(
    "text", ["a@b.com", "o'brien+1@x-y.co.uk", "ada@müller.de", "MAILTO:a@b.com", "a@xn--p1ai.com"]
)
def test_email_addresses(text: str) -> None:
    """E-mail addresses with accents and hyphens are accepted, and a leading `mailto:` is dropped."""
    assert check_email(text) == text.removeprefix("MAILTO:")


@pytest.mark.parametrize(
    "text",
    [
        "bob",
        "bob@",
        "bob@example",
        "a b@example.com",
        "a@b..com",
        "a@b.com,c@d.com",
        "<a@b.com>",
        "'a@b.com'",
        "a@b.com'",
        ".a@b.com",
        "a.@b.com",
        "tel:a@b.com",
        "a@-b.com",
        "a@b.com?subject=x",
        "a@b_.com",
    ],
)
def test_no_email_addresses(text: str) -> None:
    """Anything but a single e-mail address is refused."""
    with pytest.raises(CellFault, match="is not an e-mail address"):
        check_email(text)


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        ("yes or no", "Ja", True),
        ("yes or no", "nein", False),
        ("yes or no", True, True),
        ("yes or no", 1, True),
        ("list", "a | b|", ["a", "b"]),
        ("text", 491701234567, "491701234567"),
        ("text", date(2026, 5, 19), "2026-05-19"),
    ],
)
def test_other_kinds(kind: Kind, cell: Any, value: Any) -> None:
    """Yes and no in four languages, lists separated by bars, numbers as text."""
    assert convert(cell, kind, CellRules()) == value


@pytest.mark.parametrize("cell", ["#N/A", "#REF!", "4,91701E+11", "4.9E+11"])
def test_what_a_spreadsheet_broke_is_refused(cell: str) -> None:
    """Spreadsheet errors, and numbers that lost digits, are refused."""
    with pytest.raises(CellFault, match="spreadsheet"):
        convert(cell, "text", CellRules())


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("90m", 5400), ("24h", 86400), ("7d", 604800), ("1.5 h", 5400)]
)
def test_durations(text: str, seconds: float) -> None:
    """A number and a unit."""
    assert parse_duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "30", "nan", "nans", "-1s", "1w", "inf h", "1e3s", "999999999d"])
def test_no_durations(text: str) -> None:
    """Other durations are refused."""
    with pytest.raises(ValueError, match=r"duration|longer"):
        parse_duration(text)


def test_many_faults_of_a_kind_are_one_line(shell: Shell) -> None:
    """950 bad cells are one line with their rows; `--dry-run --report` lists each."""
    rows = "".join(f"P{n},Q,p{n}@example.com,{n}.000\n" for n in range(1, 951))
    path = shell.write("p.csv", f"first_name,last_name,email,Gehalt\n{rows}")
    period = ("--set", "candidate.salary_expectations.period=YEAR")
    result = shell.upload(path, *period, "--dry-run", "--report", "faults.csv")
    assert result.exit_code == 1
    (line,) = [line for line in result.stdout.splitlines() if "numbers are ambiguous" in line]
    assert line.startswith("950 numbers are ambiguous (column 'Gehalt'): rows 2-")
    assert "more; the first: '1.000' is ambiguous: 1.000 or 1000" in line
    assert len((shell.folder / "faults.csv").read_text().splitlines()) == 951
    assert shell.upload(path, *period, "--dry-run", "--decimal", ",").exit_code == 0
    wrong = shell.upload(path, *period, "--dry-run", "--decimal", "x")
    assert (wrong.exit_code, "--decimal x: must be , or ." in wrong.stderr) == (2, True)


def test_json_is_cleaned_like_cells(shell: Shell) -> None:
    """A NUL or a lone surrogate in a request is refused by name; a zero-width space is removed."""
    people = [("A\\u0000da", "a"), ("\\ud800", "b"), ("G\\u200brace", "grace")]
    lines = [
        f'{{"candidate": {{"first_name": "{name}", "last_name": "X", "email_address": "{email}@example.com"}}}}'
        for name, email in people
    ]
    result = shell.upload(shell.write("p.jsonl", "\n".join(lines)))
    assert result.exit_code == 1
    assert "U+0000 (NUL)" in result.stdout
    assert [body["candidate"]["first_name"] for body in shell.bodies] == ["Grace"]
