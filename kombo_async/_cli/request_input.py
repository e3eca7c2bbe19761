"""Read whole requests from JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kombo_async._cli.columns import MappingError
from kombo_async._cli.faults import RowFault
from kombo_async._cli.fields import constant_values, put
from kombo_async._cli.jobs import Jobs
from kombo_async._cli.plain_data import is_array, is_object
from kombo_async._cli.reading.json_values import Item, items
from kombo_async._cli.reading.source import Source
from kombo_async._cli.rows import ParsedRow, RowOptions, person_of
from kombo_async._cli.texts import CellFault, clean
from kombo_async.errors import InvalidInput
from kombo_async.request import Request


class RequestInput:
    """The requests of a JSON or JSON Lines file; an attachment may have a `path` in place of its data."""

    def __init__(self, source: Source, request: type[Request[Any]], options: RowOptions) -> None:
        self.jobs = Jobs()
        self._source = source
        self._request = request
        self._files = options.files
        self._constants = constant_values(request, options.choices.constants, options.rules)
        for option in ("integration_column", "job_column", "key_column"):
            if getattr(options.choices, option) is not None or options.choices.mapping:
                raise MappingError("contains whole requests and no columns; --map, --key and the like are for tables")
        self.notes: list[str] = []

    def __iter__(self) -> Iterator[ParsedRow]:
        """Each value, as a request or with its faults."""
        for item in items(self._source):
            yield self._parse(item)

    def integrations_with_jobs(self) -> set[str | None]:
        """See `Input`; whole requests name jobs by ID only."""
        return set()

    def _parse(self, item: Item) -> ParsedRow:
        fields: object = item.value
        if item.fault or not is_object(fields):
            return ParsedRow(item.number, None, [RowFault("row", item.fault or "is not a JSON object")])
        request: Request[Any] | None = None
        faults: list[RowFault] = []
        try:
            fields = _cleaned_object(fields)
            for path, value in self._constants.items():
                put(fields, path, value)
            self._read_files(fields)
            request = self._request.from_dict(fields)
        except CellFault as fault:
            faults = [RowFault(fault.kind, fault.message)]
        except InvalidInput as error:
            faults = [RowFault("value", str(fault)) for fault in error.faults]
        person, email = person_of(fields)
        return ParsedRow(item.number, request, faults, person=person, email=email)

    def _read_files(self, fields: dict[str, Any]) -> None:
        files: object = fields.get("attachments")
        for place, each in enumerate(files if is_array(files) else []):
            if is_array(files) and is_object(each) and "path" in each:
                files[place] = self._files.attachment(str(each["path"]), str(each.get("type", "CV")))


def _cleaned(value: object) -> object:
    """Remove invisible characters from all texts in a JSON value."""
    if isinstance(value, str):
        return clean(value)
    if is_object(value):
        return _cleaned_object(value)
    return [_cleaned(each) for each in value] if is_array(value) else value


def _cleaned_object(value: dict[str, Any]) -> dict[str, Any]:
    return {clean(name): _cleaned(each) for name, each in value.items()}
