"""One of Kombo's lists as a local table, with lists nested in its records as separate tables."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, cast, get_args

import attrs

from kombo_async._codec.structure import field_types
from kombo_async.errors import InputFault, InvalidInput
from kombo_async.mirror._columns import Column, columns_of, list_at
from kombo_async.model import UNSET, field_names, to_dict
from kombo_async.pages import Page
from kombo_async.request import Request, data_type

ENVIRONMENT = "environment"
"""The integration ID in tables of AI Apply, whose records belong to the environment rather than an integration."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_MIRRORS_OWN = ("cursor", "updated_after", "include_deleted")
_RESERVED = ("integration_id", "id", "data", "parent_id", "position")
_SMALL_PAGES = {"GetAiApplyPostingsForms": 5}


@attrs.frozen(slots=False)
class Nested:
    """A list nested in each record of a `Table`, as a separate table.

    Its rows have `integration_id`, `parent_id` (the ID of the record), `position` in the list, and `data`.
    """

    name: str
    path: str
    """The field with the list, such as a candidate's `applications`."""
    columns: Sequence[str] = ()
    """Fields of the items that get their own column."""

    def rows(self, record: Mapping[str, Any]) -> Iterator[tuple[int, Any]]:
        """The items in *record* with their positions."""
        value: Any = record
        for step in self.path.split("."):
            value = cast("Any", value).get(step) if isinstance(value, Mapping) else None
        if isinstance(value, list):
            yield from enumerate(cast("Any", value))


@attrs.frozen(slots=False)
class Table:
    """One of Kombo's lists, as a table with a name of your choice.

    Raises `InvalidInput` for an invalid name, request or column, with suggestions.
    """

    name: str
    request: Request[Page[Any]]
    """What to read, such as `hris.GetEmployees()`. Records that leave its filter stay until the next full sync."""
    columns: Sequence[str] = ()
    """Fields that get a typed, indexed column besides the whole record; `name.inner` for a nested one."""
    nested: Sequence[Nested] = ()
    """Lists in the records that get their own table."""
    keeps_records: bool = attrs.field(default=True, kw_only=True, repr=False)
    """False to keep only IDs, to know which of its records changed."""

    def __attrs_post_init__(self) -> None:
        faults = [*self._faults_of_request(), *_faults_of_name("name", self.name, ours=self.keeps_records)]
        if not faults:
            faults += self._faults_of_columns()
        if faults:
            raise InvalidInput(faults)

    @property
    def path(self) -> str:
        """The path of the list."""
        return self.request.operation.path

    @property
    def namespace(self) -> str:
        """The kind of system the list belongs to: `hris`, `ats`, `lms`, `assessment` or `ai-apply`."""
        return self.path.split("/")[1]

    @property
    def of_environment(self) -> bool:
        """Whether its records belong to the environment rather than an integration."""
        return not self.request.operation.integration

    @property
    def tells_changes(self) -> bool:
        """Whether the list can be filtered by changes; if not, each sync is a full one."""
        return "updated_after" in field_names(type(self.request))

    @property
    def can_look_up(self) -> bool:
        """Whether single records can be requested by ID."""
        return getattr(self.request, "ids", None) is UNSET

    @cached_property
    def record_type(self) -> Any:
        """The model of its records."""
        results = next(kind for field, kind in field_types(data_type(type(self.request))) if field.name == "results")
        return get_args(results)[0]

    @cached_property
    def typed_columns(self) -> tuple[Column, ...]:
        """Its columns, with their types."""
        return columns_of(self.record_type, tuple(self.columns))[0]

    @cached_property
    def typed_nested(self) -> tuple[tuple[Nested, tuple[Column, ...]], ...]:
        """Its nested lists, with the columns of each."""
        return tuple(
            (each, columns_of(list_at(self.record_type, each.path), tuple(each.columns))[0]) for each in self.nested
        )

    @cached_property
    def question(self) -> str:
        """A digest of the query. A watermark applies only to its query; after a change, everything is read again."""
        asked = {key: value for key, value in to_dict(self.request).items() if key != "page_size"}
        text = json.dumps([self.path, asked], sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()

    @cached_property
    def layout(self) -> str:
        """Its columns and nested lists, as a text; see `added`."""
        parts = [[self.name, "", each.name, each.type] for each in self.typed_columns]
        for nested, columns in self.typed_nested:
            parts.append([nested.name, nested.path, "", ""])
            parts += [[nested.name, nested.path, each.name, each.type] for each in columns]
        return json.dumps(sorted(parts))

    def added(self, before: str | None) -> tuple[list[Column], set[str]]:
        """Columns, and names of nested lists, that have to be filled where the table had the layout *before*."""
        known = {tuple(part) for part in json.loads(before or "[]")}
        new = [part for part in json.loads(self.layout) if tuple(part) not in known]
        names = {name for _, path, name, _ in new if not path}
        return [each for each in self.typed_columns if each.name in names], {name for name, path, _, _ in new if path}

    @property
    def filtered(self) -> bool:
        """Whether its request filters the list."""
        ignored = ("page_size", "ignore_unsupported_filters")
        names = (name for name in field_names(type(self.request)) if name not in ignored)
        return any(getattr(self.request, name) is not UNSET for name in names)

    def _faults_of_request(self) -> Iterator[InputFault]:
        operation = self.request.operation
        if not operation.paged or "{" in operation.path or not (operation.integration or self.namespace == "ai-apply"):
            yield InputFault("request", f"{operation.id} is not a list of records that can be mirrored")
            return
        for name in _MIRRORS_OWN:
            if getattr(self.request, name, UNSET) is not UNSET:
                yield InputFault(f"request.{name}", "leave it out; the mirror sets it")

    def _faults_of_columns(self) -> Iterator[InputFault]:
        yield from _faults_of_columns(self.record_type, self.columns)
        for index, each in enumerate(self.nested):
            where = f"nested[{index}]"
            yield from _faults_of_name(f"{where}.name", each.name)
            items = list_at(self.record_type, each.path)
            if isinstance(items, str):
                yield InputFault(f"{where}.path", items)
                continue
            for fault in _faults_of_columns(items, each.columns):
                yield InputFault(f"{where}.{fault.path}", fault.message)


def page_size(request: Request[Any]) -> int:
    """The largest page that the list has."""
    return _SMALL_PAGES.get(request.operation.id, 250)


def check_names(tables: Iterable[Table]) -> None:
    """Raise `InvalidInput` if two tables have the same name; databases ignore case."""
    seen: dict[str, str] = {}
    for table in tables:
        for name in (table.name, *(each.name for each in table.nested)):
            if name.lower() in seen:
                other = seen[name.lower()]
                raise InvalidInput(
                    InputFault("tables", f"{name!r} and {other!r} have the same name (names are case-insensitive)")
                )
            seen[name.lower()] = name


def _faults_of_name(path: str, name: str, *, ours: bool = True) -> Iterator[InputFault]:
    if not _NAME.fullmatch(name):
        yield InputFault(path, f"{name!r} is not a valid table name: use letters, digits and _, at most 63")
    elif ours and name.lower().startswith(("kombo_", "sqlite_", "pg_")):
        yield InputFault(path, f"{name!r} is reserved: names must not begin with kombo_, sqlite_ or pg_")


def _faults_of_columns(model: Any, names: Sequence[str]) -> list[InputFault]:
    return list(_faults_of_column_names(names)) or columns_of(model, tuple(names))[1]


def _faults_of_column_names(names: Sequence[str]) -> Iterator[InputFault]:
    seen: set[str] = set()
    for index, name in enumerate(names):
        where = f"columns[{index}]"
        if not name:
            yield InputFault(where, "the name of a column must not be empty")
        elif name.lower() in _RESERVED or name.lower().startswith("kombo_"):
            yield InputFault(where, f"{name!r} is a column of every mirror table already; leave it out")
        elif name.lower() in seen:
            yield InputFault(where, f"{name!r} is there twice (names are case-insensitive)")
        seen.add(name.lower())
