"""JSON schemas, in all the ways Kombo's documents write them, as plain shapes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from codegen.shapes import ANY, BOOL, INT, NUMBER, STR, Array, Const, Enum, Field, Map, Null, Object, Ref, Scalar
from codegen.shapes import Shape, Union, at, bare, children, key, objects

Json = Mapping[str, Any]
PRIMITIVES = {"string": STR, "integer": INT, "number": NUMBER, "boolean": BOOL}
FORMATS = {"date-time": Scalar("datetime"), "date": Scalar("date")}


class Schemas:
    """The named schemas of a document: inlined, but for those that contain themselves."""

    def __init__(self, document: Json) -> None:
        self.document = document
        self.components: Json = document.get("components", {}).get("schemas", {})
        self.recursive = {name for name in self.components if self._reaches(name, name)}
        self.named = {name: self.shape(self.components[name]) for name in sorted(self.recursive)}
        self.any_json = {name for name in self.named if self._holds_any_json(name)}
        self._unrolled = {key(shape): name for name, shape in self.named.items() if isinstance(shape, Union | Object)}

    def resolve(self, node: Json) -> Json:
        """Follow `$ref` until there is none."""
        while "$ref" in node:
            found: Any = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part.replace("~1", "/").replace("~0", "~")]
            node = found
        return node

    def shape(self, schema: Json) -> Shape:
        """Return the shape that *schema* describes."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return Ref(name) if name in self.recursive else self.shape(self.resolve(schema))
        schema, nullable = self._split_null(self._merged(schema))
        shape = self._without_null(schema)
        return Null(shape) if nullable and shape != ANY and not isinstance(shape, Null) else shape

    def plain(self, shape: Shape) -> Shape:
        """Return *shape* in its plainest form: recursion is kept for unions and objects, and "any JSON" is said as such."""
        match shape:
            case Ref(name=name) if name in self.any_json:
                return ANY
            case Ref(name=name) if isinstance(self.named[name], Map | Array):
                return self.plain(self.named[name])
            case Union() | Object() if known := self._unrolled.get(key(shape)):
                return Ref(known)
            case _:
                return self.inside(shape)

    def inside(self, shape: Shape) -> Shape:
        """Return *shape* with all that it holds in its plainest form."""
        match shape:
            case Null(of=inner):
                inner = self.plain(inner)
                return inner if inner == ANY else Null(inner)
            case Array(item=inner):
                return Array(self.plain(inner))
            case Map(value=inner):
                return Map(self.plain(inner))
            case Object(fields=fields):
                return Object(tuple(Field(f.name, self.plain(f.shape), f.required, f.deprecated) for f in fields))
            case Union(variants=variants, tag=tag):
                return Union(tuple(self.plain(each) for each in variants), tag)
            case _:
                return shape

    def _without_null(self, schema: Json) -> Shape:
        variants = schema.get("anyOf") or schema.get("oneOf")
        if variants:
            return self._union(variants, schema.get("discriminator", {}).get("propertyName"))
        if "const" in schema:
            return Const(schema["const"])
        if "enum" in schema:
            values = tuple(each for each in schema["enum"] if each is not None)
            return Const(values[0]) if len(values) == 1 and schema.get("type") == "boolean" else Enum(values)
        match schema.get("type"):
            case "array":
                return Array(self.shape(schema.get("items", {})))
            case "object":
                return self._object(schema)
            case "string":
                return FORMATS.get(schema.get("format", ""), STR)
            case None if "properties" in schema:
                return self._object(schema)
            case kind:
                return PRIMITIVES.get(kind or "", ANY)

    def _object(self, schema: Json) -> Shape:
        if schema.get("properties"):
            return Object(tuple(self.fields(schema)))
        extra = schema.get("additionalProperties")
        return Map(self.shape(extra) if isinstance(extra, dict) else ANY)

    def fields(self, schema: Json) -> Iterator[Field]:
        """Yield the properties of an object."""
        required = set(schema.get("required", ()))
        for name, node in schema.get("properties", {}).items():
            deprecated = bool(node.get("deprecated") or self.resolve(node).get("deprecated"))
            yield Field(name, self.shape(node), name in required, deprecated)

    def _union(self, schemas: list[Json], tag: str | None) -> Shape:
        shapes = [self.shape(each) for each in schemas]
        nullable = any(isinstance(each, Null) for each in shapes)
        flat = chain.from_iterable(each.variants if isinstance(each, Union) else (each,) for each in map(bare, shapes))
        variants = list({key(each): each for each in flat}.values())
        if enums := [each for each in variants if isinstance(each, Enum)]:  # an open enum: [enum, string]
            values = dict.fromkeys(chain.from_iterable(each.values for each in enums))
            variants = [Enum(tuple(values)), *(each for each in variants if not isinstance(each, Enum) and each != STR)]
        if len(variants) > 1 and all(isinstance(each, Array) for each in variants):  # msgspec takes one list in a union
            union: Shape = Array(_join(each.item for each in variants if isinstance(each, Array)))
        elif len(variants) == 1 and not tag:
            union = variants[0]
        else:
            union = Union(tuple(variants))
            union = Union(union.variants, _tag(objects(union), tag))
        return Null(union) if nullable else union

    def _merged(self, schema: Json) -> Json:
        """Flatten `allOf`."""
        if "allOf" not in schema:
            return schema
        merged = {name: value for name, value in schema.items() if name != "allOf"}
        for part in schema["allOf"]:
            part = self._merged(self.resolve(part))
            merged["properties"] = {**merged.get("properties", {}), **part.get("properties", {})}
            merged["required"] = [*merged.get("required", ()), *part.get("required", ())]
            merged |= {name: value for name, value in part.items() if name not in merged}
        return (
            merged if merged["properties"] else {k: v for k, v in merged.items() if k not in {"properties", "required"}}
        )

    def _split_null(self, schema: Json) -> tuple[Json, bool]:
        """Take null out of *schema*, however it is written; a schema of null alone says nothing and stands for any value."""
        nullable = bool(schema.get("nullable"))
        schema = dict(schema)
        if isinstance(kinds := schema.get("type"), list):
            nullable |= "null" in kinds
            rest = [kind for kind in kinds if kind != "null"]
            schema.pop("type")
            if len(rest) > 1:
                schema["anyOf"] = [{**schema, "type": kind} for kind in rest]
            else:
                schema["type"] = rest[0]
        for word in ("anyOf", "oneOf"):
            if word in schema:
                rest = [each for each in schema[word] if not self._is_null(each)]
                nullable |= len(rest) < len(schema[word])
                schema[word] = rest
        return schema, nullable or None in schema.get("enum", ())

    def _is_null(self, schema: Json) -> bool:
        schema = self.resolve(schema)
        return schema.get("type") == "null" or schema.get("enum") == [None] or schema.get("const", "") is None

    def _reaches(self, start: str, goal: str) -> bool:
        seen: set[str] = set()
        todo = [start]
        while todo:
            for name in _references(self.components[todo.pop()]):
                if name == goal:
                    return True
                if name not in seen:
                    seen.add(name)
                    todo.append(name)
        return False

    def _holds_any_json(self, name: str, seen: frozenset[str] = frozenset()) -> bool:
        def any_json(shape: Shape) -> bool:
            match shape:
                case Ref(name=inner):
                    return inner in seen or inner == name or self._holds_any_json(inner, seen | {name})
                case Object() | Const() | Enum():
                    return False
                case _:
                    return all(any_json(each) for each in children(shape))

        return any_json(self.named[name])


def _join(shapes: Iterable[Shape]) -> Shape:
    """Return the union of *shapes*."""
    flat = chain.from_iterable(each.variants if isinstance(each, Union) else (each,) for each in shapes)
    variants = tuple({key(each): each for each in flat}.values())
    return variants[0] if len(variants) == 1 else Union(variants, _tag(objects(Union(variants)), None))


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].rpartition("/")[2]
        for each in node.values():
            yield from _references(each)
    elif isinstance(node, list):
        for each in node:
            yield from _references(each)


def _tag(variants: tuple[Object, ...], named: str | None) -> str | None:
    """Find the constant that tells *variants* apart: the discriminator, or else a property, or one a level below."""
    paths = [named] if named else []
    for path in [*paths, *_constants(variants)]:
        found = [at(each, path) for each in variants]
        if found and all(isinstance(each, Const) for each in found) and len({key(e) for e in found if e}) == len(found):
            return path
    return None


def _constants(variants: tuple[Object, ...]) -> Iterator[str]:
    deeper = []
    for each in variants[0].fields if variants else ():
        if isinstance(each.shape, Const):
            yield each.name
        elif isinstance(each.shape, Object):
            deeper += [f"{each.name}.{inner.name}" for inner in each.shape.fields if isinstance(inner.shape, Const)]
    yield from deeper
