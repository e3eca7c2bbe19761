"""JSON schemas, in all the ways Kombo's documents write them, as plain shapes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from codegen.shapes import (
    ANY,
    BOOL,
    INT,
    NUMBER,
    STR,
    Array,
    Const,
    Enum,
    Field,
    Map,
    Null,
    Object,
    Ref,
    Scalar,
    Shape,
    Union,
    children,
    key,
)
from codegen.unions import union

Json = Mapping[str, Any]
PRIMITIVES = {"string": STR, "integer": INT, "number": NUMBER, "boolean": BOOL}
FORMATS = {"date-time": Scalar("datetime"), "date": Scalar("date")}


class Schemas:
    """The named schemas of a document: inlined, except for recursive ones.

    *untyped* are properties that the document may type as only null, with the schema to use instead.
    """

    def __init__(self, document: Json, untyped: Json) -> None:
        self.document, self._untyped = document, untyped
        self.components: Json = document.get("components", {}).get("schemas", {})
        self._recursive = {name for name in self.components if self._reaches(name, name)}
        self._named = {name: self._shape(self.components[name]) for name in sorted(self._recursive)}
        self._any_json = {name for name in self._named if self._holds_any_json(name, frozenset())}
        self._unrolled = {key(shape): name for name, shape in self._named.items() if isinstance(shape, Union | Object)}

    def resolve(self, node: Json) -> Json:
        """Follow `$ref` until there is none."""
        while "$ref" in node:
            found: Any = self.document
            for part in str(node["$ref"]).removeprefix("#/").split("/"):
                found = found[part.replace("~1", "/").replace("~0", "~")]
            node = found
        return node

    def shape(self, schema: Json) -> Shape:
        """Return the shape that *schema* describes, in its simplest form."""
        return self._plain(self._shape(schema))

    def named(self) -> dict[str, Shape]:
        """Return the recursive shapes."""
        return {name: self._inside(shape) for name, shape in self._named.items() if name not in self._any_json}

    # ------------------------------------------------------------------ one schema

    def _shape(self, schema: Json) -> Shape:
        if "$ref" in schema:
            name = str(schema["$ref"]).rpartition("/")[2]
            return Ref(name) if name in self._recursive else self._shape(self.resolve(schema))
        schema, nullable = self._without_null(self._merged(schema))
        shape = self._of_type(schema)
        return Null(shape) if nullable and shape != ANY and not isinstance(shape, Null) else shape

    def _of_type(self, schema: Json) -> Shape:
        if variants := schema.get("anyOf") or schema.get("oneOf"):
            return union(map(self._shape, variants), schema.get("discriminator", {}).get("propertyName"))
        if "const" in schema:
            return Const(schema["const"])
        if "enum" in schema:
            values = tuple(each for each in schema["enum"] if each is not None)
            return Const(values[0]) if len(values) == 1 and schema.get("type") == "boolean" else Enum(values)
        kind = schema.get("type", "object" if "properties" in schema else "")
        match kind:
            case "array":
                return Array(self._shape(schema.get("items", {})))
            case "object":
                return self._object(schema)
            case "string":
                return FORMATS.get(schema.get("format", ""), STR)
            case _:
                return PRIMITIVES.get(kind, ANY)

    def _object(self, schema: Json) -> Shape:
        if schema.get("properties"):
            return Object(tuple(self._fields(schema)))
        extra: Json | bool | None = schema.get("additionalProperties")
        return Map(self._shape(extra) if isinstance(extra, Mapping) else ANY)

    def _fields(self, schema: Json) -> Iterator[Field]:
        for name, node in schema["properties"].items():
            if self._is_null(node):
                node = self._untyped.get(name, node)
            deprecated = bool(node.get("deprecated") or self.resolve(node).get("deprecated"))
            yield Field(name, self._shape(node), name in schema.get("required", ()), deprecated)

    def _merged(self, schema: Json) -> Json:
        """Flatten `allOf`; several parts' statements about one property all apply."""
        if "allOf" not in schema:
            return schema
        parts = [{name: value for name, value in schema.items() if name != "allOf"}]
        parts += [dict(self._merged(self.resolve(part))) for part in schema["allOf"]]
        merged: dict[str, Any] = {}
        for part in parts:
            merged |= {name: value for name, value in part.items() if name not in merged}
        properties: dict[str, Any] = {}
        for part in parts:
            for name, node in part.get("properties", {}).items():
                properties[name] = {"allOf": [properties[name], node]} if name in properties else node
        if properties:
            merged["properties"] = properties
            merged["required"] = [name for part in parts for name in part.get("required", ())]
        return merged

    def _without_null(self, schema: Json) -> tuple[Json, bool]:
        """Remove null from *schema*, however it is written; null alone says nothing and means any value."""
        plain = dict(schema)
        nullable = bool(plain.get("nullable")) or None in plain.get("enum", ())
        if isinstance(plain.get("type"), list):
            kinds = cast("list[str]", plain.pop("type"))
            rest = [kind for kind in kinds if kind != "null"]
            nullable |= len(rest) < len(kinds)
            if len(rest) == 1:
                plain["type"] = rest[0]
            else:
                plain = {"anyOf": [{**plain, "type": kind} for kind in rest]}
        for word in ("anyOf", "oneOf"):
            if word in plain:
                rest_of = [each for each in plain[word] if not self._is_null(each)]
                nullable |= len(rest_of) < len(plain[word])
                plain[word] = rest_of
        return plain, nullable

    def _is_null(self, schema: Json) -> bool:
        schema = self.resolve(schema)
        return schema.get("type") == "null" or schema.get("enum") == [None] or schema.get("const", "") is None

    # ------------------------------------------------------------------ schemas that contain themselves

    def _plain(self, shape: Shape) -> Shape:
        """Keep names only for recursive unions and objects, and express "any JSON" explicitly."""
        match shape:
            case Ref(name=name) if name in self._any_json:
                return ANY
            case Ref(name=name) if isinstance(self._named[name], Map | Array):
                return self._plain(self._named[name])
            case Union() | Object() if known := self._unrolled.get(key(shape)):
                return Ref(known)
            case _:
                return self._inside(shape)

    def _inside(self, shape: Shape) -> Shape:
        match shape:
            case Null(of=inner):
                inner = self._plain(inner)
                return inner if inner == ANY else Null(inner)
            case Array(item=inner):
                return Array(self._plain(inner))
            case Map(value=inner):
                return Map(self._plain(inner))
            case Object(fields=fields):
                return Object(tuple(Field(f.name, self._plain(f.shape), f.required, f.deprecated) for f in fields))
            case Union(variants=variants, tag=tag):
                return Union(tuple(self._plain(each) for each in variants), tag)
            case _:
                return shape

    def _reaches(self, start: str, goal: str) -> bool:
        seen: set[str] = set()
        todo = [start]
        while todo:
            found = set(_references(self.components.get(todo.pop(), {})))
            if goal in found:
                return True
            todo += found - seen
            seen |= found
        return False

    def _holds_any_json(self, name: str, above: frozenset[str]) -> bool:
        def any_json(shape: Shape) -> bool:
            match shape:
                case Ref(name=inner):
                    return inner in above | {name} or self._holds_any_json(inner, above | {name})
                case Object() | Const() | Enum():
                    return False
                case _:
                    return all(any_json(each) for each in children(shape))

        return any_json(self._named[name])


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for name, each in cast("dict[str, Any]", node).items():
            if name == "$ref" and isinstance(each, str):
                yield each.rpartition("/")[2]
            yield from _references(each)
    elif isinstance(node, list):
        for each in cast("Iterable[Any]", node):
            yield from _references(each)
