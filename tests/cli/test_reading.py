"""Reading files as people have them: encodings, delimiters, Excel, JSON, pipes."""

from __future__ import annotations

import json
import os
import subprocess
import tracemalloc
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import openpyxl
import pytest

from kombo_async._cli.reading.delimited import open_delimited
from kombo_async._cli.reading.encoding import find_encoding
from kombo_async._cli.reading.json_values import items
from kombo_async._cli.reading.source import Source, open_source
from kombo_async._cli.reading.table import ReadOptions, TableError
from tests.cli.conftest import Shell

HEADER = "first_name,last_name,email,cv\n"
GOOD = HEADER + "Ada,Lovelace,ada@example.com,\nGrace,Hopper,grace@example.com,\n"
BOTH = ["ada@example.com", "grace@example.com"]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(GOOD.encode("utf-8-sig"), id="byte order mark"),
        pytest.param(GOOD.replace(",", ";").encode(), id="semicolons"),
        pytest.param(GOOD.replace(",", "\t").encode(), id="tabs"),
        pytest.param(GOOD.replace(",", "|").encode(), id="bars"),
        pytest.param(GOOD.replace(",", ":").encode(), id="colons"),
        pytest.param(GOOD.replace("email", '"E-Mail\n(privat)"').encode(), id="a remark in a header"),
        pytest.param(b"sep=;\r\n" + GOOD.replace(",", ";").encode(), id="sep="),
        pytest.param("sep=;\n".encode("utf-16") + GOOD.replace(",", ";").encode("utf-16-le"), id="sep= in UTF-16"),
        pytest.param(b'"sep=;"\r\n' + GOOD.replace(",", ";").encode(), id="sep= in quotes"),
        pytest.param(b"SEP=;;;;\n" + GOOD.replace(",", ";").encode(), id="sep= saved again"),
        pytest.param(b"sep=;\n" + GOOD.encode(), id="sep= that is wrong"),
        pytest.param(b"\xef\xbb\xbf\r\n\r\n" + GOOD.encode(), id="empty rows above the header"),
        pytest.param(b"\xef\xbb\xbf\xef\xbb\xbf" + GOOD.encode(), id="two byte order marks"),
        pytest.param(GOOD.replace(",", "^").encode(), id="carets"),
        pytest.param(GOOD.encode() + b"\x1a", id="the end of file of DOS"),
        pytest.param(GOOD.encode() + b"\0" * 900, id="a last block that is filled up"),
        pytest.param(GOOD.replace("first_name,", '"first_name", ').replace("Ada,", '"Ada", ').encode(), id="spaces"),
        pytest.param(GOOD.replace("\n", "\n,,\n \n", 1).encode(), id="rows of delimiters"),
        pytest.param(GOOD.replace("email", "emailAddress").encode(), id="names in camel case"),
        pytest.param(b"\xef\xbb\xbfsep=\t\n" + GOOD.replace(",", "\t").encode(), id="sep= after a mark"),
        pytest.param(GOOD.replace("Ada", "Jürgen").encode("latin-1"), id="Latin-1"),
        pytest.param(GOOD.encode("utf-16"), id="UTF-16"),
        pytest.param(GOOD.encode("utf-16-le"), id="UTF-16 without a mark"),
        pytest.param(GOOD.encode("utf-16-be"), id="UTF-16, big end first"),
        pytest.param(GOOD.encode("utf-32"), id="UTF-32"),
        pytest.param(GOOD.replace("\n", "\r\n").encode(), id="CRLF"),
        pytest.param(GOOD.replace("\n", "\r").encode(), id="CR, as old Macs"),
        pytest.param(GOOD.replace("\n", "\n\n\n").encode(), id="empty lines"),
        pytest.param(GOOD.replace("Ada", '"A ""d"", a\nb"').encode(), id="quotes"),
        pytest.param(GOOD.replace("email", " E-Mail ").encode(), id="names of columns"),
        pytest.param(GOOD.rstrip().encode(), id="no line break at the end"),
        pytest.param(GOOD.replace(",\n", "\n").replace("cv", ",cv").encode(), id="rows without empty cells at the end"),
        pytest.param(GOOD.replace("com,\n", "com,,,\n").encode(), id="more empty cells at the end"),
        pytest.param(GOOD.replace("cv", "note,note").encode(), id="two columns of one name that nobody uses"),
        pytest.param(GOOD.replace("cv", '"a; b; c; d; e"').encode(), id="another delimiter inside a quoted header"),
        pytest.param(GOOD.replace(",", ";").replace("cv", '"a, b, c, d, e"').encode(), id="a comma inside a header"),
    ],
)
def test_csv_files_of_any_make_are_read(shell: Shell, content: bytes) -> None:
    """Encodings, delimiters, line ends and quotes are detected."""
    result = shell.upload(shell.write("people.csv", content))
    assert result.exit_code == 0, result.output
    assert shell.emails == BOTH


NAMES = {
    "cp1252": [
        "Jürgen;Müller",
        "Zoë;Brontë",
        "François;Lefèvre",
        "José;Núñez",
        "Søren;Ørsted",
        "Straße;Groß",
        "O’Brien",
    ],
    "mac_roman": ["Jürgen;Müller", "Zoë;Brontë", "François;Lefèvre", "José;Núñez", "Straße;Groß", "Renée", "Köln"],
    "cp932": ["山田;太郎", "さくら;田中", "鈴木;一郎", "スズキ;ﾀﾛｳ"],
    "cp1250": ["Łukasz;Żółć", "Małgorzata;Wąs", "Jiří;Šťastný"],
    "cp1251": ["Иван;Петров", "ИВАН;ПЕТРОВ"],
}


@pytest.mark.parametrize(("encoding", "name"), [(encoding, name) for encoding in NAMES for name in NAMES[encoding]])
@pytest.mark.parametrize("offset", [0, 20_000])
def test_encodings_are_told_apart(tmp_path: Path, encoding: str, name: str, offset: int) -> None:
    """A single name is enough to detect the encoding, even far into the file."""
    path = tmp_path / "people.csv"
    path.write_bytes(b"Vorname;Nachname\n" + b"Ada;Lovelace\n" * offset + name.encode(encoding))
    found = find_encoding(Source("people.csv", path, tmp_path))
    assert (found.name, bool(found.sample)) == (encoding, True)


def test_what_was_chosen_is_said(shell: Shell) -> None:
    """A detected encoding is reported with a word to check it by; `--encoding` overrides it."""
    path = shell.write("people.csv", GOOD.replace("Ada", "Jürgen").encode("mac_roman"))
    result = shell.upload(path)
    assert "read as Mac Roman, for example 'Jürgen'" in result.stderr
    assert shell.bodies[0]["candidate"]["first_name"] == "Jürgen" or shell.bodies[1]["candidate"]
    wrong = shell.upload(path, "--encoding", "utf-8", "--dry-run")
    assert (wrong.exit_code, "not valid utf-8" in wrong.stderr) == (2, True)
    unknown = shell.upload(path, "--encoding", "klingon", "--dry-run")
    assert (unknown.exit_code, "unknown encoding" in unknown.stderr) == (2, True)


@pytest.mark.parametrize("rows", [1, 50_000])
def test_damaged_utf_8_is_refused(shell: Shell, rows: int) -> None:
    """One bad byte in UTF-8 does not turn it into Windows-1252: the line is named, and nothing is sent."""
    good = "".join(f"Jürgen,Müller,p{n}@example.com,\n" for n in range(rows)).encode()
    result = shell.upload(shell.write("people.csv", HEADER.encode() + good + b"J\xfcrgen,M,q@example.com,\n"))
    assert result.exit_code == 2
    assert f"line {rows + 2} contains bytes that are not valid UTF-8" in result.stderr
    assert not shell.bodies


def test_an_unclear_encoding_is_refused(tmp_path: Path) -> None:
    """If the bytes are words in two encodings, both readings are shown."""
    path = tmp_path / "people.csv"
    path.write_bytes("Name\nGül;Şahin\n".encode("cp1250"))
    with pytest.raises(TableError, match="its encoding is unclear: 'Şahin' in Windows-1250"):
        find_encoding(Source("people.csv", path, tmp_path))


def workbook(path: Path, sheets: dict[str, Sequence[Sequence[object]]]) -> None:
    """Write an Excel file."""
    book = openpyxl.Workbook()
    for number, (name, rows) in enumerate(sheets.items()):
        sheet = book.active if number == 0 else book.create_sheet()
        assert sheet is not None
        sheet.title = name
        for row in rows:
            sheet.append(list(row))
    book.save(path)


PEOPLE: list[Sequence[object]] = [
    ["Vorname", "Nachname", "E-Mail", "Telefon", "Gehalt", "Verfügbar ab", None],
    ["Ada", "Lovelace", "ada@example.com", 491701234567, 50000, date(2026, 5, 19), None],
    [None, None, None, None, None, None, None],
    ["Grace", "Hopper", "grace@example.com", "+49 170 1", 50000.5, None, None],
]


@pytest.mark.parametrize("name", ["people.xlsx", "people.csv", "people.txt"])
def test_excel_files_are_read(shell: Shell, name: str) -> None:
    """Excel files keep their dates and numbers, whatever the file's name."""
    workbook(shell.folder / "book.xlsx", {"Bewerber": PEOPLE})
    (shell.folder / "book.xlsx").rename(shell.folder / name)
    result = shell.upload(name, "--set", "candidate.salary_expectations.period=YEAR")
    assert result.exit_code == 0, result.output
    ada, grace = sorted((body["candidate"] for body in shell.bodies), key=lambda each: str(each["first_name"]))
    assert ada["phone_number"] == "491701234567"
    assert (ada["salary_expectations"]["amount"], ada["availability_date"]) == (50000, "2026-05-19")
    assert grace["salary_expectations"]["amount"] == 50000.5


def test_the_sheet_is_chosen(shell: Shell) -> None:
    """The first sheet is read unless `--sheet` names another; an unknown name lists the available ones."""
    workbook(shell.folder / "p.xlsx", {"Notes": [["Vorname", "x"], ["a", "b"]], "Bewerber": PEOPLE})
    result = shell.upload("p.xlsx", "--sheet", "Bewerber", "--dry-run")
    assert result.exit_code == 0, result.output
    first = shell.upload("p.xlsx", "--dry-run")
    assert first.exit_code == 2
    wrong = shell.upload("p.xlsx", "--sheet", "Bewerbr", "--dry-run")
    assert "there is no sheet 'Bewerbr'; available: 'Notes', 'Bewerber'" in wrong.stderr


def test_rows_of_excel_are_counted_as_excel_does(shell: Shell) -> None:
    """Row numbers in messages are those of the spreadsheet, even with empty rows above the header."""
    workbook(shell.folder / "p.xlsx", {"A": [[None], [None], *PEOPLE, ["Bob", "B", "bob", None]]})
    assert "row 7: column 'E-Mail': 'bob' is not an e-mail" in shell.upload("p.xlsx", "--dry-run").stdout


REQUESTS = [
    {"candidate": {"first_name": name, "last_name": "X", "email_address": f"{name.lower()}@example.com"}}
    for name in ("Ada", "Grace")
]
FLAT = [{"Vorname": name, "Nachname": "X", "E-Mail": f"{name.lower()}@example.com"} for name in ("Ada", "Grace")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.json", json.dumps(REQUESTS)),
        ("p.json", json.dumps(REQUESTS, indent=4)),
        ("p.json", "\ufeff" + json.dumps(REQUESTS)),
        ("p.jsonl", "\n\n".join(map(json.dumps, REQUESTS))),
        ("p.ndjson", "\r\n".join(map(json.dumps, REQUESTS)) + "\r\n"),
        ("p.json", json.dumps(FLAT)),
        ("p.jsonl", "\n".join(map(json.dumps, FLAT))),
        ("p.csv", json.dumps(FLAT)),
    ],
)
def test_json_is_read(shell: Shell, name: str, content: str) -> None:
    """An array or lines; whole requests, or flat objects whose names are columns."""
    result = shell.upload(shell.write(name, content))
    assert result.exit_code == 0, result.output
    assert shell.emails == BOTH


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("[" * 100_000, "item 1 is nested too deeply"),
        (f'[{{"first_name": {"9" * 5_000}}}]', "item 1 is not valid JSON"),
        ('[{"candidate": {}}', "without a closing bracket; is it cut off?"),
        ('[{"candidate": ', "item 1 is not valid JSON"),
        ("", "is empty"),
    ],
)
def test_a_broken_array_is_wrong_use(shell: Shell, content: str, problem: str) -> None:
    """A broken JSON array is one line."""
    result = shell.upload(shell.write("p.json", content))
    assert (result.exit_code, problem in result.stderr) == (2, True), result.stderr


def test_a_broken_line_is_the_fault_of_its_row(shell: Shell) -> None:
    """A line with broken or too deeply nested JSON is refused by number; the others are sent."""
    deep = '{"candidate": ' + "[" * 100_000
    lines = [json.dumps(REQUESTS[0]), deep, '{"candidate": ', "[1]", json.dumps(REQUESTS[1])]
    result = shell.upload(shell.write("p.jsonl", "\n".join(lines)))
    assert result.exit_code == 1
    assert "3 rows cannot be read" in result.stdout
    assert shell.emails == BOTH


def test_an_array_is_read_in_flat_memory(tmp_path: Path) -> None:
    """Items come one by one, whatever the length of the file."""
    path = tmp_path / "p.json"
    path.write_text("[" + ",".join(json.dumps({"n": n, "text": "x" * 200}) for n in range(50_000)) + "]")
    tracemalloc.start()
    assert sum(1 for _ in items(Source("p", path, tmp_path))) == 50_000
    assert tracemalloc.get_traced_memory()[1] < 6_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_a_pipe_is_read(shell: Shell, name: str) -> None:
    """A pipe is read like a file, and needs `--journal`."""
    process = shell.popen("upload", name, "--set", f"job_id={shell.job_id}", stdin=subprocess.PIPE)
    out, err = process.communicate(GOOD.encode())
    assert (process.returncode, b"--journal" in err) == (2, True), err
    command = ("upload", name, "--set", f"job_id={shell.job_id}", "--journal", "j")
    (shell.folder.parent / "tmp").mkdir()
    temporary = {"TMPDIR": str(shell.folder.parent / "tmp")}
    process = shell.popen(*command, stdin=subprocess.PIPE, environment=temporary)
    out, err = process.communicate(GOOD.encode())
    assert process.returncode == 0, err
    assert not list((shell.folder.parent / "tmp").iterdir())  # the copy of the pipe is gone
    assert shell.emails == BOTH
    process = shell.popen(*command, stdin=subprocess.PIPE)
    out, err = process.communicate(GOOD.encode())
    assert b"Nothing to send" in out
    assert sorted(path.name for path in shell.folder.iterdir()) == ["j"]


def test_a_wide_table_is_linear(tmp_path: Path) -> None:
    """The cost grows linearly with the number of columns."""
    path = tmp_path / "wide.csv"
    names = [f"c{number}" for number in range(20_000)]
    path.write_text(",".join(names) + "\n" + ",".join(names) + "\n")
    table = open_delimited(open_source(path), ReadOptions())
    assert len(next(iter(table)).cells) == 20_000


@pytest.mark.parametrize(
    ("rows", "row", "problem"),
    [
        ('Lin,K,lin@example.com\nAda,"Lovelace,ada@example.com\nGrace,H,g@example.com\n', 3, "is never closed"),
        ('"Ada,Lovelace,ada@example.com\n', 2, "is never closed"),
        ('"Ada" the first,Lovelace,ada@example.com\n', 2, "write it twice"),
        ('Lin,K,lin@example.com\n\n"Ada,L,a@example.com\n"Grace",H,g@example.com\n', 4, "write it twice"),
    ],
)
def test_a_quote_too_few_is_told_with_its_row(shell: Shell, rows: str, row: int, problem: str) -> None:
    """An unclosed quote is refused by row, and nothing is sent, since the rows after it may be mixed up."""
    result = shell.upload(shell.write("p.csv", f"first_name,last_name,email\n{rows}"))
    assert (result.exit_code, f"p.csv: row {row}: " in result.stderr) == (2, True), result.stderr
    assert problem in result.stderr
    assert not shell.bodies


def test_columns_without_a_name_are_told(shell: Shell) -> None:
    """Columns without a name are not sent, and a note says so."""
    path = shell.write("p.csv", "first_name,last_name,email,,,x\nAda,L,ada@example.com,+49 170,,\n")
    result = shell.upload(path)
    assert result.exit_code == 0, result.output
    assert "p.csv: not used: 'x' and 1 column without a name" in result.stderr


@pytest.mark.parametrize(("name", "content"), [("p.csv", HEADER), ("p.json", "[]"), ("p.json", "[\n]\n")])
def test_a_table_without_rows_is_no_mistake(shell: Shell, name: str, content: str) -> None:
    """A table without rows is fine, and reported."""
    result = shell.upload(shell.write(name, content), "--retry-refused")
    assert (result.exit_code, f"{name}: has no rows" in result.stderr) == (0, True), result.output


def test_a_pipe_without_a_journal_is_not_waited_for(shell: Shell) -> None:
    """A missing `--journal` is reported before the pipe is read."""
    os.mkfifo(shell.folder / "pipe")
    result = shell.upload("pipe")
    assert (result.exit_code, "pass --journal FILE" in result.stderr) == (2, True)


def test_a_file_that_changes_meanwhile_is_told(tmp_path: Path) -> None:
    """A file that changes while it is read is refused, since its rows may have moved."""
    path = tmp_path / "p.csv"
    path.write_text(GOOD)
    table = open_delimited(open_source(path), ReadOptions())
    assert len(list(table)) == 2
    path.write_text(GOOD.replace("Ada", "Lin,K,lin@example.com,\nAda"))
    with pytest.raises(TableError, match="was changed while this command was reading it"):
        list(table)


def test_a_title_above_the_header_is_told(shell: Shell) -> None:
    """A title above the header is refused by row, in CSV and Excel."""
    workbook(shell.folder / "p.xlsx", {"A": [["Export vom 19.05.2026"], *PEOPLE]})
    path = shell.write("p.csv", f"Export vom 19.05.2026\n{GOOD}")
    for name in (path, "p.xlsx"):
        result = shell.upload(name, "--dry-run")
        assert result.exit_code == 2
        assert "row 1 has one cell ('Export vom 19.05.2026')" in result.stderr


def test_what_is_no_file_is_told(shell: Shell) -> None:
    """A folder, a missing file and an unreadable one are one line."""
    for name in (".", "no-such.csv"):
        result = shell.upload(name)
        assert result.exit_code == 2
        assert len(result.stderr.splitlines()) == 1
