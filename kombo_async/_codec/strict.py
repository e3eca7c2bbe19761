"""Build requests from plain data, refusing anything unknown, missing or of the wrong type."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar, cast, get_args

import attrs
import cattrs
from cattrs.cols import list_structure_factory
from cattrs.gen import make_dict_structure_fn, override

from kombo_async._codec.structure import (
    NUMBERS_AND_TEXT,
    NamesInScope,
    exact_converter,
    is_list,
    is_model,
    is_union,
    known_variant,
    members,
    type_name,
)
from kombo_async.errors import InputFault, InvalidInput
from kombo_async.model import TIMES, TaggedUnion

T = TypeVar("T")

MISSING = "missing"
"""The message for a missing required field."""

UNKNOWN = "there is no such field"
"""The message for an unknown field."""

_TIME = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d+)?)?Z?")
"""The times that Kombo accepts in requests."""


def structure_strictly(data: Any, cls: type[T]) -> T:
    """Structure *data* as a *cls*; raises `InvalidInput` with all faults."""
    try:
        return _converter().structure(data, cls)
    except Exception as error:
        faults = list(_faults(error, ""))
    # Raised here: as the context of ours, the error of cattrs would expose the values.
    raise InvalidInput(faults, f"{cls.__name__} cannot be built from this data") from None


def _faults(error: BaseException, path: str) -> Iterator[InputFault]:
    """The faults in the error tree that cattrs raises, with their paths."""
    if isinstance(error, cattrs.ClassValidationError):
        inner, rest = error.group_exceptions()
        for each, attribute in inner:
            yield from _faults(each, f"{path}.{attribute.name}".removeprefix("."))
        for each in rest:
            yield from _faults(each, path)
    elif isinstance(error, cattrs.IterableValidationError):
        inner_items, rest = error.group_exceptions()
        for each, item in inner_items:
            step = f"[{item.index}]" if isinstance(item.index, int) else f".{item.index}"
            yield from _faults(each, f"{path}{step}")
        for each in rest:
            yield from _faults(each, path)
    elif isinstance(error, cattrs.ForbiddenExtraKeysError):
        for name in sorted(map(str, error.extra_fields)):
            shown = name.encode(errors="backslashreplace").decode()  # a lone surrogate cannot be printed
            yield InputFault(f"{path}.{shown}".removeprefix("."), UNKNOWN)
    elif isinstance(error, KeyError):
        yield InputFault(path, MISSING)
    elif isinstance(error, TypeError):
        yield InputFault(path, f"must be {error}")
    elif isinstance(error, InvalidInput):  # from a converter or validator of the model itself
        yield from (
            InputFault(fault.path if not path else f"{path}.{fault.path}", fault.message) for fault in error.faults
        )
    elif isinstance(error, ValueError):
        yield InputFault(path, str(error))
    else:
        yield InputFault(path, f"cannot be read ({type(error).__name__})")


def _is_time(cls: Any) -> bool:
    """Whether *cls* is a time only, rather than an answer of any type, where text is just text."""
    return is_union(cls) and TIMES[0] in get_args(cls) and {*members(cls)} <= {*TIMES, str, type(None)}


@cache
def _converter() -> cattrs.Converter:
    converter = exact_converter()

    def exact_or_wider(value: Any, cls: Any) -> Any:
        if type(value) is bool or not isinstance(value, NUMBERS_AND_TEXT[cls]):
            raise TypeError(type_name(cls))
        return str.__str__(value) if cls is str else value if isinstance(value, Decimal) else cls(value)

    for primitive in NUMBERS_AND_TEXT:
        converter.register_structure_hook(primitive, exact_or_wider)

    def models(cls: Any) -> Callable[[Any, Any], Any]:
        renames: dict[str, Any] = {
            name: override(rename=wire) for name, wire in getattr(cls, "__wire_names__", {}).items()
        }
        attrs.resolve_types(cls, localns=NamesInScope(cls))
        build = make_dict_structure_fn(cls, converter, _cattrs_forbid_extra_keys=True, **renames)

        def structure(value: Any, _: Any) -> Any:
            if isinstance(value, cls):
                return value
            if not isinstance(value, Mapping):
                raise TypeError("an object")
            return build(cast("Mapping[str, Any]", value), cls)

        return structure

    def sequences(cls: Any) -> Callable[[Any, Any], Any]:
        build = list_structure_factory(cast("Any", list)[get_args(cls)[0]], converter)

        def structure(value: Any, _: Any) -> Any:
            if not isinstance(value, list | tuple):
                raise TypeError(type_name(cls))
            return build(value, cls)

        return structure

    def times(cls: Any) -> Any:
        def structure(value: Any, _: Any) -> Any:
            if value is None and type(None) in get_args(cls):
                return None
            if isinstance(value, str) and not _TIME.fullmatch(value):
                raise TypeError("a date such as 2026-05-19, or a time in UTC such as 2026-05-19T08:30:00Z")
            if isinstance(value, datetime) and value.tzinfo is None:
                raise TypeError("a datetime with a time zone, such as tzinfo=datetime.UTC")
            if not isinstance(value, str | date):
                raise TypeError(type_name(cls))
            return value

        return structure

    def variants(value: Any, union: TaggedUnion) -> Any:
        variant: Any = known_variant(union, value)
        if variant is None:
            known = ", ".join(map(repr, union.variants))
            raise TypeError(f"an object with {union.tag} one of {known}" if union.tag else f"an object with {known}")
        return converter.structure(value, variant)

    converter.register_structure_hook_factory(is_model, models)
    converter.register_structure_hook_factory(is_list, sequences)
    converter.register_structure_hook_factory(_is_time, times)
    converter.register_structure_hook_func(lambda cls: isinstance(cls, TaggedUnion), variants)
    return converter
