"""Open the input of an upload: choose reader, columns and rules."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import attrs
import click

from kombo_async._cli.cells import CellRules, date_format
from kombo_async._cli.columns import Choices, MappingError, Target
from kombo_async._cli.mapping_file import SavedMapping, read_mapping
from kombo_async._cli.people_files import PeopleFiles
from kombo_async._cli.plain_data import is_array, is_object
from kombo_async._cli.reading.delimited import open_delimited
from kombo_async._cli.reading.json_values import Item, begins_array, begins_object, items, open_objects
from kombo_async._cli.reading.kinds import kind_of
from kombo_async._cli.reading.source import Source
from kombo_async._cli.reading.table import ReadOptions, TableError
from kombo_async._cli.reading.workbook import open_workbook
from kombo_async._cli.request_input import RequestInput
from kombo_async._cli.rows import Input, RowOptions
from kombo_async._cli.shown import shown
from kombo_async._cli.table_input import TableInput
from kombo_async._codec.structure import field_types
from kombo_async.request import Request

_DELIMITERS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "bar": "|", "pipe": "|", "space": " "}


@attrs.frozen(kw_only=True)
class InputOptions:
    """How the user wants the file and its rows read, from options or a saved mapping."""

    operation: str
    choices: Choices
    rules: CellRules
    reading: ReadOptions

    @classmethod
    def of(cls, given: Mapping[str, str | None], saved: SavedMapping, **choices: dict[str, str]) -> InputOptions:
        """Merge command-line options with a saved mapping; the former win. Raises `click.UsageError`."""

        def option(name: str) -> str | None:
            value = given.get(name.replace("-", "_"))
            return saved.options.get(name) if value is None else value

        decimal = option("decimal")
        if decimal not in (None, ",", "."):
            raise click.UsageError(f"--decimal {decimal}: must be , or .")
        try:
            form = option("date-format")
            rules = CellRules(
                decimal=decimal,
                date_format=None if form is None else date_format(form),
                empty=frozenset(word.strip() for word in (option("empty") or "").split("|")) - {""},
            )
        except ValueError as error:
            raise click.UsageError(f"--date-format {error}") from None
        return cls(
            operation=option("operation") or "ats.create_application",
            choices=Choices(
                mapping={**saved.columns, **choices["mapping"]},
                constants={**saved.constants, **choices["constants"]},
                integration_column=option("integration-column"),
                job_column=option("job-column"),
                key_column=option("key"),
            ),
            rules=rules,
            reading=ReadOptions(
                encoding=option("encoding"), delimiter=_delimiter(option("delimiter")), sheet=option("sheet")
            ),
        )


def load_mapping(path: Path | None) -> SavedMapping:
    """The saved mapping at *path*; an empty one without a path."""
    return SavedMapping() if path is None else read_mapping(path)


def _delimiter(text: str | None) -> str | None:
    if text is None:
        return None
    text = _DELIMITERS.get(text.lower(), text)
    if len(text) != 1 or text in '"\r\n':
        raise click.UsageError(f"--delimiter {text!r}: must be one character, such as ; or tab")
    return text


def open_input(source: Source, request: type[Request[Any]], options: InputOptions, files: PeopleFiles) -> Input:
    """The rows of *source*. Raises `TableError` or `MappingError`."""
    rows = RowOptions(choices=options.choices, rules=options.rules, files=files)
    suffix = source.path.suffix.lower() if not source.is_pipe else ""
    if kind_of(source) == "workbook":
        return TableInput(open_workbook(source, options.reading), request, rows)
    if suffix in (".json", ".jsonl", ".ndjson") or (suffix == "" and begins_object(source)) or begins_array(source):
        first = next(items(source), None)
        if first is None:
            if begins_array(source):
                return RequestInput(source, request, RowOptions(files=files))  # no rows, which is fine
            raise TableError("the file is empty")
        if _is_request(first, source, request):
            return RequestInput(source, request, rows)
        return TableInput(open_objects(source), request, rows)
    if options.reading.sheet is not None:
        raise MappingError(f"--sheet {options.reading.sheet}: is for Excel files")
    return TableInput(open_delimited(source, options.reading), request, rows)


def _is_request(item: Item, source: Source, request: type[Request[Any]]) -> bool:
    """Whether the objects of a JSON file are whole requests: they have the request's fields that contain objects.

    Raises `TableError` for a single object that contains the rows, such as the response of an API.
    """
    fields = {field.name for field, _ in field_types(request)} | {"candidate", "application"}
    value: object = item.value
    if item.fault or not is_object(value):
        return True
    around = _arrays_in(value)
    if around and not fields & value.keys() and len(list(islice(items(source), 2))) == 1:
        raise TableError(f"is a single object with its rows in {' and '.join(around)}; save only that array")
    inner = [name for name, each in value.items() if is_object(each) or is_array(each)]
    return any(name in fields for name in inner)


def _arrays_in(value: dict[str, Any], above: str = "") -> list[str]:
    """The paths of arrays of objects in *value*."""
    found: list[str] = []
    for name, each in value.items():
        if is_array(each) and each and all(map(is_object, each)):
            found.append(shown(f"{above}{name}"))
        elif is_object(each) and not above:
            found += _arrays_in(each, f"{name}.")
    return found


def saved_mapping(input: Input, options: InputOptions, given: Mapping[str, str | None]) -> SavedMapping:
    """The mapping to save for *input*. Raises `MappingError` if it has no columns."""
    if not isinstance(input, TableInput):
        raise MappingError("contains whole requests, so there is no column mapping to save")
    names = input.columns.names
    targets: dict[str, Target] = {names[place]: target for place, target in input.columns.targets.items()}
    columns = {name: target.path for name, target in targets.items() if not target.is_job}
    jobs = [name for name, target in targets.items() if target.is_job]
    words = {
        "operation": options.operation,
        "encoding": options.reading.encoding,
        "delimiter": options.reading.delimiter,
        "sheet": options.reading.sheet,
        "decimal": options.rules.decimal,
        "date-format": options.rules.date_format,
        "empty": "|".join(sorted(options.rules.empty)) or None,
        "key": options.choices.key_column,
        "job-column": options.choices.job_column or (jobs[0] if jobs else None),
        "integration-column": options.choices.integration_column,
    }
    said = {name: value for name, value in words.items() if value is not None}
    left_out = {name: "-" for name, path in options.choices.mapping.items() if path == "-"}
    return SavedMapping({**columns, **left_out}, options.choices.constants, said)
