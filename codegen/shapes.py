"""The shapes that an OpenAPI document describes, independent of its dialect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias


@dataclass(frozen=True)
class Scalar:
    """A plain value; `any` is whatever JSON can hold."""

    kind: Literal["str", "int", "number", "bool", "datetime", "date", "any"]


@dataclass(frozen=True)
class Enum:
    """A string with known values; more may be added."""

    values: tuple[str, ...]


@dataclass(frozen=True)
class Const:
    """A value that is always the same and so identifies an object's variant."""

    value: str | bool


@dataclass(frozen=True)
class Array:
    """A list of one shape."""

    item: Shape


@dataclass(frozen=True)
class Map:
    """An object with free keys."""

    value: Shape


@dataclass(frozen=True)
class Field:
    """A property of an object, or a parameter."""

    name: str
    shape: Shape
    required: bool = False
    deprecated: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class Object:
    """An object with known properties: it becomes a class."""

    fields: tuple[Field, ...]

    def get(self, name: str) -> Shape | None:
        """Return the shape of a property, if the object has it."""
        return next((each.shape for each in self.fields if each.name == name), None)


@dataclass(frozen=True)
class Union:
    """One of several shapes; `tag` is the dotted path of the constant that distinguishes objects."""

    variants: tuple[Shape, ...]
    tag: str | None = None


@dataclass(frozen=True)
class Null:
    """A shape, or null."""

    of: Shape


@dataclass(frozen=True)
class Ref:
    """A named schema that contains itself."""

    name: str


Shape: TypeAlias = Scalar | Enum | Const | Array | Map | Object | Union | Null | Ref
STR, INT, NUMBER, BOOL, ANY = (Scalar(kind) for kind in ("str", "int", "number", "bool", "any"))


def bare(shape: Shape) -> Shape:
    """Return *shape* without null."""
    return shape.of if isinstance(shape, Null) else shape


def core(shape: Shape) -> Shape:
    """Return what is inside null, lists and maps."""
    while isinstance(shape, Null | Array | Map):
        shape = shape.of if isinstance(shape, Null) else shape.item if isinstance(shape, Array) else shape.value
    return shape


def objects(union: Union) -> tuple[Object, ...]:
    """Return the variants of a union that are objects."""
    return tuple(each for each in union.variants if isinstance(each, Object))


def at(shape: Shape, path: str) -> Shape | None:
    """Follow a dotted path of properties."""
    for name in path.split("."):
        inner = bare(shape)
        found = inner.get(name) if isinstance(inner, Object) else None
        if found is None:
            return None
        shape = found
    return shape


def children(shape: Shape) -> Iterator[Shape]:
    """Yield the shapes directly inside *shape*."""
    match shape:
        case Null(of=inner) | Array(item=inner) | Map(value=inner):
            yield inner
        case Object(fields=fields):
            yield from (each.shape for each in fields)
        case Union(variants=variants):
            yield from variants
        case _:
            pass


def key(shape: Shape) -> object:
    """Return a key for equal shapes: everything except the order of fields."""
    match shape:
        case Object(fields=fields):
            ordered = sorted(fields, key=lambda each: each.name)
            return "object", tuple((each.name, each.required, key(each.shape)) for each in ordered)
        case Null() | Array() | Map() | Union():
            return type(shape).__name__, getattr(shape, "tag", None), tuple(key(each) for each in children(shape))
        case _:
            return shape
