"""Read requests from the rows of a table."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import attrs

from kombo_async._cli.cells import check_email, convert, is_email, is_empty
from kombo_async._cli.columns import Choices, Columns, MappingError, Target, choose
from kombo_async._cli.faults import RowFault
from kombo_async._cli.fields import constant_values, example_of, put, required_below
from kombo_async._cli.jobs import REMOTE, Jobs
from kombo_async._cli.reading.table import Cell, Line, Table
from kombo_async._cli.rows import ParsedRow, RowOptions, person_of
from kombo_async._cli.shown import MOST, shown
from kombo_async._cli.synonyms import WHOLE_NAMES, plain
from kombo_async._cli.texts import CellFault
from kombo_async._codec.strict import MISSING
from kombo_async.errors import InvalidInput
from kombo_async.request import Request

SAMPLED = 20
"""How many rows are read for samples."""
MOST_NAMED = 12
"""How many columns a note names."""


class TableInput:
    """The rows of a table. Raises `MappingError` if no row could be used."""

    def __init__(self, table: Table, request: type[Request[Any]], options: RowOptions) -> None:
        self.jobs = Jobs()
        self._request = request
        self._table = table
        self._rules = options.rules
        self._files = options.files
        choices = options.choices
        self._constants = constant_values(request, choices.constants, options.rules)
        self.columns: Columns = choose(table.columns, request, choices, constants=list(self._constants))
        self._integration = _place(table.columns, choices.integration_column)
        self._key = _place(table.columns, choices.key_column)
        self.notes: list[str] = [*table.notes, *self._leave_out(choices), *self._describe()]

    def __iter__(self) -> Iterator[ParsedRow]:
        """Each row, as a request or with its faults."""
        for line in self._table:
            yield ParsedRow(line.number, None, [RowFault("row", line.fault)]) if line.fault else self._parse(line)

    def integrations_with_jobs(self) -> set[str | None]:
        """As `Input`."""
        place = next((place for place, target in self.columns.targets.items() if target.is_job), None)
        if place is None:
            return set()
        found: set[str | None] = set()
        for line in self._table:
            job = "" if line.fault else _text(line.cells[place])
            if job and not job.startswith(REMOTE):
                found.add(None if self._integration is None else self._named(line, self._integration, []))
        return found

    def _parse(self, line: Line) -> ParsedRow:
        data: dict[str, Any] = {}
        faults: list[RowFault] = []
        for path, value in self._constants.items():
            put(data, path, value)
        integration_id = self._named(line, self._integration, faults)
        key = self._named(line, self._key, faults)
        for place, target in self.columns.targets.items():
            cell = line.cells[place]
            if is_empty(cell, self._rules):
                continue
            try:
                self._fill(data, target, cell, integration_id)
            except CellFault as fault:
                faults.append(RowFault(fault.kind, fault.message, self.columns.names[place], target.path))
        request: Request[Any] | None = None
        if not faults:
            try:
                request = self._request.from_dict(data)
            except InvalidInput as error:
                faults = [self._in_column(fault.path, fault.message) for fault in error.faults]
        return ParsedRow(line.number, request, faults, integration_id, key, *person_of(data))

    def _named(self, line: Line, place: int | None, faults: list[RowFault]) -> str | None:
        """The text of a cell that names the row's integration or key; an empty one is a fault."""
        if place is None:
            return None
        try:
            cell = line.cells[place]
            text = "" if is_empty(cell, self._rules) else str(convert(cell, "text", self._rules))
            if not text:
                raise CellFault("empty", "the cell is empty")
        except CellFault as fault:
            faults.append(RowFault(fault.kind, fault.message, self.columns.names[place]))
            return None
        return text

    def _fill(self, data: dict[str, Any], target: Target, cell: Cell, integration_id: str | None) -> None:
        if target.is_file:
            data.setdefault("attachments", []).extend(self._files.attachments(str(cell), target.path))
            return
        value = convert(cell, target.kind, self._rules)
        if target.is_job:
            value = self.jobs.find(integration_id, value)
        elif is_email(target.path):
            value = check_email(value)
        if value not in ("", []):
            put(data, target.path, value)

    def _in_column(self, path: str, message: str) -> RowFault:
        """Turn a field's fault into its column's."""
        column = self.columns.of_path(path)
        if message == MISSING:
            return RowFault("empty", "the cell is empty" if column else f"{path} is missing", column, path)
        return RowFault("value", message if column else f"{path}: {message}", column, path)

    def _leave_out(self, choices: Choices) -> list[str]:
        """Leave out guessed columns of an object that lacks another field, such as a city without a country.

        Raises `MappingError` if a required field has neither column nor constant: once, not for each row.
        """
        notes: list[str] = []
        missing = self._lacking()
        for path in missing:
            above = f"{path.rpartition('.')[0]}."
            places = [place for place, target in self.columns.targets.items() if target.path.startswith(above)]
            guessed = not any(self.columns.names[place] in choices.mapping for place in places)
            if len(above) == 1 or not guessed or any(each.startswith(above) for each in self._constants):
                continue
            names = [self.columns.names[place] for place in places]
            kept = {place: target for place, target in self.columns.targets.items() if place not in places}
            before = self.columns
            self.columns = attrs.evolve(before, targets=kept)
            if len(self._lacking()) >= len(missing):
                self.columns = before  # the object itself is required
            elif names:
                notes.append(f"not used: {_listed(names)}, because {path} is missing; map it, or pass --set {path}=...")
        if missing := self._lacking():
            raise MappingError(self._missing(missing))
        return notes

    def _lacking(self) -> list[str]:
        """The required fields that neither a column nor a constant fills."""
        filled = {*self._constants, *(target.path for target in self.columns.targets.values())}
        try:
            self._request.from_dict(example_of(filled))
        except InvalidInput as error:
            return [fault.path for fault in error.faults if fault.message == MISSING and fault.path not in filled]
        return []

    def _missing(self, paths: list[str]) -> str:
        leaves = [leaf for path in paths for leaf in required_below(self._request, path)]
        names = [name for name in self._table.columns if name]
        both = next((name for name in names if plain(name) in WHOLE_NAMES), None)
        split = f" The column {shown(both)} seems to contain full names: split it into two columns." if both else ""
        columns = f"the columns are {_listed(names)}" if names else "there are no columns"
        return (
            f"no column maps to {', '.join(leaves)}; {columns}. "
            f"Map one with --map 'COLUMN={leaves[0]}', or set one value for all rows with --set {leaves[0]}=...{split}"
        )

    def _describe(self) -> list[str]:
        samples = self._samples()
        notes = [
            f"{self.columns.names[place][:MOST]} -> {_goal(target)}{samples.get(place, '')}"
            for place, target in self.columns.targets.items()
        ]
        unused = [name for name in self.columns.unused if name]
        nameless = self._nameless()
        left = [*([_listed(unused)] if unused else []), *([nameless] if nameless else [])]
        return [*notes, f"not used: {' and '.join(left)}"] if left else notes

    def _nameless(self) -> str:
        """The nameless columns that have content in the first rows."""
        places = [place for place, name in enumerate(self._table.columns) if not name]
        rows = list(islice(self._table, SAMPLED)) if places else []
        count = sum(any(_text(row.cells[place]) for row in rows if not row.fault) for place in places)
        return f"{count:,} column{'' if count == 1 else 's'} without a name" if count else ""

    def _samples(self) -> dict[int, str]:
        samples: dict[int, str] = {}
        for count, line in enumerate(self._table):
            if count == SAMPLED or len(samples) == len(self.columns.targets):
                break
            for place in self.columns.targets:
                if not line.fault and place not in samples and (text := _text(line.cells[place])):
                    samples[place] = f", e.g. {text[:40]!r}"
        return samples


def _goal(target: Target) -> str:
    return f"{target.path} (looked up by name or ID)" if target.is_job else target.path


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return ", ".join(map(shown, names[:MOST_NAMED])) + more


def _place(names: list[str], column: str | None) -> int | None:
    return None if column is None else names.index(column) if column in names else None


def _text(cell: Cell) -> str:
    return "" if cell is None else str(cell).strip()
