"""Files that are not tables, or not what their names say: the message says what they are and what to do."""

from __future__ import annotations

import gzip
import io
import os
import zipfile

import pytest

from kombo_async._cli.reading import kinds
from kombo_async._cli.reading.source import Source
from kombo_async._cli.reading.table import TableError
from tests.cli.conftest import Shell

GOOD = "first_name,last_name,email\nAda,Lovelace,ada@example.com\n"
HTML = "<table><tr><th>first_name</th></tr></table>"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600


def archive(*names: str, **parts: bytes) -> bytes:
    """A zip with empty parts of these names, and others with content."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as written:
        for name in names:
            written.writestr(name, b"")
        for name, content in parts.items():
            written.writestr(name, content)
    return file.getvalue()


KINDS: list[tuple[str, str | bytes, str]] = [
    ("people.xls", f"<html><body>{HTML}</body></html>", "is a web page (HTML), whatever its name; open it in"),
    ("people.csv", f"\ufeff\n<!-- export -->\n<!DOCTYPE html>\n<html>{HTML}", "is a web page (HTML)"),
    ("people.json", "<HTML><head><title>504 Gateway Time-out", "is a web page (HTML)"),
    ("people.xls", '<?xml version="1.0" encoding="utf-8"?>\n<html xmlns="x">', "is a web page (HTML)"),
    ("people.xls", HTML, "is a web page (HTML)"),
    (
        "people.xls",
        '<?xml version="1.0"?>\n<?mso-application progid="Excel.Sheet"?>\n'
        '<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">',
        "is an Excel 2003 XML spreadsheet",
    ),
    ("people.xml", "<people><p/></people>", "is XML"),
    ("people.rtf", "{\\rtf1\\ansi first_name,last_name,email}", "is a text document (RTF)"),
    ("people.vcf", "BEGIN:VCARD\r\nVERSION:3.0\r\n", "is a list of contacts (vCard); export them as CSV"),
    ("people.csv", b"%PDF-1.7\n", "is a PDF"),
    ("people.csv", b"\x89PNG\r\n\x1a\n", "is a picture"),
    ("people.csv.gz", gzip.compress(GOOD.encode()), "is compressed; unpack it first"),
    ("people.csv", b"SQLite format 3\0", "is a database"),
    ("people.csv", bytes(range(256)) * 16, "is neither text nor a spreadsheet"),
    ("people.csv", GOOD.encode("utf-32-le"), "is neither text nor a spreadsheet"),
    ("people.docx", archive("word/document.xml"), "is a text document; copy its table into a spreadsheet"),
    ("people.odt", archive(mimetype=b"application/vnd.oasis.opendocument.text"), "is a text document"),
    ("people.numbers", archive("Index/Document.iwa"), "is an Apple Numbers document; export it as Excel"),
    ("people.zip", archive("people.csv"), "is an archive (zip); unpack it first"),
    ("people.xlsx", archive("xl/workbook.xml")[:-30], "is a damaged Excel file or archive"),
    ("people.xlsx", archive("xl/workbook.xml"), "cannot be read as an Excel file"),
    ("people.xlsx", OLE + "EncryptedPackage".encode("utf-16-le"), "is protected with a password; save it without one"),
    ("people.doc", OLE + "WordDocument".encode("utf-16-le"), "is a text document (Word)"),
    ("people.xls", OLE, "cannot be read as an Excel file"),
    ("~$people.xlsx", b"\x03Ada" + b" " * 161, "pass the file without ~$ in its name"),
]


@pytest.mark.parametrize(("name", "content", "said"), KINDS, ids=[f"{name}: {said}" for name, _, said in KINDS])
def test_what_is_no_table_is_named(shell: Shell, name: str, content: str | bytes, said: str) -> None:
    """A file that is not a table is one line that says what it is and what to do; nothing is sent."""
    result = shell.upload(shell.write(name, content))
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr
    assert result.stderr.count("\n") == 1
    assert not shell.bodies


@pytest.mark.parametrize("name", ["people.xls", "people.xlsx", "people.txt", "people", "people.json.csv"])
def test_text_is_a_table_whatever_its_name(shell: Shell, name: str) -> None:
    """A CSV named like an Excel file is read as CSV, as many programs write it."""
    result = shell.upload(shell.write(name, GOOD.replace(",", "\t")))
    assert result.exit_code == 0, result.output
    assert shell.emails == ["ada@example.com"]


def test_a_workbook_that_unpacks_to_too_much_is_refused(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A workbook that unpacks to too much for memory is refused."""
    content = archive("xl/workbook.xml", **{"xl/worksheets/sheet1.xml": b"0" * 5_000_000})
    path = shell.write("people.xlsx", content)
    monkeypatch.setattr(kinds, "LARGEST_BOOK", 4_000_000)
    with pytest.raises(TableError, match=r"unpacks to 0\.0 GB, which is too much"):
        kinds.kind_of(Source("people.xlsx", shell.folder / "people.xlsx", shell.folder))
    assert os.path.getsize(path) < 10_000 + 5_000_000
