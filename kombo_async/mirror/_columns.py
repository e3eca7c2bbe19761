"""Columns of a table: fields of a record, found by their path and typed by the record's model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Literal, TypeAlias, cast, get_args, get_origin

import attrs

from kombo_async._codec.structure import field_types, is_dict, is_list, is_model, is_union, members
from kombo_async.errors import InputFault
from kombo_async.model import TaggedUnion, Unset

ColumnType: TypeAlias = Literal["text", "timestamptz", "date", "numeric", "boolean", "jsonb"]
"""The types of columns, by PostgreSQL's names."""


@attrs.frozen
class Column:
    """A field of the records that has its own column."""

    name: str
    """The name of the column, which is the path of the field: `work_email`, `home_address.city`."""
    type: ColumnType

    def value(self, record: Mapping[str, Any]) -> Any:
        """The field's value in *record*; None if it is missing or does not fit the column.

        A string for `text` and `jsonb`; for the others a `datetime` in UTC, a `date`, a `Decimal` or a bool.
        """
        value: Any = record
        for step in self.name.split("."):
            if not isinstance(value, Mapping):
                return None
            value = cast("Mapping[str, Any]", value).get(step)
        return None if value is None else _CONVERT[self.type](value)


def columns_of(model: Any, names: tuple[str, ...]) -> tuple[tuple[Column, ...], list[InputFault]]:
    """The columns for *names* in records of type *model*, and the faults of names without one."""
    columns: list[Column] = []
    faults: list[InputFault] = []
    for index, name in enumerate(names):
        found = _type_at(model, name)
        if isinstance(found, str):
            faults.append(InputFault(f"columns[{index}]", found))
        else:
            columns.append(Column(name, _column_type(found[0])))
    return tuple(columns), faults


def list_at(model: Any, path: str) -> Any:
    """The type of the items of the list at *path* in *model*, or a message saying why there is none."""
    found = _type_at(model, path)
    if isinstance(found, str):
        return found
    kinds = [each for each in _plain(found[0]) if is_list(each)]
    return get_args(kinds[0])[0] if kinds else f"{path!r} is not a list"


def has_field(model: Any, path: str) -> bool:
    """Whether *model* has a field at *path*, which may pass through lists."""
    kinds: list[Any] = [model]
    for step in path.split("."):
        inner = [get_args(each)[0] if is_list(each) else each for kind in kinds for each in _plain(kind)]
        found = [_fields(each).get(step) for kind in inner for each in _plain(kind) if is_model(each)]
        kinds = [each for each in found if each is not None]
    return bool(kinds)


def _type_at(model: Any, path: str) -> tuple[Any] | str:
    kind: Any = model
    steps = path.split(".")
    for number, step in enumerate(steps):
        fields: dict[str, Any] = {}
        for each in _plain(kind):
            if each is Any or is_dict(each):
                return (Any,)
            if is_list(each):
                return f"{'.'.join(steps[:number])!r} is a list: give it its own table: nested=[Nested(...)]"
            fields.update(_fields(each))
        if step not in fields:
            near = get_close_matches(step, fields, n=3, cutoff=0.5)
            prefix = ".".join(steps[:number]) + "." if number else ""
            hint = " or ".join(repr(prefix + each) for each in near)
            owner = getattr(model, "__name__", "the record")
            return f"{owner} has no field {path!r}" + (f"; did you mean {hint}?" if near else "")
        kind = fields[step]
    return (kind,)


def _plain(kind: Any) -> Iterator[Any]:
    """The members of *kind* except None and `Unset`; arbitrary JSON is `Any`."""
    for each in members(kind) if is_union(kind) else [kind]:
        if each in (None, type(None), Unset):
            continue
        if isinstance(each, TaggedUnion):
            yield from each.models
        else:
            yield each


def _fields(kind: Any) -> dict[str, Any]:
    if not is_model(kind):
        return {}
    names: Mapping[str, str] = getattr(get_origin(kind) or kind, "__wire_names__", {})
    return {names.get(field.name, field.name): type for field, type in field_types(kind)}


def _column_type(kind: Any) -> ColumnType:
    types: set[ColumnType] = {_scalar(each) for each in _plain(kind)}
    return types.pop() if len(types) == 1 else "jsonb"


def _scalar(kind: Any) -> ColumnType:
    if kind is str or (get_origin(kind) is Literal and all(isinstance(each, str) for each in get_args(kind))):
        return "text"
    if kind is bool or get_origin(kind) is Literal:
        return "boolean"
    if kind in (int, float):
        return "numeric"
    if kind is datetime:
        return "timestamptz"
    return "date" if kind is date else "jsonb"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _time(value: Any) -> datetime | None:
    try:
        time = datetime.fromisoformat(value)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def _date(value: Any) -> date | None:
    time = _time(value)
    return None if time is None else time.date()


def _number(value: Any) -> Decimal | None:
    return None if isinstance(value, bool) or not isinstance(value, int | float) else Decimal(str(value))


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


_CONVERT = {
    "text": _text,
    "jsonb": _json,
    "timestamptz": _time,
    "date": _date,
    "numeric": _number,
    "boolean": _boolean,
}
