"""Alternatives among shapes: distinguished by a constant, or plain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from codegen.shapes import STR, Array, Const, Enum, Null, Object, Shape, Union, at, bare, key, objects


def union(shapes: Iterable[Shape], discriminator: str | None = None) -> Shape:
    """Return one of *shapes*: not a union if they amount to a single one."""
    shapes = list(shapes)
    flat = chain.from_iterable(each.variants if isinstance(each, Union) else (each,) for each in map(bare, shapes))
    variants = list({key(each): each for each in flat}.values())
    if enums := [each for each in variants if isinstance(each, Enum)]:  # an open enum: [enum, string]
        values = dict.fromkeys(chain.from_iterable(each.values for each in enums))
        variants = [Enum(tuple(values)), *(each for each in variants if not isinstance(each, Enum) and each != STR)]
    arrays = [each.item for each in variants if isinstance(each, Array)]
    if 1 < len(arrays) == len(variants):  # a decoder can only distinguish one list from other types
        found: Shape = Array(union(arrays))
    elif len(variants) == 1 and not discriminator:
        found = variants[0]
    else:
        found = Union(tuple(variants))
        found = Union(found.variants, _tag(objects(found), discriminator))
    return Null(found) if any(isinstance(each, Null) for each in shapes) else found


def _tag(variants: tuple[Object, ...], discriminator: str | None) -> str | None:
    """Find the constant that distinguishes *variants*: the discriminator, a property, or one a level below."""
    paths = [discriminator] if discriminator else []
    for path in [*paths, *_constants(variants)]:
        found = [each for each in (at(variant, path) for variant in variants) if isinstance(each, Const)]
        if found and len({each.value for each in found}) == len(variants):
            return path
    return None


def _constants(variants: tuple[Object, ...]) -> Iterator[str]:
    deeper: list[str] = []
    for each in variants[0].fields if variants else ():
        if isinstance(each.shape, Const):
            yield each.name
        elif isinstance(each.shape, Object):
            deeper += [f"{each.name}.{inner.name}" for inner in each.shape.fields if isinstance(inner.shape, Const)]
    yield from deeper
