"""Which column of a table goes into which field of a request, and what each cell becomes there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import attrs

from kombo_async import ats
from kombo_async._codec.structure import field_types, is_list, is_model, is_union, members
from kombo_async.request import Request

_KNOWN = {
    "email": "email_address",
    "e_mail": "email_address",
    "mail": "email_address",
    "e_mail_address": "email_address",
    "firstname": "first_name",
    "given_name": "first_name",
    "lastname": "last_name",
    "surname": "last_name",
    "family_name": "last_name",
    "phone": "phone_number",
    "telephone": "phone_number",
    "mobile": "phone_number",
    "job": "job_id",
    "stage": "stage_id",
    "job_title": "title",
}
_FILES = {"cv": "CV", "resume": "CV", "cv_file": "CV", "cv_path": "CV", "cover_letter": "COVER_LETTER"}
_EMAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>.]+(\.[^@\s,;<>.]+)+")


class MappingError(Exception):
    """The columns do not fit the request; the message says what to mend."""


@attrs.frozen
class Target:
    """Where a column goes."""

    path: str
    """The field, such as `candidate.email_address`; or `CV`, `COVER_LETTER`, `OTHER` for a column of files."""
    convert: Callable[[str], Any] = str


def fields_of(request: type[Request[Any]]) -> dict[str, Callable[[str], Any]]:
    """The fields that a cell can fill, by their paths, with what makes a cell's text into a value."""
    return dict(_fields(request, ""))


def _fields(model: Any, above: str) -> Iterator[tuple[str, Callable[[str], Any]]]:
    for field, hint in field_types(model):
        choices = members(hint) if is_union(hint) else (hint,)
        path = f"{above}{field.name}"
        inner = [each for each in choices if isinstance(each, type) and is_model(each)]
        if inner and above.count(".") < 2:
            yield from _fields(inner[0], f"{path}.")
        elif bool in choices:
            yield path, _truth
        elif int in choices or float in choices:
            yield path, _number
        elif any(is_list(each) and _is_text(get_args(each)[0]) for each in choices):
            yield path, _texts
        elif not inner and not any(is_list(each) for each in choices):
            yield path, str


def _is_text(item: Any) -> bool:
    """Whether a list's items are text: any, or an open enum."""
    return item is str or str in get_args(item)


def targets(
    columns: Sequence[str], request: type[Request[Any]], given: Mapping[str, str]
) -> tuple[dict[int, Target], list[str]]:
    """Where each column goes, by its place, and the columns that go nowhere. *given* has the user's own choices.

    Raises `MappingError` for a choice that makes no sense.
    """
    fields = fields_of(request)
    for column, path in given.items():
        if column not in columns:
            raise MappingError(f"--map {column}={path}: there is no column {column!r}, only {', '.join(columns)}")
        if path not in fields and path not in ("CV", "COVER_LETTER", "OTHER"):
            raise MappingError(f"--map {column}={path}: there is no field {path!r}; there are {', '.join(fields)}")
    found: dict[int, Target] = {}
    unused: list[str] = []
    for place, column in enumerate(columns):
        goal = given.get(column) or _guess(column, fields, files="attachments" in (request.operation.body or ()))
        if goal is None:
            unused.append(column)
            continue
        taken = next((columns[each] for each, target in found.items() if target.path == goal), None)
        if taken is not None and goal in fields:
            raise MappingError(f"the columns {taken!r} and {column!r} both go into {goal}; say which by --map")
        found[place] = Target(goal, fields.get(goal, str))
    return found, unused


def _guess(column: str, fields: Mapping[str, Any], *, files: bool) -> str | None:
    name = re.sub(r"\W+", "_", column.strip().lower()).strip("_")
    if column.strip() in fields:
        return column.strip()
    if files and name in _FILES:
        return _FILES[name]
    name = _KNOWN.get(name, name)
    matching = [path for path in fields if path.rpartition(".")[2] == name and path.count(".") <= 1]
    return min(matching, key=lambda path: path.count("."), default=None)


def attachment(cell: str, folder: Path, kind: str) -> tuple[ats.AttachmentInput | None, str | None]:
    """The file that a cell names, relative to *folder*; or why there is none."""
    path = folder / cell.strip()
    try:
        if not path.is_file():
            return None, f"there is no file {str(path)!r}"
        if path.stat().st_size == 0:
            return None, f"the file {str(path)!r} is empty"
        with path.open("rb"):
            pass
    except (OSError, ValueError) as error:
        return None, f"the file {str(path)!r} cannot be read ({getattr(error, 'strerror', None) or error})"
    return ats.AttachmentInput.from_path(path, type=kind), None


def check_cell(path: str, value: Any) -> str | None:
    """What is wrong with a value beyond its type."""
    if path.rpartition(".")[2] == "email_address" and not _EMAIL.fullmatch(str(value)):
        return f"{str(value)!r} is no e-mail address"
    return None


def _truth(text: str) -> bool:
    known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if text.lower() not in known:
        raise ValueError(f"{text!r} is neither true nor false")
    return known[text.lower()]


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
    except ValueError:
        raise ValueError(f"{text!r} is no number") from None


def _texts(text: str) -> list[str]:
    return [part.strip() for part in text.split("|") if part.strip()]
