"""Map the columns of a table to the fields of a request."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

import attrs

from kombo_async._cli.cells import Kind
from kombo_async._cli.shown import MOST, shown
from kombo_async._cli.synonyms import FILE_KINDS, is_job, meant, plain, without_remark
from kombo_async._codec.structure import field_types, is_list, is_model, is_union, members
from kombo_async.request import Request

NOWHERE = "-"
"""The `--map` target of a column that is not used."""


class MappingError(Exception):
    """The columns do not fit the request; the message says what to do."""


@attrs.frozen
class Target:
    """Where a column goes."""

    path: str
    """The field, such as `candidate.email_address`; or `CV`, `COVER_LETTER`, `OTHER` for a column of files."""
    kind: Kind = "text"
    is_job: bool = False
    """Whether its cells name jobs by Kombo's ID, `remote:` ID or name."""

    @property
    def is_file(self) -> bool:
        """Whether its cells name files."""
        return self.path in FILE_KINDS


@attrs.frozen
class Columns:
    """The columns of a table, and where each goes."""

    names: list[str]
    targets: dict[int, Target]
    """By column index."""
    unused: list[str]

    def of_path(self, path: str) -> str | None:
        """The column that goes into a field."""
        return next((self.names[place] for place, target in self.targets.items() if target.path == path), None)


def fields_of(request: type[Request[Any]]) -> dict[str, Kind]:
    """The fields that a cell can fill, by path, with the kind of value each takes."""
    return dict(_fields(request, ""))


def takes_files(request: type[Request[Any]]) -> bool:
    """Whether it can carry attachments."""
    return "attachments" in (request.operation.body or ())


def _fields(model: Any, above: str) -> Iterator[tuple[str, Kind]]:
    for field, hint in field_types(model):
        choices = members(hint) if is_union(hint) else (hint,)
        path = f"{above}{field.name}"
        inner = [each for each in choices if isinstance(each, type) and is_model(each)]
        if inner and above.count(".") < 2:
            yield from _fields(inner[0], f"{path}.")
        elif kind := _kind(choices, bool(inner)):
            yield path, kind


def _kind(choices: Sequence[Any], is_object: bool) -> Kind | None:
    names = {getattr(each, "__name__", "") for each in choices}
    if bool in choices:
        return "yes or no"
    if float in choices:
        return "number"
    if int in choices:
        return "whole number"
    if names & {"date", "datetime"}:
        return "date"
    lists = [each for each in choices if is_list(each)]
    if any(_is_text(get_args(each)[0]) for each in lists):
        return "list"
    return None if is_object or lists else "text"


def _is_text(item: Any) -> bool:
    """Whether a list's items are text, which includes open enums."""
    return item is str or str in get_args(item)


@attrs.frozen(kw_only=True)
class Choices:
    """The user's choices about columns."""

    mapping: Mapping[str, str] = attrs.field(factory=dict[str, str])
    """Targets by column name."""
    constants: Mapping[str, str] = attrs.field(factory=dict[str, str])
    """Texts that fill a field of every row, by path."""
    integration_column: str | None = None
    job_column: str | None = None
    key_column: str | None = None


def choose(names: Sequence[str], request: type[Request[Any]], choices: Choices, *, constants: Sequence[str]) -> Columns:
    """Decide where each column goes; *constants* are the paths that have a value already. Raises `MappingError`."""
    fields = fields_of(request)
    chosen = _chosen(names, request, choices)
    counts = Counter(names)
    found: dict[int, Target] = {}
    taken: dict[str, str] = {}
    unused: list[str] = []
    for place, column in enumerate(names):
        target = chosen[column] if column in chosen else _guessed(column, request, fields)
        if target is None or target.path == NOWHERE or (column not in chosen and target.path in constants):
            if column not in (choices.integration_column, choices.key_column):
                unused.append(column)
            continue
        if counts[column] > 1:
            raise MappingError(
                f"the header has {shown(column)} more than once, and it maps to {target.path}; "
                f"rename one of them, or leave it out with --map '{column}={NOWHERE}'"
            )
        if target.path in taken and not target.is_file:
            raise MappingError(
                f"the columns {shown(taken[target.path])} and {shown(column)} both map to {target.path}; "
                f"leave one out with --map '{column}={NOWHERE}'"
            )
        taken[target.path] = column
        found[place] = target
    return Columns(list(names), found, unused)


def _chosen(names: Sequence[str], request: type[Request[Any]], choices: Choices) -> dict[str, Target]:
    """The targets that the user named. Raises `MappingError` for an unknown column or field."""
    fields = fields_of(request)
    chosen: dict[str, Target] = {}
    for column, path in choices.mapping.items():
        _check_column(names, column, f"--map {column}={path}")
        path = resolve(f"--map {column}={path}", path, fields, takes_files(request))
        chosen[column] = Target(path, fields.get(path, "text"))
    if choices.job_column is not None:
        job = job_path(fields)
        if job is None:
            raise MappingError(f"--job-column {choices.job_column}: {request.__name__} has no job")
        chosen[choices.job_column] = Target(job, is_job=True)
    for option, wanted in (
        ("--integration-column", choices.integration_column),
        ("--job-column", choices.job_column),
        ("--key", choices.key_column),
    ):
        if wanted is not None:
            _check_column(names, wanted, f"{option} {wanted}")
    return chosen


def _check_column(names: Sequence[str], column: str, option: str) -> None:
    if column not in names:
        raise MappingError(f"{option}: there is no column {shown(column)}{near(column, names)}")


def _guessed(column: str, request: type[Request[Any]], fields: Mapping[str, Kind]) -> Target | None:
    job = job_path(fields)
    if job is not None and is_job(column):
        return Target(job, is_job=True)
    path = _guess(column, fields, files=takes_files(request))
    return None if path is None else Target(path, fields.get(path, "text"))


def job_path(fields: Mapping[str, Kind]) -> str | None:
    """The field for the job that somebody applies for."""
    return next((path for path in ("job_id", "application.job_id") if path in fields), None)


def resolve(option: str, path: str, fields: Mapping[str, Kind], files: bool) -> str:
    """Look up the target for *path*: a field, the end of a field's path, or a kind of file. Raises `MappingError`."""
    if path == NOWHERE or path in fields:
        return path
    word = plain(path)
    if files and (path.upper() in FILE_KINDS or meant(word) in FILE_KINDS):
        return path.upper() if path.upper() in FILE_KINDS else str(meant(word))
    ends = [each for each in fields if each.endswith(f".{path}")]
    if len(ends) == 1:
        return ends[0]
    if guess := _guess(path, fields, files=files):
        return guess
    known = [*(FILE_KINDS if files else ()), *fields]
    hint = near(path, known) or "; kombo-async operations lists all"
    raise MappingError(f"{option}: there is no field {shown(path)}{hint}")


def near(name: str, known: Mapping[str, Any] | Sequence[str]) -> str:
    """The end of a message: the names closest to *name*, or all names if there are only a few."""
    names = list(dict.fromkeys(each for each in known if each))
    by_end = {each.rpartition(".")[2]: each for each in reversed(names)}
    folded = {each.casefold(): each for each in [*by_end, *names]}
    matches = difflib.get_close_matches(name.rpartition(".")[2].casefold(), list(folded), n=3, cutoff=0.6)
    matches += difflib.get_close_matches(name.casefold(), list(folded), n=3, cutoff=0.6)
    close = list(dict.fromkeys(by_end.get(folded[match], folded[match]) for match in matches))[:3]
    if close:
        return f"; did you mean {' or '.join(close)}?"
    return f"; available: {', '.join(each[:MOST] for each in names)}" if 0 < len(names) <= 12 else ""


def _guess(column: str, fields: Mapping[str, Any], *, files: bool) -> str | None:
    """Guess the field from a column's name."""
    if column.strip() in fields:
        return column.strip()
    word = plain(column)
    if not meant(word) and not any(path == word or path.endswith(f".{word}") for path in fields):
        word = plain(without_remark(column))
    target = meant(word) or word
    if target in FILE_KINDS:
        return target if files else None
    matching = [path for path in fields if path == target or path.endswith(f".{target}")]
    matching = [path for path in matching if path.count(".") <= 1 + target.count(".")]
    return min(matching, key=lambda path: path.count("."), default=None)
