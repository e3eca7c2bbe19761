"""Texts that another program has damaged: refused, or restored if there is no doubt."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tests.cli.conftest import Shell

READ = [
    ('="0170123"', "0170123"),
    ("'0170 123", "0170 123"),
    ("'+49 170", "+49 170"),
    ("491701234567.0", "491701234567"),
    ("+49 170/123-4", "+49 170/123-4"),
    ("\u202a+49 170\u202c", "+49 170"),
]
NOTHING = ("-", "--", "n/a", "N/A", "NULL", "nan", "None", "?", "\\N")
REFUSED = [
    *[(text, f"{text!r} looks like an empty cell") for text in NOTHING],
    ("########", "is a spreadsheet error"),
    ("#ZAHL!", "is a spreadsheet error"),
    ("#¡VALOR!", "is a spreadsheet error"),
    ("4.9170E+11", "was shortened by a spreadsheet"),
    ("JÃ¼rgen", "'JÃ¼rgen' is 'Jürgen', garbled by another program"),
    ("donâ€™t", "is 'don’t', garbled by another program"),
    ("O&#39;Brien", """is "O'Brien", escaped for a web page"""),
    ("J&uuml;rgen", "is 'Jürgen', escaped for a web page"),
]
KEPT = ["Null", "Nan", "CAFÉ»", "AT&T; Co", "<b>J&uuml;rgen</b>", "#1 Recruiting", "👍", "Ã", "R&D", "1E10", "AT&T"]


def table(texts: list[str], column: str = "phone") -> str:
    """A row for each text."""
    written = io.StringIO()
    rows = csv.writer(written)
    rows.writerow(["first_name", "last_name", "email", column])
    rows.writerows([f"P{n}", "Q", f"p{n}@example.com", text] for n, text in enumerate(texts))
    return written.getvalue()


def test_what_a_text_plainly_was(shell: Shell) -> None:
    """Marks that keep text from becoming a number in a spreadsheet are not part of it."""
    result = shell.upload(shell.write("p.csv", table([text for text, _ in READ])))
    assert result.exit_code == 0, result.output
    sent = {body["candidate"]["email_address"]: body["candidate"]["phone_number"] for body in shell.bodies}
    assert [sent[f"p{n}@example.com"] for n in range(len(READ))] == [phone for _, phone in READ]


@pytest.mark.parametrize(("text", "said"), REFUSED)
def test_what_is_spoilt_is_refused(shell: Shell, text: str, said: str) -> None:
    """Words for "empty" and garbled letters are refused."""
    result = shell.upload(shell.write("p.csv", table([text])))
    assert (result.exit_code, said in result.stdout) == (1, True), result.output
    assert not shell.bodies


def test_what_looks_alike_is_kept(shell: Shell) -> None:
    """A surname, a French word in quotes and HTML are kept."""
    result = shell.upload(shell.write("p.csv", table(KEPT, "company")))
    assert result.exit_code == 0, result.output
    assert sorted(body["candidate"]["company"] for body in shell.bodies) == sorted(KEPT)


def test_words_for_nothing(shell: Shell) -> None:
    """`--empty` says what means an empty cell; a saved mapping keeps it."""
    path = shell.write("p.csv", table(["-", "NULL", "+49 170"]))
    result = shell.upload(path, "--empty", "-|NULL", "--dry-run", "--save-mapping", "m.toml")
    assert result.exit_code == 0, result.output
    assert shell.upload(path, "--mapping", "m.toml").exit_code == 0
    phones = [body["candidate"].get("phone_number") for body in shell.bodies]
    assert sorted(phones, key=str) == ["+49 170", None, None]


def test_what_all_rows_get_is_checked_once(shell: Shell) -> None:
    """A wrong address in `--set` is one line, not a fault of each row."""
    path = shell.write("p.csv", "first_name,last_name\nAda,Lovelace\n")
    result = shell.upload(path, "--set", "candidate.email_address=ada")
    assert (result.exit_code, "'ada' is not an e-mail address" in result.stderr) == (2, True)


def test_a_number_in_json_is_no_decimal(shell: Shell) -> None:
    """A phone number written as 491701234567.0 in JSON is read as a whole number."""
    person = {"first_name": "Ada", "last_name": "L", "email": "ada@example.com", "phone": 491701234567.0}
    assert shell.upload(shell.write("p.json", json.dumps([person]))).exit_code == 0
    assert shell.bodies[0]["candidate"]["phone_number"] == "491701234567"


def test_names_are_printed_on_one_line(shell: Shell) -> None:
    """Control characters in names of files and columns do not reach the terminal; column names must not have any."""
    path = shell.write("q.csv", "first\x1b[31m_name,last_name,email\nAda,L,ada@example.com\n")
    result = shell.upload(path)
    assert (result.exit_code, "q.csv: row 1, the header: 'first\\x1b[31m_name' contains U+001B" in result.stderr) == (
        2,
        True,
    )
    header = '"first_name\n(all)",last_name,email'
    path = shell.write("p\x1b[31m\n.csv", f"{header}\nAda,L,ada@example.com\n")
    result = shell.upload(path, "--map", "first_name\n(all)=first_name", "--report", "r\x1b.csv")
    assert result.exit_code == 0, result.output
    assert "\x1b" not in result.output
    assert "p\\x1b[31m\\n.csv: first_name\\n(all) -> candidate.first_name" in result.stderr
