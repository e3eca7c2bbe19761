"""Convert a request's values to JSON types: subclasses to their base; others are refused with their path.

The encoder is written in C and accepts more than JSON has: it turns bytes and sets into text and arrays, NaN into
null, and refuses a pandas `datetime`. A quick check (`holds_only_json`) passes nearly everything; only the rest goes
through `json_value`, value by value.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from math import isfinite
from numbers import Integral, Rational, Real
from operator import attrgetter
from typing import Any, TypeAlias, cast

import msgspec

from kombo_async.attachments import FileData
from kombo_async.errors import InputFault, InvalidInput
from kombo_async.model import UNSET, Model, UnknownVariant, Unset, field_names, utc_time

DEEPEST = 100
"""The deepest nesting; a deeper value most likely contains itself."""

MOST_BITS = 14_000
"""Of an integer; Python writes none of more than 4,300 digits."""
TOO_LARGE = "has more than 4,200 digits, which cannot be sent; send it as text"

HALF_A_CHARACTER = "contains half a character (a lone surrogate), which cannot be sent; correct this text"

# While time is frozen, freezegun replaces `datetime` and `date` in each module, but not in a set.
_EXACT: frozenset[type] = frozenset({str, int, bool, type(None), date, FileData})
_EXACT_IN_MODELS: frozenset[type] = _EXACT | {Unset}
_DATETIME = frozenset({datetime})


def holds_only_json(values: Collection[object], exact: frozenset[type] = _EXACT) -> bool:
    """Whether all *values*, and all values inside them, have exactly the types that the encoder expects."""
    if exact.issuperset(map(type, values)):
        return True
    for value in values:
        kind: Any = type(value)
        if kind in exact:
            continue
        if kind is float:
            good = isfinite(cast("float", value))
        elif kind in _DATETIME:
            good = cast("datetime", value).tzinfo is UTC
        elif kind is list or kind is tuple:
            good = holds_only_json(cast("list[object]", value))
        elif kind is dict:
            names = cast("dict[object, object]", value)
            good = {str}.issuperset(map(type, names)) and holds_only_json(names.values())
        else:
            fields = _FIELDS.get(kind) or _fields(kind)
            good = fields is not None and holds_only_json(fields(value), _EXACT_IN_MODELS)
        if not good:
            return False
    return True


_Fields: TypeAlias = Callable[[Any], tuple[object, ...]]
_FIELDS: dict[type, _Fields] = {}


def _fields(kind: type) -> _Fields | None:
    """A getter for the values of a model's fields; None if *kind* is not a model that is sent as an object."""
    if not issubclass(kind, Model) or issubclass(kind, UnknownVariant):
        return None
    names = field_names(kind)
    _FIELDS[kind] = attrgetter(*names) if len(names) > 1 else lambda value: tuple(getattr(value, n) for n in names)
    return _FIELDS[kind]


Faults: TypeAlias = list[InputFault]


def json_fields(fields: Mapping[str, object]) -> dict[str, Any]:
    """Convert the *fields* of a body to JSON types. Raises `InvalidInput` with a fault for each value that has none."""
    faults: Faults = []
    plain = {name: _json_value(value, name, faults, 0) for name, value in fields.items() if value is not UNSET}
    if faults:
        raise InvalidInput(faults)
    return plain


def _json_value(value: Any, path: str, faults: Faults, depth: int) -> Any:
    if depth > DEEPEST:
        faults.append(InputFault(path[:200], "is nested too deeply, or contains itself"))
        return None
    if value is None or isinstance(value, bool | FileData):
        return value
    if isinstance(value, str):
        return _text(value, path, faults)
    if isinstance(value, date):
        return _time(value, path, faults)
    if isinstance(value, int | float | Decimal | Real):
        return _number(value, path, faults)
    if isinstance(value, UnknownVariant):
        return _json_value(value.data, path, faults, depth)
    if isinstance(value, Model):
        wire_names = value.__wire_names__
        named = {wire_names.get(name, name): getattr(value, name) for name in field_names(type(value))}
        return _json_object({name: each for name, each in named.items() if each is not UNSET}, path, faults, depth)
    if isinstance(value, Mapping):
        return _json_object(cast("Mapping[object, Any]", value), path, faults, depth)
    if isinstance(value, list | tuple):
        items = cast("list[Any]", value)
        return [_json_value(each, f"{path}[{index}]", faults, depth + 1) for index, each in enumerate(items)]
    kind: Any = value.__class__
    faults.append(InputFault(path, f"a body cannot contain a {kind.__name__}{_HINTS.get(kind, ', which is not JSON')}"))
    return None


_HINTS: dict[Any, str] = {
    bytes: ": decode it to text, or give a file by from_bytes()",
    bytearray: ": decode it to text, or give a file by from_bytes()",
    set: ": make a list of it",
    frozenset: ": make a list of it",
    Unset: ": leave this out",
}


def _json_object(given: Mapping[object, Any], path: str, faults: Faults, depth: int) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for name, each in given.items():
        if not isinstance(name, str):
            faults.append(
                InputFault(path, f"a body cannot contain a key of type {type(name).__name__}: keys must be text")
            )
            continue
        known = _text(name, path, faults)
        plain[known] = _json_value(each, f"{path}.{known}", faults, depth + 1)
    return plain


def _text(value: str, path: str, faults: Faults) -> str:
    exact = str.__str__(value)  # an enum member's value, not its name
    try:
        exact.encode()
    except UnicodeEncodeError:
        faults.append(InputFault(path, HALF_A_CHARACTER))
        return ""
    return exact


def _time(value: date, path: str, faults: Faults) -> date | None:
    try:
        return utc_time(value)
    except InvalidInput as error:
        faults += (InputFault(path, fault.message) for fault in error.faults)
        return None


def _number(value: Any, path: str, faults: Faults) -> Any:
    if isinstance(value, int | Integral):
        exact = int(value)
        if exact.bit_length() <= MOST_BITS:
            return exact
        faults.append(InputFault(path, TOO_LARGE))
    elif isinstance(value, Rational):
        faults.append(InputFault(path, f"a body cannot contain a {type(value).__name__}: make it a float or a Decimal"))
    elif not (value.is_finite() if isinstance(value, Decimal) else isfinite(value)):  # a signaling NaN has no float
        faults.append(InputFault(path, f"must be a finite number, not {str(value).lower()}"))
    elif isinstance(value, Decimal):
        return msgspec.Raw(str(value))  # digit by digit
    else:
        return float(value)
    return None
