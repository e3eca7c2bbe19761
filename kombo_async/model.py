"""The building blocks of models: frozen attrs classes, optional fields, tagged unions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias, TypeVar, cast, dataclass_transform

import attrs
import msgspec

from kombo_async.errors import InputFault, InvalidInput

T = TypeVar("T")

UNSET = msgspec.UNSET
"""The value of a field that was left out. It is falsy, and different from `None`, which is sent as null."""
Unset: TypeAlias = msgspec.UnsetType

if TYPE_CHECKING:
    JSON: TypeAlias = str | int | float | bool | Sequence["JSON"] | Mapping[str, "JSON"] | None
else:
    JSON = Any


TIMES = (datetime, date)
"""Python's own types. In a tuple, since freezegun replaces `datetime` and `date` in modules while time is frozen."""


def utc_time(value: date, path: str = "") -> date:
    """*value* as Python's own `date`, or as a `datetime` in UTC (pendulum, pandas and freezegun have subclasses).

    Raises `InvalidInput` with *path* if there is no time zone, and for pandas' `NaT`.
    """
    exact = value if type(value) in TIMES else _exact_time(value, path)
    if not isinstance(exact, datetime):
        return exact
    if exact.tzinfo is None:
        raise InvalidInput(InputFault(path, "this datetime has no time zone; give it one, such as tzinfo=datetime.UTC"))
    return exact.astimezone(UTC)


def _exact_time(value: date, path: str) -> date:
    try:
        if not isinstance(value, datetime):
            return TIMES[1](value.year, value.month, value.day)
        day = (value.year, value.month, value.day)
        return TIMES[0](*day, value.hour, value.minute, value.second, value.microsecond, value.tzinfo, fold=value.fold)
    except (TypeError, ValueError):
        raise InvalidInput(InputFault(path, "is not a valid time")) from None  # NaT is an instance of datetime


def _in_utc(value: Any, _: object, field: attrs.Attribute[Any]) -> Any:
    return utc_time(value, field.name) if isinstance(value, datetime) else value


_to_utc: Any = attrs.Converter(_in_utc, takes_self=True, takes_field=True)


def _datetimes_in_utc(_: type, fields: list[attrs.Attribute[Any]]) -> list[attrs.Attribute[Any]]:
    """Make fields for times convert them to UTC: Kombo accepts only `Z` as the offset."""
    return [field.evolve(converter=_to_utc) if "datetime" in str(field.type) else field for field in fields]


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(attrs.field,))
def model(cls: type[T]) -> type[T]:
    """Make *cls* a frozen attrs class with keyword-only fields.

    `Model` and `Request` define `__repr__` and `__eq__` once for all, since attrs would spend
    half of a class's import time on generating them.
    """
    return attrs.frozen(kw_only=True, repr=False, eq=False, field_transformer=_datetimes_in_utc)(cls)


def field_names(cls: type) -> tuple[str, ...]:
    """The names of the attrs fields of *cls*, in order."""
    return tuple(field.name for field in attrs.fields(cls))


class Model:
    """The base of all models."""

    __slots__ = ()
    __wire_names__: ClassVar[Mapping[str, str]] = {}
    """Wire names of the fields whose wire name is not a valid Python identifier."""

    def evolve(self, **changes: Any) -> Self:
        """A copy with some fields changed."""
        changed: Self = attrs.evolve(cast("Any", self), **changes)
        return changed

    def __repr__(self) -> str:
        values = ((name, getattr(self, name)) for name in field_names(type(self)))
        fields = ", ".join(f"{name}={value!r}" for name, value in values if value is not UNSET)
        return f"{type(self).__name__}({fields})"

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in field_names(type(self)))

    __hash__: ClassVar[None]  # type: ignore[assignment]


@model
class UnknownVariant(Model):
    """A variant of a union that this version of the client does not know."""

    tag: str | bool | None
    """The tag, or None if there was none."""
    data: dict[str, JSON]
    """The object as it came."""


class TaggedUnion(type):
    """A union of models at run time: `isinstance` works, and the decoder knows how to choose."""

    tag: str | None
    variants: Mapping[str | bool, type]
    path: Sequence[str]
    """The keys that lead to the tag."""
    models: tuple[type, ...]
    """All types that an instance can have."""

    def variant(cls, value: Mapping[str, Any]) -> tuple[str | bool | None, type | None]:
        """The tag of *value* and its model, None if unknown."""
        if cls.tag is None:
            found = next((key for key in cls.variants if key in value), None)
            return found, None if found is None else cls.variants[found]
        tag: Any = value
        for key in cls.path:
            tag = cast("Any", tag).get(key) if isinstance(tag, (dict, Mapping)) else None
        if isinstance(tag, str | bool):
            return tag, cls.variants.get(tag)
        return None, None

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls.models)


def tagged_union(name: str, tag: str | None, variants: Mapping[str | bool, type]) -> TaggedUnion:
    """The run-time side of a union of models.

    *tag* is the (dotted) path of the field whose value is a key of *variants*;
    None if the models differ in which fields they have: then the keys are field names.
    """
    union = TaggedUnion(name, (), {"__doc__": f"One of {', '.join(v.__name__ for v in variants.values())}."})
    union.tag, union.variants = tag, variants
    union.path = tag.split(".") if tag else ()
    union.models = (*variants.values(), UnknownVariant)
    return union


def wire_time(value: date | datetime) -> str:
    """*value* as Kombo writes it: `2026-05-19T08:30:00.000Z`, or `2026-05-19` for a date."""
    if not isinstance(value, datetime):
        return value.isoformat()
    precision = "microseconds" if value.tzinfo is not None and value.microsecond % 1000 else "milliseconds"
    if value.tzinfo is None:
        return value.isoformat(timespec=precision)
    in_utc = value if value.tzinfo is UTC else value.astimezone(UTC)
    return in_utc.isoformat(timespec=precision).removesuffix("+00:00") + "Z"


def to_dict(obj: Any) -> Any:
    """The plain wire data of a model or request, or of a list or dict of them, ready for `json.dumps`.

    Fields that are `UNSET` are left out, times are strings as Kombo writes them.
    An attachment's file is read and becomes base64.
    """
    try:
        return _to_plain(obj)
    except RecursionError:
        return _deep_to_plain(obj)


def _to_plain(obj: Any) -> Any:
    cls: Any = obj.__class__
    if cls in _PLAIN:
        return obj
    convert = _CONVERTERS.get(cls)
    if convert is None:
        convert = _CONVERTERS[cls] = _converter(cls)
    return convert(obj)


def _deep_to_plain(obj: Any) -> Any:
    """The same for what is nested too deeply for Python's stack. Raises `ValueError` if *obj* contains itself."""
    whole: list[Any] = [obj]
    left: list[tuple[Any, Any, int]] = [(whole, 0, 0)]
    while left:
        holder, key, depth = left.pop()
        value: Any = holder[key]
        kind: Any = value.__class__
        if depth > _DEEPEST:
            raise ValueError("is nested too deeply, or contains itself")
        if attrs.has(kind) and not isinstance(value, UnknownVariant):
            wire_names = getattr(value, "__wire_names__", {})
            fields = ((name, getattr(value, name)) for name in field_names(kind))
            value = {wire_names.get(name, name): each for name, each in fields if each is not UNSET}
        elif isinstance(value, Mapping):
            value = dict(cast("Mapping[str, Any]", value))
        elif isinstance(value, list | tuple):
            value = list(cast("list[Any]", value))
        else:
            holder[key] = _to_plain(value)
            continue
        holder[key] = value
        keys = cast("Iterable[Any]", value if isinstance(value, dict) else range(len(value)))
        left += ((value, each, depth + 1) for each in keys)
    return whole[0]


_DEEPEST = 100_000
"""How many levels `to_dict` follows; what has more most likely contains itself."""

_PLAIN: frozenset[type] = frozenset({str, int, float, bool, type(None)})
_CONVERTERS: dict[type, Callable[[Any], Any]] = {}
"""How to convert each class to plain data; built on first use."""


def _converter(cls: Any) -> Callable[[Any], Any]:
    if issubclass(cls, UnknownVariant):
        return lambda obj: obj.data
    if attrs.has(cls):
        return _model_converter(cls)
    if issubclass(cls, Mapping):
        return lambda obj: {key: _to_plain(value) for key, value in obj.items()}
    if issubclass(cls, list | tuple):
        return lambda obj: [_to_plain(value) for value in obj]
    if issubclass(cls, date):
        return wire_time
    if hasattr(cls, "to_base64"):
        return lambda obj: obj.to_base64()
    return lambda obj: obj


def _model_converter(cls: Any) -> Callable[[Any], dict[str, Any]]:
    fields = field_names(cls)
    wire_names = getattr(cls, "__wire_names__", {})
    names = [wire_names.get(name, name) for name in fields]
    values_of: Callable[[Any], tuple[Any, ...]] = (
        attrgetter(*fields) if len(fields) > 1 else lambda obj: tuple(getattr(obj, name) for name in fields)
    )

    def convert(obj: Any) -> dict[str, Any]:
        values = values_of(obj)
        if _PLAIN.issuperset(map(type, values)):
            return dict(zip(names, values, strict=True))
        pairs = zip(names, values, strict=True)
        return {
            name: value if type(value) in _PLAIN else _to_plain(value) for name, value in pairs if value is not UNSET
        }

    return convert
