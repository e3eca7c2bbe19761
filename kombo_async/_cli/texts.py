"""The text of a cell: without invisible characters, and refused if another program has damaged it."""

from __future__ import annotations

import html
import re
import unicodedata

from kombo_async._cli.shown import shown

_SPREADSHEET_ERROR = re.compile(r"#N/A|#NV|#[¡¿]?[A-ZÄÖÜ0/_]{2,14}[!?]|#GETTING_DATA|#{3,}")
"""In Excel's languages; and `####`, which a column shows if it is too narrow."""
_LOST_DIGITS = re.compile(r"[+-]?\d[.,]?\d*E\+\d+", re.IGNORECASE)
_GUARDED = re.compile(r"'[=+\-@\t\r]|'\d[\d /().-]{3,}$")
"""An apostrophe that stops a spreadsheet from reading text as a formula or a number."""
_FORMULA_OF_TEXT = re.compile(r'="((?:[^"]|"")*)"')
"""`="0170"`, which preserves leading zeros in a CSV."""
_FLOAT = re.compile(r"\+?\d{4,15}\.0")
"""A whole number that another program has read as a decimal one: 491701234567.0."""
_WORDS_FOR_NOTHING = frozenset(r"NULL null (null) \N NaN nan NaT None <NA> undefined N/A n/a".split())
_UTF_8_AS_1252 = re.compile(
    "(?:Ã[\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]"
    "|Â[\u00a0-\u00bf]|â€.)+"
)
_ENTITY = re.compile(r"&(?:[A-Za-z]{2,8}|#\d{2,5}|#x[0-9A-Fa-f]{2,5});")


class CellFault(Exception):
    """A cell cannot be used. *kind* is the same for all cells with the same fault."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


def clean(text: str) -> str:
    """Remove invisible marks (zero-width and direction). Raises `CellFault` for control characters."""
    if text[:1] in ("'", "="):
        text = _unguarded(text)
    if text.isprintable() and "\ufffd" not in text:
        return text.strip()
    kept = "".join(char for place, char in enumerate(text) if not _is_invisible(text, place))
    for char in kept:
        if char == "\ufffd" or (char not in "\n\r\t" and _is_control(char)):
            raise CellFault("control_character", f"{shown(kept)} contains {_name_of(char)}; remove it")
    return kept.translate(_SPACES).strip()


_SPACES = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2028": "\n", "\u2029": "\n"})


def _unguarded(text: str) -> str:
    if formula := _FORMULA_OF_TEXT.fullmatch(text.strip()):
        return formula[1].replace('""', '"')
    return text[1:] if _GUARDED.match(text) else text


def _is_invisible(text: str, place: int) -> bool:
    char = text[place]
    if char in "\u200c\u200d":  # they matter in Persian, Hindi and others, not between plain letters
        return not (_is_foreign(text, place - 1) and _is_foreign(text, place + 1))
    if "\U000e0000" <= char <= "\U000e007f":
        return "\U0001f3f4" not in text  # they spell the region of a flag
    return char == "\u00ad" or unicodedata.category(char) == "Cf"


def _is_foreign(text: str, place: int) -> bool:
    return 0 <= place < len(text) and ord(text[place]) > 0x250


def _is_control(char: str) -> bool:
    """Whether it cannot be part of a text: controls, surrogates, and code points that Unicode never uses."""
    return unicodedata.category(char) in ("Cc", "Cs") or ord(char) & 0xFFFE == 0xFFFE or "\ufdd0" <= char <= "\ufdef"


def _name_of(char: str) -> str:
    if char == "\ufffd":
        return "U+FFFD, which another program put in place of an unreadable character"
    name = unicodedata.name(char, "") or {"\0": "NUL"}.get(char, "a control character")
    return f"U+{ord(char):04X} ({name})"


def check_cell(text: str) -> None:
    """Refuse spreadsheet errors. Raises `CellFault`."""
    if text[:1] == "#" and _SPREADSHEET_ERROR.fullmatch(text):
        raise CellFault("spreadsheet_error", f"{shown(text)} is a spreadsheet error; correct the cell")


def meant_text(text: str) -> str:
    """Read a cell for a text field. Raises `CellFault` if another program has damaged it."""
    text = clean(text)
    if _LOST_DIGITS.fullmatch(text):
        raise CellFault(
            "lost_digits", f"{shown(text)} was shortened by a spreadsheet; format the column as text and enter it again"
        )
    if _FLOAT.fullmatch(text):
        return text.removesuffix(".0")
    if text and (text in _WORDS_FOR_NOTHING or all(unicodedata.category(char)[0] in "PZM" for char in text)):
        raise CellFault("placeholder", f"{shown(text)} looks like an empty cell; empty it, or pass --empty {text}")
    _check_letters(text)
    return text


def _check_letters(text: str) -> None:
    """Refuse letters that were encoded or escaped once too often."""
    if not text.isascii() and (found := _UTF_8_AS_1252.search(text)):
        try:
            right = found[0].encode("cp1252").decode("utf-8")
        except UnicodeError:
            return
        start = max(0, found.start() - 20)
        shown_part = text[start : found.end() + 20]
        raise CellFault(
            "garbled",
            f"{shown(shown_part)} is {shown(shown_part.replace(found[0], right))}, garbled by another program; "
            "export the file again as UTF-8",
        )
    if "&" in text and "<" not in text and _ENTITY.search(text) and html.unescape(text) != text:
        raise CellFault(
            "garbled",
            f"{shown(text)} is {shown(html.unescape(text))}, escaped for a web page; write it unescaped",
        )
