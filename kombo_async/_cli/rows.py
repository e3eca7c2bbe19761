"""From rows to requests, or to faults that tell row, column and cure."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import attrs

from kombo_async._cli.cells import CellFault, CellRules, check_email, clean, convert
from kombo_async._cli.columns import Choices, Columns, MappingError, Target, choose, fields_of, near, resolve
from kombo_async._cli.faults import RowFault
from kombo_async._cli.jobs import REMOTE, Jobs
from kombo_async._cli.people_files import PeopleFiles
from kombo_async._cli.plain_data import is_array, is_object
from kombo_async._cli.reading.json_values import Item, items
from kombo_async._cli.reading.source import Source
from kombo_async._cli.reading.table import Cell, Line, Table
from kombo_async._cli.synonyms import FILE_KINDS, WHOLE_NAMES, plain
from kombo_async._codec.strict import MISSING
from kombo_async.bulk import default_reconcilers, digest
from kombo_async.errors import InvalidInput
from kombo_async.request import Request

_RECONCILERS = default_reconcilers()
"""What knows whom a request is about."""
MOST_NAMED = 12
"""How many columns a note names."""


@attrs.frozen
class ParsedRow:
    """A row of the input: a request, or what is wrong with it."""

    number: int
    request: Request[Any] | None
    faults: list[RowFault] = attrs.field(factory=list[RowFault])
    integration_id: str | None = None
    """Where the row has one of its own."""
    key: str | None = None

    person: str = ""
    """Whom the row is about, for people to read."""
    email: str = ""
    """The address of that person."""


class Input(Protocol):
    """A file of rows; it can be read any number of times."""

    notes: list[str]
    """What its user should know of how it is read."""
    jobs: Jobs

    def __iter__(self) -> Iterator[ParsedRow]: ...

    def integrations_with_jobs(self) -> set[str | None]:
        """The integrations whose jobs must be known to read the rows; None is the client's own."""
        ...


@attrs.frozen(kw_only=True)
class RowOptions:
    """What the user says about the rows."""

    choices: Choices = attrs.field(factory=Choices)
    rules: CellRules = attrs.field(factory=CellRules)
    files: PeopleFiles


class TableInput:
    """The rows of a table. Raises `MappingError` where no row could be used."""

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
        return {
            _text(line.cells[self._integration]) if self._integration is not None else None
            for line in self._table
            if not line.fault and _text(line.cells[place]) and not _text(line.cells[place]).startswith(REMOTE)
        }

    def _parse(self, line: Line) -> ParsedRow:
        data: dict[str, Any] = {}
        faults: list[RowFault] = []
        for path, value in self._constants.items():
            _put(data, path, value)
        integration_id = self._named(line, self._integration, faults)
        key = self._named(line, self._key, faults)
        for place, target in self.columns.targets.items():
            cell = line.cells[place]
            if cell is None or (isinstance(cell, str) and not cell.strip()):
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
        return ParsedRow(line.number, request, faults, integration_id, key, *_person(data))

    def _named(self, line: Line, place: int | None, faults: list[RowFault]) -> str | None:
        """The text of a cell that names the row's integration or key; an empty one is a fault."""
        if place is None:
            return None
        text = _text(line.cells[place])
        if not text:
            faults.append(RowFault("empty", "the cell is empty", self.columns.names[place]))
        return text or None

    def _fill(self, data: dict[str, Any], target: Target, cell: Cell, integration_id: str | None) -> None:
        if target.is_file:
            data.setdefault("attachments", []).append(self._files.attachment(str(cell), target.path))
            return
        value = convert(cell, target.kind, self._rules)
        if target.is_job:
            value = self.jobs.find(integration_id, value)
        elif target.path.rpartition(".")[2] == "email_address":
            value = check_email(value)
        if value not in ("", []):
            _put(data, target.path, value)

    def _in_column(self, path: str, message: str) -> RowFault:
        """A fault of a field as one of its column."""
        column = self.columns.of_path(path)
        if message == MISSING:
            return RowFault("empty", "the cell is empty" if column else f"{path} is missing", column, path)
        return RowFault("value", message if column else f"{path}: {message}", column, path)

    def _leave_out(self, choices: Choices) -> list[str]:
        """Leave out guessed columns of an object that lacks another field, such as a city without a country.

        Raises `MappingError` where a field that each row needs has neither column nor constant: once, not for each row.
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
                self.columns = before  # the object itself is needed
            elif names:
                notes.append(f"not used: {_listed(names)}, because {path} is missing; map it, or --set {path}=...")
        if missing := self._lacking():
            raise MappingError(self._missing(missing))
        return notes

    def _lacking(self) -> list[str]:
        """The fields that each row needs and that neither a column nor a constant fills."""
        filled = {*self._constants, *(target.path for target in self.columns.targets.values())}
        try:
            self._request.from_dict(_example(filled))
        except InvalidInput as error:
            return [fault.path for fault in error.faults if fault.message == MISSING and fault.path not in filled]
        return []

    def _missing(self, paths: list[str]) -> str:
        leaves = [leaf for path in paths for leaf in required_below(self._request, path)]
        names = [name for name in self._table.columns if name]
        both = next((name for name in names if plain(name) in WHOLE_NAMES), None)
        split = f" The column {both!r} seems to hold whole names: split it into two." if both else ""
        return (
            f"no column goes into {', '.join(leaves)}; the columns are {_listed(names)}. "
            f"Name one by --map 'COLUMN={leaves[0]}', or give all rows the same by --set {leaves[0]}=...{split}"
        )

    def _describe(self) -> list[str]:
        samples = self._samples()
        notes = [
            f"{self.columns.names[place]} -> {_goal(target)}{samples.get(place, '')}"
            for place, target in self.columns.targets.items()
        ]
        unused = [name for name in self.columns.unused if name]
        return [*notes, f"not used: {_listed(unused)}"] if unused else notes

    def _samples(self) -> dict[int, str]:
        samples: dict[int, str] = {}
        for count, line in enumerate(self._table):
            if count == 20 or len(samples) == len(self.columns.targets):
                break
            for place in self.columns.targets:
                if not line.fault and place not in samples and (text := _text(line.cells[place])):
                    samples[place] = f", such as {text[:40]!r}"
        return samples


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
                raise MappingError("has whole requests, and no columns: --map, --key and the like are for tables")
        self.notes: list[str] = []

    def __iter__(self) -> Iterator[ParsedRow]:
        """Each value, as a request or with its faults."""
        for item in items(self._source):
            yield self._parse(item)

    def integrations_with_jobs(self) -> set[str | None]:
        """As `Input`; requests have IDs of jobs alone."""
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
                _put(fields, path, value)
            self._read_files(fields)
            request = self._request.from_dict(fields)
        except CellFault as fault:
            faults = [RowFault(fault.kind, fault.message)]
        except InvalidInput as error:
            faults = [RowFault("value", str(fault)) for fault in error.faults]
        person, email = _person(fields)
        return ParsedRow(item.number, request, faults, person=person, email=email)

    def _read_files(self, fields: dict[str, Any]) -> None:
        files: object = fields.get("attachments")
        for place, each in enumerate(files if is_array(files) else []):
            if is_array(files) and is_object(each) and "path" in each:
                files[place] = self._files.attachment(str(each["path"]), str(each.get("type", "CV")))


class DuplicateFilter:
    """Tells rows that came before: the same key, request, or person for the same job.

    What was seen is kept in a temporary database on the disk, so that a million rows need no memory.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("BEGIN")
        self._database.execute("CREATE TABLE seen (digest BLOB PRIMARY KEY, row INTEGER) WITHOUT ROWID")

    def fault(self, row: ParsedRow) -> RowFault | None:
        """Why *row* is one too many."""
        if row.request is None:
            return None
        identity = hashlib.blake2b(_identity(row).encode("utf-8", "surrogatepass"), digest_size=16).digest()
        added = self._database.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (identity, row.number))
        if added.rowcount == 1:
            return None
        (first,) = self._database.execute("SELECT row FROM seen WHERE digest = ?", (identity,)).fetchone()
        return RowFault("duplicate", f"is the same as row {first}")

    def close(self) -> None:
        """Forget all."""
        self._database.close()


def _identity(row: ParsedRow) -> str:
    if row.key is not None:
        return f"key {row.integration_id} {row.key}"
    request: Any = row.request
    reconciler = _RECONCILERS.get(type(request))
    identity = None if reconciler is None else reconciler.identity(request)
    if identity is None:
        return digest(request, row.integration_id)
    return repr((row.integration_id, identity.kind, identity.parts))


def constant_values(request: type[Request[Any]], given: Mapping[str, str], rules: CellRules) -> dict[str, Any]:
    """What `--set` gives all rows. Raises `MappingError`."""
    fields = fields_of(request)
    values: dict[str, Any] = {}
    for name, text in given.items():
        inside = [path for path in fields if path.startswith(f"{name}.")]
        if inside:
            raise MappingError(f"--set {name}={text}: {name} is an object; set one of its fields, such as {inside[0]}")
        path = resolve(f"--set {name}", name, fields, files=False)
        if path not in fields:
            raise MappingError(f"--set {name}={text}: there is no field {name!r}{near(name, fields)}")
        try:
            values[path] = convert(text, fields[path], rules)
        except CellFault as fault:
            raise MappingError(f"--set {name}={text}: {fault.message}") from None
    return values


def required_below(request: type[Request[Any]], path: str) -> list[str]:
    """The fields that must be filled where the object *path* is missing; or just *path*."""
    fields = fields_of(request)
    if path in fields or not any(each.startswith(f"{path}.") for each in fields):
        return [path]
    data: dict[str, Any] = {}
    _put(data, path, {})
    try:
        request.from_dict(data)
    except InvalidInput as error:
        inner = [f.path for f in error.faults if f.message == MISSING and f.path.startswith(f"{path}.")]
        return [leaf for each in inner for leaf in required_below(request, each)] or [path]
    return [path]


def _person(data: dict[str, Any]) -> tuple[str, str]:
    """The name and the address of whom a row is about, as far as it has them."""
    for each in (data.get("candidate"), data):
        if is_object(each):
            name = " ".join(str(each[part]) for part in ("first_name", "last_name") if each.get(part))
            email = each.get("email_address") or each.get("work_email") or ""
            if name or email:
                return name, str(email)
    return "", ""


def _goal(target: Target) -> str:
    return f"{target.path} (looked up by name or ID)" if target.is_job else target.path


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return ", ".join(map(repr, names[:MOST_NAMED])) + more


def _place(names: list[str], column: str | None) -> int | None:
    return None if column is None else names.index(column) if column in names else None


def _text(cell: Cell) -> str:
    return "" if cell is None else str(cell).strip()


def _cleaned(value: object) -> object:
    """JSON without what nobody sees in its texts."""
    if isinstance(value, str):
        return clean(value)
    if is_object(value):
        return _cleaned_object(value)
    return [_cleaned(each) for each in value] if is_array(value) else value


def _cleaned_object(value: dict[str, Any]) -> dict[str, Any]:
    return {clean(name): _cleaned(each) for name, each in value.items()}


def _put(data: dict[str, Any], path: str, value: Any) -> None:
    *above, name = path.split(".")
    for step in above:
        inner: object = data.setdefault(step, {})
        if not is_object(inner):
            return  # the request's own check names it
        data = inner
    data[name] = value


def _example(paths: set[str]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for path in sorted(paths):
        if path not in FILE_KINDS:
            _put(data, path, "x")
    return data
