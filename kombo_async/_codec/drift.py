"""The second reading of a success that does not fit its types: keep everything, and list where it does not fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import cache
from typing import Any, TypeAlias, cast, get_args, get_origin

import attrs
import cattrs
import msgspec

from kombo_async._codec.structure import (
    as_they_are,
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
from kombo_async._escaping import escaped
from kombo_async.model import UNSET, TaggedUnion, UnknownVariant, Unset
from kombo_async.response import Drift

MAX_LISTED = 1_000
"""How many places are listed; the rest are only counted. A response of a few hundred kB can have millions."""
LONGEST_STEP = 100
"""Longer keys are cut in paths, since some objects have arbitrary keys."""

Step: TypeAlias = str | int
Hook: TypeAlias = Callable[[Any, Any], Any]


@attrs.define
class Reading:
    """The state of one reading: where it is, and what it has found."""

    path: list[Step] = attrs.field(factory=list[Step])
    drift: list[Drift] = attrs.field(factory=list[Drift])
    more: int = 0
    """How many spots there are beyond those in `drift`."""

    def note(self, expected: Any, got: str, *below: Step) -> None:
        """List, or only count, a spot: the current one, or one that is *below* it."""
        if len(self.drift) >= MAX_LISTED:
            self.more += 1
            return
        steps = (f"[{step}]" if isinstance(step, int) else f".{step[:LONGEST_STEP]}" for step in (*self.path, *below))
        self.drift.append(Drift(escaped("".join(steps).lstrip(".")), type_name(expected), got))

    def note_value(self, expected: Any, value: Any) -> None:
        """List, or only count, that *value* is not what was *expected* here."""
        if len(self.drift) >= MAX_LISTED:
            self.more += 1
        else:
            self.note(expected, json_type(value))

    def note_missing(self, fields: list[tuple[str, Any]]) -> None:
        """List, or only count, missing fields."""
        if len(self.drift) >= MAX_LISTED:
            self.more += len(fields)
        else:
            for name, hint in fields:
                self.note(hint, "missing", name)


_reading: ContextVar[Reading] = ContextVar("_reading")


def read_leniently(value: Any, cls: Any, reading: Reading) -> Any:
    """Structure *value* as a *cls* as far as it fits; *reading* knows where it is and collects what is found."""
    token = _reading.set(reading)
    try:
        return _converter().structure(value, cls)
    except Exception:  # a success is never lost, whatever is wrong with it
        reading.note_value(cls, value)
        return value
    finally:
        _reading.reset(token)


_ABSENT = object()


@attrs.frozen
class _Plan:
    """How to build one model's instances without `__init__`, which may refuse what came (a time without a zone)."""

    fields: list[tuple[str, Any, frozenset[type], Hook, Callable[[Any, Any], None], Any, bool]]
    """Name, type, which types fit as they are, how to structure the rest, setter, default, whether it is required."""
    factories: list[tuple[str, Callable[[Any, Any], None], Callable[[], Any]]]
    """The fields with a default factory."""
    names: frozenset[str]
    missing: list[tuple[str, Any]]
    """Names and types of the required fields."""
    blank: Any
    """The shared instance for objects without any known field; None if it would be mutable."""

    @classmethod
    def of(cls, model: Any, converter: cattrs.Converter) -> _Plan:
        build: Any = get_origin(model) or model
        fields: list[tuple[str, Any, frozenset[type], Hook, Callable[[Any, Any], None], Any, bool]] = []
        factories: list[tuple[str, Callable[[Any, Any], None], Callable[[], Any]]] = []
        for field, hint in field_types(model):
            fill = getattr(build, field.name).__set__
            optional = _may_be_left_out(hint)
            factory = None if optional else getattr(field.default, "factory", None)
            if factory is not None:
                factories.append((field.name, fill, factory))
            hook = converter.get_structure_hook(hint)
            default = UNSET if optional else None
            fields.append((field.name, hint, as_they_are(hint), hook, fill, default, not optional and not factory))
        blank = None
        if not factories:
            blank = build.__new__(build)
            for _, _, _, _, fill, default, _ in fields:
                fill(blank, default)
        names = frozenset(name for name, *_ in fields)
        missing = [(name, hint) for name, hint, _, _, _, _, required in fields if required]
        return cls(fields, factories, names, missing, blank)


@cache
def _converter() -> cattrs.Converter:
    converter = exact_converter()

    def models(cls: Any) -> Hook:
        build: Any = get_origin(cls) or cls

        how: _Plan | None = None  # built on first use, since models may be recursive

        def structure(value: Any, _: Any) -> Any:
            if type(value) is not dict:
                raise TypeError
            nonlocal how
            how = how or _Plan.of(cls, converter)
            given = cast("dict[str, Any]", value)
            reading = _reading.get()
            if how.blank is not None and how.names.isdisjoint(given):
                reading.note_missing(how.missing)
                return how.blank
            instance = build.__new__(build)
            path = reading.path
            depth = len(path)
            for name, hint, fitting, hook, fill, default, required in how.fields:
                each = given.get(name, _ABSENT)
                if each is _ABSENT:
                    fill(instance, default)
                    if required:
                        reading.note(hint, "missing", name)
                    continue
                if type(each) in fitting:
                    fill(instance, each)
                    continue
                path.append(name)
                try:
                    fill(instance, hook(each, hint))
                except Exception:
                    del path[depth + 1 :]
                    reading.note_value(hint, each)
                    fill(instance, each)
                path.pop()
            for name, fill, factory in how.factories:
                if name not in given:
                    fill(instance, factory())
            return instance

        return structure

    def lists(cls: Any) -> Hook:
        (item,) = get_args(cls)
        hook = converter.get_structure_hook(item)

        def structure(value: Any, _: Any) -> Any:
            if not isinstance(value, list):
                raise TypeError
            return _each(enumerate(cast("list[object]", value)), item, hook)

        return structure

    def dicts(cls: Any) -> Hook:
        _, item = get_args(cls)
        hook = converter.get_structure_hook(item)

        def structure(value: Any, _: Any) -> Any:
            if not isinstance(value, Mapping):
                raise TypeError
            given = cast("Mapping[str, Any]", value)
            return dict(zip(given, _each(given.items(), item, hook), strict=True))

        return structure

    def variants(value: Any, union: TaggedUnion) -> Any:
        if not isinstance(value, Mapping):
            raise TypeError
        given = cast("dict[str, Any]", value)
        tag, found = union.variant(given)
        variant: Any = found
        if variant is not None:
            return converter.structure(given, variant)
        _reading.get().note(union, "unknown variant")
        return UnknownVariant(tag=tag, data=given)

    converter.register_structure_hook(msgspec.Raw, lambda value, _: value)  # the caller reads it
    converter.register_structure_hook_factory(is_model, models)
    converter.register_structure_hook_factory(is_list, lists)
    converter.register_structure_hook_factory(is_dict, dicts)
    converter.register_structure_hook_func(lambda cls: isinstance(cls, TaggedUnion), variants)
    return converter


def _each(steps: Any, item: Any, hook: Hook) -> list[Any]:
    """The values in *steps* (pairs of step and value), each structured as an *item* as far as it fits."""
    reading = _reading.get()
    path = reading.path
    path.append("")
    depth = len(path)
    structured: list[Any] = []
    for step, value in steps:
        path[-1] = step
        try:
            structured.append(hook(value, item))
        except Exception:
            del path[depth:]
            reading.note_value(item, value)
            structured.append(value)
    path.pop()
    return structured


def _may_be_left_out(hint: Any) -> bool:
    return is_union(hint) and Unset in get_args(hint) and bool(members(hint))
