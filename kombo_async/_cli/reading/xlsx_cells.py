"""What python-calamine does not tell about an .xlsx: errors and formulas without values, which it returns as empty
cells, and numbers with leading zeros, such as postal codes."""

from __future__ import annotations

import re
import zipfile
from typing import IO, Any
from xml.parsers import expat

import attrs

from kombo_async._cli.reading.source import Source
from kombo_async._cli.reading.table import BadCell, Cell

CHUNK = 1 << 20
_OVERLAP = 200
_SUSPECT = re.compile(
    rb"""\bt=["']e["']|<(?:\w+:)?f\b[^>]*(?:/>|>[^<]*</(?:\w+:)?f>)(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></(?:\w+:)?v>|</(?:\w+:)?c>)"""
)
"""An error, or a formula without a value."""
_SIGNS = (b't="e"', b"t='e'", b"<f>", b"<f ", b"<f/", b":f>", b":f ", b":f/")
"""Much faster to search for than the pattern; a sheet without formulas has none."""
_PADDED = re.compile(r"0{2,15}")
Cells = dict[tuple[int, int], Cell]
"""By row and column, counted from 1."""


def special_cells(source: Source, sheet: str) -> Cells:
    """The cells of *sheet* that calamine gets wrong. Empty if *source* is not an .xlsx."""
    try:
        with zipfile.ZipFile(source.path) as archive:
            part = _part_of(archive, sheet)
            if part is None:
                return {}
            padded = _padded_styles(archive)
            if not padded and not _is_suspect(archive, part):
                return {}
            with archive.open(part) as file:
                return _Reader(padded).read(file)
    except (zipfile.BadZipFile, KeyError, expat.ExpatError, ValueError):
        return {}  # calamine could read it; rely on that


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """The file in *archive* that holds *sheet*."""
    if "xl/workbook.xml" not in archive.namelist():
        return None
    relation = next(
        (
            value
            for _, name, attributes in _elements(archive, "xl/workbook.xml")
            if name == "sheet" and attributes.get("name") == sheet
            for key, value in attributes.items()
            if key.endswith(":id")
        ),
        None,
    )
    for _, _, attributes in _elements(archive, "xl/_rels/workbook.xml.rels"):
        if relation and attributes.get("Id") == relation:
            target = attributes["Target"]
            return target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    return None


def _padded_styles(archive: zipfile.ZipFile) -> dict[str, int]:
    """The styles that show a number with leading zeros, and how many digits each shows."""
    if "xl/styles.xml" not in archive.namelist():
        return {}
    elements = _elements(archive, "xl/styles.xml")
    codes = {each.get("numFmtId"): each.get("formatCode", "") for _, name, each in elements if name == "numFmt"}
    styles = [each for above, name, each in elements if (above, name) == ("cellXfs", "xf")]
    shown = [codes.get(each.get("numFmtId"), "") for each in styles]
    return {str(place): len(code) for place, code in enumerate(shown) if _PADDED.fullmatch(code)}


def _elements(archive: zipfile.ZipFile, part: str) -> list[tuple[str, str, dict[str, str]]]:
    """The elements of a small part: the name of the parent, its own name, and its attributes."""
    found: list[tuple[str, str, dict[str, str]]] = []
    above = [""]

    def start(tag: str, attributes: dict[str, str]) -> None:
        found.append((above[-1], _local(tag), attributes))
        above.append(_local(tag))

    def end(_: str) -> None:
        above.pop()

    parser = _parser(start, end)
    parser.Parse(archive.read(part), True)
    return found


def _parser(start: Any, end: Any) -> Any:
    parser: Any = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = _refuse_doctype
    return parser


def _refuse_doctype(*_: object) -> None:
    raise ValueError("a workbook must not declare entities")


def _is_suspect(archive: zipfile.ZipFile, part: str) -> bool:
    rest = b""
    with archive.open(part) as file:
        while chunk := file.read(CHUNK):
            text = rest + chunk
            if any(each in text for each in _SIGNS) and _SUSPECT.search(text):
                return True
            rest = chunk[-_OVERLAP:]
    return False


def _local(tag: str) -> str:
    return tag.rpartition(":")[2]


@attrs.define
class _Reader:
    """Reads the XML of a sheet, cell by cell."""

    padded: dict[str, int]
    cells: Cells = attrs.field(factory=dict[tuple[int, int], Cell])
    _row: int = 0
    _column: int = 0
    _cell: dict[str, str] = attrs.field(factory=dict[str, str])
    _has_formula: bool = False
    _value: str = ""
    _is_value: bool = False

    def read(self, file: IO[bytes]) -> Cells:
        parser = _parser(self._start, self._end)
        parser.CharacterDataHandler = self._text
        parser.ParseFile(file)
        return self.cells

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = _local(tag)
        if name == "row":
            self._row, self._column = int(attributes.get("r", self._row + 1)), 0
        elif name == "c":
            self._cell, self._has_formula, self._value = attributes, False, ""
            self._column = _column_of(attributes["r"]) if "r" in attributes else self._column + 1
        elif name == "f":
            self._has_formula = True
        elif name in ("v", "is"):
            self._is_value = True

    def _text(self, text: str) -> None:
        if self._is_value:
            self._value += text

    def _end(self, tag: str) -> None:
        name = _local(tag)
        if name in ("v", "is"):
            self._is_value = False
        elif name == "c" and (cell := self._special()) is not None:
            self.cells[self._row, self._column] = cell

    def _special(self) -> Cell:
        kind = self._cell.get("t", "n")
        if kind == "e":
            return BadCell(
                "spreadsheet_error", f"{self._value or '#N/A'!r} is a spreadsheet error; correct the formula"
            )
        if self._has_formula and not self._value and kind != "str":
            return BadCell("formula", "the formula has no value; open the file in a spreadsheet, and save it")
        digits = self.padded.get(self._cell.get("s", ""))
        if digits and kind == "n" and self._value.isdecimal():
            return self._value.rjust(digits, "0")
        return None


def _column_of(reference: str) -> int:
    """The column of a reference such as `AB12`, counted from 1."""
    number = 0
    for char in reference:
        if not char.isalpha():
            break
        number = number * 26 + ord(char.upper()) - 64
    return number
