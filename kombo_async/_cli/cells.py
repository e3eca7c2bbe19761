"""Convert cells to values for a request: explicit rules, and a fault for anything ambiguous."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Literal, TypeAlias

import attrs

from kombo_async._cli.reading.table import BadCell, Cell, Value
from kombo_async._cli.shown import shown
from kombo_async._cli.texts import CellFault, check_cell, clean, meant_text

Kind: TypeAlias = Literal["text", "number", "whole number", "yes or no", "date", "list"]
"""The kind of value that a field takes."""

TRUE = frozenset("true yes y 1 ja j wahr oui o vrai sí si s verdadero x".split())
FALSE = frozenset("false no n 0 nein falsch non faux falso".split())
_LABEL = r"[^\W_](?:[\w-]*[^\W_])?"
_EMAIL = re.compile(rf"(?!['.])[^@\s,;:<>()\[\]\\\"]+(?<!\.)@(?:{_LABEL}\.)+{_LABEL}")
_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_DAY_FIRST_OR_NOT = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})")
_TOKENS = {"YYYY": "%Y", "YY": "%y", "MM": "%m", "DD": "%d", "M": "%m", "D": "%d"}


@attrs.frozen(kw_only=True)
class CellRules:
    """How the user wants cells to be read."""

    decimal: str | None = None
    """The decimal mark, a comma or a point. With None, ambiguous numbers such as 50,000 are refused."""
    date_format: str | None = None
    """A format for `datetime.strptime`. With None, ISO dates are taken, and others if the day is above 12."""
    empty: frozenset[str] = frozenset()
    """Texts that mean an empty cell, such as `-`."""


def is_empty(cell: Cell, rules: CellRules) -> bool:
    """Whether there is nothing in *cell*."""
    return cell is None or (isinstance(cell, str) and (not (text := cell.strip()) or text in rules.empty))


def convert(cell: Cell, kind: Kind, rules: CellRules) -> Any:
    """Convert *cell*, which is not empty, to a value of this *kind*. Raises `CellFault`."""
    if isinstance(cell, BadCell):
        raise CellFault(cell.kind, cell.message)
    if isinstance(cell, str):
        check_cell(cell.strip())
    return _CONVERTERS[kind](cell, rules)


def is_email(path: str) -> bool:
    """Whether a field takes an e-mail address."""
    return path.endswith(("email", "email_address"))


def check_email(text: str) -> str:
    """Return *text*, without a leading `mailto:`, if it is an e-mail address. Raises `CellFault`."""
    if text[:7].casefold() == "mailto:":
        text = text[7:]
    if len(text) > 254 or not _EMAIL.fullmatch(text) or ".." in text:
        raise CellFault("email", f"{shown(text)} is not an e-mail address")
    return text


def _text(cell: Value, _: CellRules) -> str:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == datetime.min.time() else cell.isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, str):
        return meant_text(cell)
    if isinstance(cell, float):
        if abs(cell) >= 1e15:
            raise CellFault("lost_digits", f"{cell!r} has lost digits in a spreadsheet; format the column as text")
        return str(int(cell) if cell.is_integer() else cell)
    return str(cell)


def _number(cell: Value, rules: CellRules) -> int | float:
    if isinstance(cell, bool | date):
        raise CellFault("number", f"{cell!s} is not a number")
    if isinstance(cell, int | float):
        if cell != cell or cell in (float("inf"), float("-inf")):
            raise CellFault("number", f"{cell!r} is not a number")
        return cell
    return _parse_number(clean(cell or ""), rules.decimal)


def _parse_number(text: str, decimal: str | None) -> int | float:
    match = re.fullmatch(r"([+-]?)([0-9][0-9.,\u0020'’]*)", text)
    if match is None or text[-1] in ".,'’":
        raise CellFault("number", f"{shown(text)} is not a number")
    sign, digits = match.groups()
    marks = {char for char in digits if char in ".,"}
    decimal = decimal or _decimal_mark(digits, marks, text)
    whole, _, fraction = digits.partition(decimal) if decimal else (digits, "", "")
    group = r"[.,\u0020'’]" if not decimal else f"[{re.escape('.' if decimal == ',' else ',')}\u0020'’]"
    if not re.fullmatch(rf"\d+|\d{{1,3}}({group})\d{{3}}(\1\d{{3}})*", whole) or not re.fullmatch(r"\d*", fraction):
        raise CellFault("number", f"{shown(text)} is not a number{_with_mark(decimal)}")
    plain = re.sub(r"\D", "", whole)
    if len(plain) > 15:
        raise CellFault("number", f"{shown(text)} has too many digits to be kept exactly")
    return float(f"{sign}{plain}.{fraction}") if fraction else int(f"{sign}{plain}")


def _with_mark(decimal: str | None) -> str:
    return f" with {decimal!r} as its decimal mark" if decimal else ""


def _decimal_mark(digits: str, marks: set[str], text: str) -> str | None:
    """The decimal mark of *digits*, or None. Raises `CellFault` if it could be either."""
    if len(marks) == 2:
        return max(marks, key=digits.rindex)
    mark = next(iter(marks), "")
    if not mark or digits.count(mark) > 1:
        return None
    whole, _, rest = digits.partition(mark)
    if len(rest) == 3 and len(whole) <= 3 and whole != "0":
        few, many = f"{whole}.{rest}", f"{whole}{rest}"
        raise CellFault(
            "ambiguous_number", f"{shown(text)} is ambiguous: {few} or {many}; pass --decimal , or --decimal ."
        )
    return mark


def _whole(cell: Value, rules: CellRules) -> int:
    value = _number(cell, rules)
    if value != int(value):
        raise CellFault("number", f"{cell!s} is not a whole number")
    return int(value)


def _truth(cell: Value, _: CellRules) -> bool:
    if isinstance(cell, bool):
        return cell
    text = clean(str(cell)).casefold()
    if text in TRUE or text in FALSE:
        return text in TRUE
    raise CellFault("truth", f"{cell!s} is neither yes nor no; write true or false")


def _texts(cell: Value, rules: CellRules) -> list[str]:
    return [part for part in (clean(part) for part in re.split(r"[|\n]", _text(cell, rules))) if part]


def _date(cell: Value, rules: CellRules) -> str:
    if isinstance(cell, datetime):
        if cell.tzinfo is None and cell.time() != datetime.min.time():
            raise CellFault("time_zone", f"{cell} has a time of day but no time zone; enter the date alone")
        return cell.date().isoformat() if cell.tzinfo is None else cell.isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    text = clean(str(cell)).removesuffix(" 00:00:00")
    if rules.date_format:
        return _by_format(text, rules.date_format)
    if _ISO_TIME.fullmatch(text):
        return _iso_time(text)
    if match := _DAY_FIRST_OR_NOT.fullmatch(text):
        return _day_or_month_first(text, int(match[1]), int(match[3]), int(match[4]))
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            raise CellFault("date", f"{shown(text)} is not a valid date") from None
    raise CellFault(
        "date", f"{shown(text)} is not a date such as 2026-05-19; pass --date-format if it has another format"
    )


def _iso_time(text: str) -> str:
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise CellFault("date", f"{shown(text)} is not a valid time") from None
    return text if text.endswith("Z") else parsed.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _day_or_month_first(text: str, first: int, second: int, year: int) -> str:
    if first <= 12 and second <= 12 and first != second:
        raise CellFault(
            "ambiguous_date",
            f"{shown(text)} is ambiguous: {_iso(year, second, first)} or {_iso(year, first, second)}; "
            "pass --date-format DD.MM.YYYY, MM/DD/YYYY or the like",
        )
    day, month = (first, second) if second <= 12 else (second, first)
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        raise CellFault("date", f"{shown(text)} is not a valid date") from None


def _iso(year: int, month: int, day: int) -> str:
    return f"{year:04}-{month:02}-{day:02}"


def _by_format(text: str, form: str) -> str:
    try:
        return datetime.strptime(text, form).date().isoformat()
    except ValueError:
        raise CellFault("date", f"{shown(text)} does not match the date format {_form_said(form)}") from None


def _form_said(form: str) -> str:
    for token in ("YYYY", "YY", "MM", "DD"):
        form = form.replace(_TOKENS[token], token)
    return form


def date_format(text: str) -> str:
    """Translate a format such as DD.MM.YYYY or %d.%m.%Y for `strptime`. Raises `ValueError`."""
    form = text
    if "%" not in text:
        form = re.sub("YYYY|YY|MM|DD|M|D", lambda match: _TOKENS[match[0]], text.upper())
    if not _is_complete(form):
        raise ValueError(f"{shown(text)} must contain day, month and year, for example DD.MM.YYYY or %d.%m.%Y")
    return form


def _is_complete(form: str) -> bool:
    monday, another_year = (datetime(year, 11, 23).strftime(form) for year in (2026, 2037))  # both are Mondays
    if monday == another_year:  # Python 3.13 warns of formats without a year
        return False
    try:
        return datetime.strptime(monday, form).date() == date(2026, 11, 23)
    except ValueError:
        return False


_CONVERTERS: dict[Kind, Callable[[Value, CellRules], Any]] = {
    "text": _text,
    "number": _number,
    "whole number": _whole,
    "yes or no": _truth,
    "date": _date,
    "list": _texts,
}
