"""From the rows of a CSV or JSONL file to requests, or to faults that tell row, column and cure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, cast

import attrs

from kombo_async._cli.columns import MappingError, Target, attachment, check_cell, targets
from kombo_async._cli.table import Table, TableError, open_table
from kombo_async._codec.strict import MISSING
from kombo_async.bulk import digest
from kombo_async.errors import Fault, InvalidInput
from kombo_async.request import Request


@attrs.frozen
class ParsedRow:
    """A row of the input: a request, or what is wrong with it."""

    number: int
    request: Request[Any] | None
    faults: list[str] = attrs.field(factory=list[str])


class Input(Protocol):
    """A file of rows."""

    notes: list[str]
    """What its user should know of how it is read."""

    def __iter__(self) -> Iterator[ParsedRow]: ...


class CsvInput:
    """The rows of a CSV file. Raises `TableError` or `MappingError` where no row could be used."""

    def __init__(
        self,
        path: Path,
        request: type[Request[Any]],
        *,
        mapping: Mapping[str, str],
        constants: Mapping[str, str],
        encoding: str | None = None,
        delimiter: str | None = None,
    ) -> None:
        self._request = request
        self._table: Table = open_table(path, encoding, delimiter)
        self._targets, unused = targets(self._table.columns, request, mapping)
        self._constants = constants
        self._columns = {target.path: self._table.columns[place] for place, target in self._targets.items()}
        self.notes: list[str] = self._describe(unused)
        self._check_required()

    def __iter__(self) -> Iterator[ParsedRow]:
        """Each row, as a request or with its faults."""
        for line in self._table:
            if line.fault:
                yield ParsedRow(line.number, None, [line.fault])
            else:
                yield self._parse(line.number, line.cells)

    def _parse(self, number: int, cells: list[str]) -> ParsedRow:
        data: dict[str, Any] = {}
        faults: list[str] = []
        for path, value in self._constants.items():
            _put(data, path, value)
        for place, target in self._targets.items():
            cell = cells[place].strip()
            if cell:
                fault = self._fill(data, target, cell)
                if fault:
                    faults.append(f"column {self._table.columns[place]!r}: {fault}")
        if faults:
            return ParsedRow(number, None, faults)
        try:
            return ParsedRow(number, self._request.from_dict(data))
        except InvalidInput as error:
            return ParsedRow(number, None, [self._in_columns(fault) for fault in error.faults])

    def _fill(self, data: dict[str, Any], target: Target, cell: str) -> str | None:
        if target.path in ("CV", "COVER_LETTER", "OTHER"):
            file, fault = attachment(cell, self._table.path.parent, target.path)
            if file is not None:
                data.setdefault("attachments", []).append(file)
            return fault
        try:
            value = target.convert(cell)
        except ValueError as error:
            return str(error)
        _put(data, target.path, value)
        return check_cell(target.path, value)

    def _in_columns(self, fault: Fault) -> str:
        """A fault of a field as one of its column."""
        column = self._columns.get(fault.path)
        if column is None:
            return str(fault)
        return f"column {column!r}: {'the cell is empty' if fault.message == MISSING else fault.message}"

    def _check_required(self) -> None:
        """Where a field that each row needs has neither column nor constant, say so once and not for each row."""
        filled = {*self._columns, *self._constants}
        try:
            self._request.from_dict(_example(filled))
        except InvalidInput as error:
            faults = [fault.path for fault in error.faults if fault.message == MISSING]
            missing = [path for path in faults if path not in filled]
            if missing:
                raise MappingError(
                    f"no column goes into {', '.join(missing)}; the columns are {', '.join(self._table.columns)}. "
                    f"Name one by --map 'COLUMN={missing[0]}', or give all rows the same by --set {missing[0]}=..."
                ) from None

    def _describe(self, unused: list[str]) -> list[str]:
        notes = [f"{column} -> {path}" for path, column in self._columns.items()]
        if self._table.encoding == "cp1252":
            notes.append("it is not UTF-8, so it is read as Windows-1252 (Latin-1); --encoding says otherwise")
        if unused:
            notes.append(f"not used: {', '.join(map(repr, unused))}")
        return notes


class JsonlInput:
    """The rows of a file with a request in JSON on each line; an attachment may have a `path` in place of its data."""

    def __init__(self, path: Path, request: type[Request[Any]], *, constants: Mapping[str, str]) -> None:
        self._path = path
        self._request = request
        self._constants = constants
        self.notes: list[str] = []

    def __iter__(self) -> Iterator[ParsedRow]:
        """Each line, as a request or with its faults."""
        with self._path.open(encoding="utf-8-sig") as file:
            try:
                for number, line in enumerate(file, 1):
                    if line.strip():
                        yield self._parse(number, line)
            except UnicodeDecodeError:
                raise TableError("it is not UTF-8") from None

    def _parse(self, number: int, line: str) -> ParsedRow:
        try:
            data = json.loads(line)
        except ValueError as error:
            return ParsedRow(number, None, [f"is no JSON: {error}"])
        if not isinstance(data, dict):
            return ParsedRow(number, None, ["is no JSON object"])
        fields = cast("dict[str, Any]", data)
        for path, value in self._constants.items():
            _put(fields, path, value)
        faults = self._read_files(fields)
        if faults:
            return ParsedRow(number, None, faults)
        try:
            return ParsedRow(number, self._request.from_dict(fields))
        except InvalidInput as error:
            return ParsedRow(number, None, list(map(str, error.faults)))

    def _read_files(self, fields: dict[str, Any]) -> list[str]:
        files: Any = fields.get("attachments")
        faults: list[str] = []
        for place in range(len(files) if _is_list(files) else 0):
            each: Any = files[place]
            if isinstance(each, dict) and "path" in each:
                named = cast("dict[str, Any]", each)
                file, fault = attachment(str(named["path"]), self._path.parent, str(named.get("type", "CV")))
                if fault:
                    faults.append(f"attachments[{place}]: {fault}")
                files[place] = file
        return faults


class DuplicateFilter:
    """Tells rows that came before: the same request, or the same person for the same job."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def fault(self, row: ParsedRow) -> str | None:
        """Why *row* is one too many."""
        if row.request is None:
            return None
        first = self._seen.setdefault(_identity(row.request), row.number)
        return None if first == row.number else f"is the same as row {first}"


def _identity(request: Any) -> str:
    candidate = getattr(request, "candidate", None)
    if candidate is None or not hasattr(candidate, "email_address"):
        return digest(request, None)
    job_id = request.job_id if hasattr(request, "job_id") else request.application.job_id
    return f"{candidate.email_address.strip().lower()} {job_id}"


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _put(data: dict[str, Any], path: str, value: Any) -> None:
    *above, name = path.split(".")
    for step in above:
        data = data.setdefault(step, {})
    data[name] = value


def _example(paths: set[str]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for path in sorted(paths):
        if path not in ("CV", "COVER_LETTER", "OTHER"):
            _put(data, path, "x")
    return data
