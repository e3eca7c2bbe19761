"""Cut plain data to the shape of a model: responses have the model's fields, no more and no fewer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeAlias, cast, get_args

from kombo_async._codec.structure import field_types, is_dict, is_list, is_model, is_union, members
from kombo_async.model import TaggedUnion, Unset

Shaper: TypeAlias = Callable[[Any], Any]


def shape(data: Any, cls: Any) -> Any:
    """*data* with only the fields of *cls*, in order; missing ones become null or empty if allowed.

    Raises `KeyError` if a required field is missing, which is a bug in the sandbox.
    """
    return shaper(cls)(data)


def emptied(data: dict[str, Any], cls: Any) -> dict[str, Any]:
    """*data* in the shape of *cls*, with null (or no items) wherever *cls* allows that, but for `_NEVER_EMPTIED`."""
    for name, empty in _empty_values(cls).items():
        if name in data:
            data[name] = empty
    return data


@cache
def _empty_values(cls: Any) -> dict[str, Any]:
    names: Mapping[str, str] = getattr(cls, "__wire_names__", {})
    defaults = ((names.get(field.name, field.name), _default(hint)) for field, hint in field_types(cls))
    return {name: empty for name, empty in defaults if empty in (None, []) and name not in _NEVER_EMPTIED}


_NEVER_EMPTIED = ("id", "changed_at", "remote_deleted_at")


def _as_it_is(data: Any) -> Any:
    return data


@cache
def shaper(cls: Any) -> Shaper:
    """The function that cuts data to the shape of *cls*."""
    if isinstance(cls, TaggedUnion):
        return _variant(cls)
    if is_union(cls):
        useful = [member for member in members(cls) if member is not type(None) and shaper(member) is not _as_it_is]
        if not useful:
            return _as_it_is
        inner = shaper(useful[0])
        return lambda data: None if data is None else inner(data)
    if is_list(cls) or is_dict(cls):
        item = shaper(get_args(cls)[-1])
        if item is _as_it_is:
            return _as_it_is
        if is_list(cls):
            return lambda data: [item(each) for each in data]
        return lambda data: {key: item(each) for key, each in data.items()}
    return _model(cls) if is_model(cls) else _as_it_is


def _variant(union: TaggedUnion) -> Shaper:
    def cut(data: Mapping[str, Any]) -> Any:
        variant: Any = union.variant(data)[1]
        if variant is None:
            raise KeyError(f"{union.__name__} has no variant for this data")
        return shaper(variant)(data)

    return cut


def _model(cls: Any) -> Shaper:
    fields: list[tuple[str, Shaper | None, Any]] = []
    names: Mapping[str, str] = getattr(cls, "__wire_names__", {})

    def cut(data: Mapping[str, Any]) -> dict[str, Any]:
        cut_data: dict[str, Any] = {}
        for name, inner, default in fields:
            value = data.get(name, _MISSING)
            if value is _MISSING:
                if default is _MISSING:
                    raise KeyError(f"{cls.__name__}.{name}")
                if default is not _LEFT_OUT:
                    cut_data[name] = default
            else:
                cut_data[name] = value if inner is None else inner(value)
        return cut_data

    for field, hint in field_types(cls):
        inner = shaper(hint)
        fields.append((names.get(field.name, field.name), None if inner is _as_it_is else inner, _default(hint)))
    return cut


_MISSING: Any = cast("Any", object())
_LEFT_OUT: Any = cast("Any", object())


def _default(hint: Any) -> Any:
    """The default for a missing value: null, an empty list, nothing at all, or `_MISSING` if it is required."""
    choices = members(hint) if is_union(hint) else (hint,)
    if type(None) in choices or hint is Any:
        return None
    if any(is_list(choice) for choice in choices):
        return []
    return _LEFT_OUT if is_union(hint) and Unset in get_args(hint) else _MISSING
