"""What strict (`strict.py`) and lenient structuring (`drift.py`) share: types, and a cattrs converter without coercion.
(By default cattrs turns None into "None", "false" into True and 5.9 into 5.)
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache
from numbers import Integral, Real
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import attrs
import cattrs
import msgspec

from kombo_async.model import TIMES, TaggedUnion, Unset

NUMBERS_AND_TEXT: Mapping[type, Any] = {str: str, int: Integral, float: (Real, Decimal)}
"""Other classes accepted for a JSON type in requests: numpy, markupsafe and others have their own."""

_ARRAYS = (list, Sequence, Iterable)


class NamesInScope(dict[str, Any]):
    """Names for annotations: from the class's module, otherwise from what its package exports.

    Request modules import a model used only in annotations only for type checkers; it loads when needed.
    """

    def __init__(self, cls: type) -> None:
        super().__init__(vars(sys.modules[cls.__module__]))
        self.update((time.__name__, time) for time in TIMES if time.__name__ in self)
        self._package = sys.modules.get(cls.__module__.rpartition(".")[0])

    def __missing__(self, name: str) -> Any:
        try:
            return getattr(self._package, name)
        except AttributeError:
            raise KeyError(name) from None


def field_types(cls: Any) -> Iterator[tuple[attrs.Attribute[Any], Any]]:
    """The fields of an attrs class, or of a generic one with its parameters filled in, with their types."""
    origin: type = get_origin(cls) or cls
    hints = get_type_hints(origin, localns=NamesInScope(origin))
    parameters: tuple[TypeVar, ...] = getattr(origin, "__parameters__", ())
    known = dict(zip(parameters, get_args(cls), strict=False))
    for field in attrs.fields(origin):
        hint = hints[field.name]
        yield field, _substitute(hint, known)


def _substitute(hint: Any, known: Mapping[TypeVar, Any]) -> Any:
    if hint in known:
        return known[hint]
    parameters: tuple[TypeVar, ...] = getattr(hint, "__parameters__", ())
    return hint[tuple(known[p] for p in parameters)] if parameters and known else hint


def is_model(cls: Any) -> bool:
    """Whether *cls* is an attrs class, or a generic one with its parameters filled in."""
    return attrs.has(get_origin(cls) or cls)


def is_union(cls: Any) -> bool:
    """Whether *cls* is a union annotation."""
    return get_origin(cls) in (Union, types.UnionType)


def is_literal(cls: Any) -> bool:
    """Whether *cls* is a `Literal`."""
    return get_origin(cls) is Literal


def is_list(cls: Any) -> bool:
    """Whether *cls* is a JSON array."""
    return get_origin(cls) in _ARRAYS


def is_dict(cls: Any) -> bool:
    """Whether *cls* is a JSON object with arbitrary keys."""
    return get_origin(cls) is dict


def members(union: Any) -> tuple[Any, ...]:
    """The members of a union that a value can have; `Unset` only says that the field may be left out."""
    return tuple(member for member in get_args(union) if member is not Unset)


_JSON_NAMES = {str: "string", int: "integer", float: "number", bool: "boolean", dict: "object", type(None): "null"}


def type_name(cls: Any) -> str:
    """A type's name in error messages and drift, in JSON's terms."""
    if is_union(cls):
        return " | ".join(type_name(member) for member in members(cls))
    origin = get_origin(cls) or cls
    if origin is Literal:
        return " | ".join(repr(value) for value in get_args(cls))
    if origin in _ARRAYS:
        return f"array of {type_name(get_args(cls)[0])}"
    return _JSON_NAMES.get(origin) or str(getattr(origin, "__name__", origin))


def json_type(value: Any) -> str:
    """The JSON type of *value*: all that may be shown of people's data."""
    for kind, name in ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (Mapping, "object")):
        if isinstance(value, kind):
            return name
    return "null" if value is None else "array" if isinstance(value, list | tuple) else type(value).__name__


def _takes(member: Any, value: Any) -> bool:
    """Whether *member* of a union is the one for *value*, judging only by JSON type."""
    origin = get_origin(member)
    if member is Any:
        return True
    if isinstance(value, Mapping):
        return isinstance(member, TaggedUnion) or is_model(member) or origin is dict
    if isinstance(value, list | tuple):
        return origin in _ARRAYS
    if origin is Literal:
        return _is_literal(member, value)
    if isinstance(value, str) and member in TIMES:
        return True
    wider = NUMBERS_AND_TEXT.get(member)
    return type(value) is member or (wider is not None and isinstance(value, wider) and type(value) is not bool)


def _is_literal(literal: Any, value: Any) -> bool:
    return any(type(value) is type(known) and value == known for known in get_args(literal))


def as_they_are(hint: Any) -> frozenset[type]:
    """The types of JSON values that fit *hint* whatever the value."""
    choices = members(hint) if is_union(hint) else (hint,)
    fitting: set[type] = {choice for choice in choices if choice in (str, int, bool, float, type(None))}
    return frozenset(fitting - {str} if {*TIMES} & {*choices} else fitting)


def exact_converter() -> cattrs.Converter:
    """A converter that takes primitives, literals, times and unions only of the exact type, or raises `TypeError`."""
    converter = cattrs.Converter(detailed_validation=True, prefer_attrib_converters=False)

    def exactly(value: Any, cls: Any) -> Any:
        if type(value) is not cls:
            raise TypeError(type_name(cls))
        return value

    def literally(value: Any, cls: Any) -> Any:
        if not _is_literal(cls, value):
            raise TypeError(type_name(cls))
        return value

    def as_it_is(value: Any, _: Any) -> Any:
        return value

    def time(value: Any, cls: Any) -> Any:
        if isinstance(value, cls):
            return value
        try:
            return msgspec.convert(value, cls)
        except msgspec.ValidationError:
            raise TypeError(type_name(cls)) from None

    def union(cls: Any) -> Callable[[Any, Any], Any]:
        choices = members(cls)
        nullable = type(None) in choices
        text = str in choices and not {*TIMES} & {*choices}
        others = [member for member in choices if member is not type(None)]
        hooks = cache(converter.get_structure_hook)

        def choose(value: Any, _: Any) -> Any:
            if value is None and nullable:
                return None
            if text and type(value) is str:
                return value
            for member in others:
                if _takes(member, value):
                    return hooks(member)(value, member)
            raise TypeError(f"{type_name(cls)}, not null" if value is None else type_name(cls))

        return choose

    for primitive in (str, int, float, bool, type(None)):
        converter.register_structure_hook(primitive, exactly)
    for cls in TIMES:
        converter.register_structure_hook(cls, time)
    converter.register_structure_hook_func(is_literal, literally)
    converter.register_structure_hook_factory(is_union, union)
    converter.register_structure_hook_func(lambda cls: cls is Any, as_it_is)
    return converter


def known_variant(union: TaggedUnion, value: Any) -> type | None:
    """The model in *union* that *value* is."""
    return union.variant(cast("Mapping[str, Any]", value))[1] if isinstance(value, Mapping) else None
