"""Find out what a file is by its content, whatever its name: a table, or something else, which is refused by name."""

from __future__ import annotations

import re
import zipfile
from typing import Literal

from kombo_async._cli.reading.encoding import utf_16
from kombo_async._cli.reading.source import Source
from kombo_async._cli.reading.table import TableError

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SAVE_AS = "open it in a spreadsheet, and save it as .xlsx or as CSV UTF-8"
_COPY = "copy its table into a spreadsheet, and save that as .xlsx or as CSV UTF-8"
_KINDS = (
    (rb"%PDF", "is a PDF; export the table from the program that made it"),
    (rb"\{\\rtf", f"is a text document (RTF); {_COPY}"),
    (rb"\x1f\x8b|7z\xbc\xaf|Rar!|BZh\d|\xfd7zXZ|\x28\xb5\x2f\xfd", "is compressed; unpack it first"),
    (rb"\x89PNG|\xff\xd8\xff|GIF8|II\*\x00|MM\x00\*|RIFF....(?:WEBP|WAVE|AVI )", "is a picture; pass the table itself"),
    (rb"SQLite format 3|PAR1|Obj\x01|ARROW1", "is a database; export the table as CSV UTF-8"),
    (rb"BEGIN:VCARD", "is a list of contacts (vCard); export them as CSV"),
    (
        rb"(?s)<\?xml.*urn:schemas-microsoft-com:office:spreadsheet",
        f"is an Excel 2003 XML spreadsheet, whatever its name; {_SAVE_AS}",
    ),
    (
        rb"(?is)(?:<\?xml[^>]*>\s*|<!--.*?-->\s*)*<(?:!doctype html|html|head|meta|body|table|style)\b",
        f"is a web page (HTML), whatever its name; {_SAVE_AS}",
    ),
    (rb"<\?xml|<\w+[\s>]", f"is XML; export the table as CSV UTF-8, or {_SAVE_AS}"),
)
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_CONTROLS = frozenset(range(32)) - frozenset(b"\t\n\x0b\x0c\r\x1a\x1b")
LARGEST_BOOK = 2_000_000_000
"""Bytes of XML; a workbook is held in memory."""
BINARY = 0.05
"""The share of control characters above which a file is not text."""
_PASSWORD = "EncryptedPackage".encode("utf-16-le")
_WORD = "WordDocument".encode("utf-16-le")

Kind = Literal["workbook", "text"]


def kind_of(source: Source) -> Kind:
    """Whether *source* is a workbook or text. Raises `TableError` for anything else, saying what it is."""
    if source.path.name.startswith("~$"):
        raise TableError("is a lock file of Excel; pass the file without ~$ in its name")
    start = source.start(4096)
    if start.startswith(_ZIP):
        return _kind_of_zip(source)
    if start.startswith(_OLE):
        return _kind_of_ole(source)
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    for pattern, what in _KINDS:
        if re.match(pattern, text):
            raise TableError(what)
    if not start.startswith(_MARKS) and _is_binary(start):
        raise TableError("is neither text nor a spreadsheet; pass a CSV, an Excel file or JSON")
    return "text"


def _kind_of_zip(source: Source) -> Kind:
    try:
        with zipfile.ZipFile(source.path) as archive:
            names = archive.namelist()
            size = sum(each.file_size for each in archive.infolist() if each.filename.startswith("xl/"))
            mime = archive.read("mimetype")[:200].decode("ascii", "replace") if "mimetype" in names else ""
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError):
        raise TableError("is a damaged Excel file or archive; was it downloaded completely?") from None
    if size > LARGEST_BOOK:
        raise TableError(f"unpacks to {size / 1e9:.1f} GB, which is too much for a spreadsheet; save it as CSV UTF-8")
    if any(name.startswith("xl/") for name in names) or "spreadsheet" in mime:
        return "workbook"
    if any(name.startswith("word/") for name in names) or "opendocument.text" in mime:
        raise TableError(f"is a text document; {_COPY}")
    if any(name.startswith("Index/") or name == "Index.zip" for name in names):
        raise TableError("is an Apple Numbers document; export it as Excel or CSV")
    raise TableError("is an archive (zip); unpack it first")


def _kind_of_ole(source: Source) -> Kind:
    with source.open() as file:
        content = file.read()
    if _PASSWORD in content:
        raise TableError("is protected with a password; save it without one")
    if _WORD in content:
        raise TableError(f"is a text document (Word); {_COPY}")
    return "workbook"


def _is_binary(start: bytes) -> bool:
    """Whether it has many control characters. UTF-16 has zeros in every other byte, and is text."""
    if utf_16(start):
        return False
    start = start.rstrip(b"\0")  # old programs fill up the last block
    controls = sum(byte in _CONTROLS for byte in start)
    return controls > len(start) * BINARY + 2
