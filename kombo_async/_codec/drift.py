"""The second reading of a success that does not fit its types: keep everything, and say where it does not fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import cache
from typing import Any, cast, get_args, get_origin

import attrs
import cattrs

from kombo_async._codec.structure import (
    exact_converter,
    field_types,
    is_dict,
    is_list,
    is_model,
    is_union,
    json_type,
    members,
    type_name,
)
from kombo_async.model import UNSET, TaggedUnion, UnknownVariant, Unset
from kombo_async.response import Drift


@attrs.define
class _Reading:
    """Where one reading is, and what it has found."""

    path: list[str | int] = attrs.field(factory=list[str | int])
    drift: list[Drift] = attrs.field(factory=list[Drift])

    def note(self, expected: Any, got: str) -> None:
        path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        self.drift.append(Drift(path.lstrip("."), type_name(expected), got))


_reading: ContextVar[_Reading] = ContextVar("_reading")


def structure_what_fits(value: Any, cls: Any) -> tuple[Any, list[Drift]]:
    """*value* as a *cls*: what fits is typed, the rest stays as it came (missing is None) and is listed.

    *value* itself comes back where it as a whole is not what *cls* is made of.
    """
    reading = _Reading()
    token = _reading.set(reading)
    try:
        return _fit(_converter(), "", value, cls), reading.drift
    finally:
        _reading.reset(token)


def _fit(converter: cattrs.Converter, step: str | int, value: Any, cls: Any) -> Any:
    """Structure what lies one *step* down; what does not fit stays plain."""
    reading = _reading.get()
    reading.path.append(step)
    try:
        return converter.structure(value, cls)
    except Exception:  # whatever is wrong with it, a success is never lost
        reading.note(cls, json_type(value))
        return value
    finally:
        reading.path.pop()


def _missing(step: str, cls: Any) -> None:
    """Note that what should lie one *step* down is not there."""
    reading = _reading.get()
    reading.path.append(step)
    reading.note(cls, "missing")
    reading.path.pop()


@cache
def _converter() -> cattrs.Converter:
    converter = exact_converter()

    def models(cls: Any) -> Callable[[Any, Any], Any]:
        build: Any = get_origin(cls) or cls
        fields = [(field, hint, _may_be_left_out(hint)) for field, hint in field_types(cls)]

        def structure(value: Any, _: Any) -> Any:
            if not isinstance(value, Mapping):
                raise TypeError(type_name(cls))
            given = cast("Mapping[str, Any]", value)
            structured: Any
            # Not by __init__: it may refuse what came (a time without a zone), and what came must stay.
            instance = build.__new__(build)
            for field, hint, optional in fields:
                if field.name in given:
                    structured = _fit(converter, field.name, given[field.name], hint)
                elif optional:
                    structured = UNSET
                elif isinstance(field.default, attrs.Factory):  # type: ignore[arg-type]
                    structured = cast("Any", field.default).factory()
                else:
                    structured = None
                    _missing(field.name, hint)
                object.__setattr__(instance, field.name, structured)
            return instance

        return structure

    def lists(cls: Any) -> Callable[[Any, Any], Any]:
        (item,) = get_args(cls)

        def structure(value: Any, _: Any) -> Any:
            if not isinstance(value, list):
                raise TypeError(type_name(cls))
            given = cast("list[object]", value)
            return [_fit(converter, index, each, item) for index, each in enumerate(given)]

        return structure

    def dicts(cls: Any) -> Callable[[Any, Any], Any]:
        _, item = get_args(cls)

        def structure(value: Any, _: Any) -> Any:
            if not isinstance(value, Mapping):
                raise TypeError(type_name(cls))
            given = cast("Mapping[str, Any]", value)
            return {key: _fit(converter, key, each, item) for key, each in given.items()}

        return structure

    def variants(value: Any, union: TaggedUnion) -> Any:
        if not isinstance(value, Mapping):
            raise TypeError(union.__name__)
        given = cast("dict[str, Any]", value)
        tag, found = union.variant(given)
        variant: Any = found
        if variant is not None:
            return converter.structure(given, variant)
        _reading.get().note(union, "unknown variant")
        return UnknownVariant(tag=tag, data=given)

    converter.register_structure_hook_factory(is_model, models)
    converter.register_structure_hook_factory(is_list, lists)
    converter.register_structure_hook_factory(is_dict, dicts)
    converter.register_structure_hook_func(lambda cls: isinstance(cls, TaggedUnion), variants)
    return converter


def _may_be_left_out(hint: Any) -> bool:
    return is_union(hint) and Unset in get_args(hint) and bool(members(hint))
