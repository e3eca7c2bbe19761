"""What the OpenAPI document says about each operation, and one full example of each of its schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import attrs

from tests.conftest import OPENAPI
from tests.support.derived import derived

Schema = Mapping[str, Any]
Steps = tuple[str | int, ...]

EXAMPLES = {
    r"^(?!\.)(?!.*\.\.)([\w'+-.]*)[\w+-]@([\da-z][\da-z-]*\.)+[a-z]{2,}$": ["frank.doe@example.com", "f+1@a-b.co"],
    r"^[\w.-]+\/[\w.-]+$": ["application/pdf", "image/svg.xml"],
    r"^[A-Z]{2}$": ["DE", "US"],
    r"^[1-9A-HJ-NP-Za-km-z]+$": ["26vafvWSRmbhNcxJYqjCzuJg", "BDpgnpZ148nrGh4mYHNxJBgx"],
    r"^(?:2[0-3]|[01]?\d):[0-5]?\d(:[0-5]?\d)?$": ["08:30:00", "23:5"],
    r"([\d+])[\d ()/-]+": ["+49 30 123", "030/123-4"],
    r"^[+-](?:0\d|1[0-4]):[0-5]\d$": ["+02:00", "-11:30"],
    r"^\d+$": ["7", "007"],
    r"^[a-z]{2,3}(-[A-Z]{2})?$": ["de", "en-US"],
    r"^https?:\/\/": ["https://example.com/?a=b"],
    r"^\d{4}-\d{2}-\d{2}$": ["2026-05-19"],
    r"^[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*@(?:[\w-]+\.)+[\w-]{2,}$": ["frank@example.com"],
    r"^(?=.{1,64}@)[\w-]+(\.[\w-]+)*@[^-][\dA-Za-z-]+(\.[\dA-Za-z-]+)*(\.[A-Za-z]{2,})$": ["frank@example.com"],
}
"""Texts for the patterns of the document that are too odd to make texts from."""
TIME = "2026-05-19T08:30:00.123Z"
FORMATS = {
    "date-time": TIME,
    "date": "2026-05-19",
    "uri": "https://example.com/x",
    "email": "frank@example.com",
}


@attrs.frozen(kw_only=True)
class Facts:
    """What the document says about one operation."""

    id: str
    method: str
    path: str
    parameters: Mapping[str, list[Schema]]
    body: Schema | None
    ndjson: bool
    answer: Schema

    @property
    def data(self) -> Schema:
        """The schema of `data` in a success."""
        data: Schema = resolve(self.answer)["properties"]["data"]
        return data


@cache
def document() -> Any:
    """Kombo's document as plain data; where it is absent, the one that the generated classes amount to."""
    return json.loads(OPENAPI.read_bytes()) if OPENAPI.exists() else derived()


def resolve(schema: Schema) -> Schema:
    """*schema*, or what it refers to."""
    while "$ref" in schema:
        found: Any = document()
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        schema = found
    return schema


@cache
def all_facts() -> dict[str, Facts]:
    """The facts of each operation, by its ID."""
    return {facts.id: facts for facts in _all_facts()}


def _all_facts() -> Iterator[Facts]:
    for path, operations in document()["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {})
            ndjson = content.get("application/x-ndjson")
            body = content.get("application/json", {}).get("schema")
            parameters = operation.get("parameters", [])
            yield Facts(
                id=operation["operationId"],
                method=method.upper(),
                path=path,
                parameters={kind: [each for each in parameters if each["in"] == kind] for kind in ("path", "query")},
                body=ndjson["x-kombo-ndjson-item"] if ndjson else body,
                ndjson=bool(ndjson),
                answer=operation["responses"]["200"]["content"]["application/json"]["schema"],
            )


def variants(schema: Schema) -> list[Schema] | None:
    """The alternatives of a union, None for any other schema."""
    found: list[Schema] | None = schema.get("anyOf") or schema.get("oneOf")
    return found


def types(schema: Schema) -> list[str]:
    """The JSON types that *schema* allows by its `type`."""
    kind = schema.get("type", [])
    return [kind] if isinstance(kind, str) else list(kind)


@attrs.frozen
class Spot:
    """One place in an example."""

    steps: Steps
    schema: Schema
    must_be_there: bool


def example(schema: Schema) -> tuple[Any, list[Spot]]:
    """A value of *schema* with every field set, and each place in it.

    A list of a union holds each variant once, recursive shapes stop at the third level.
    """
    spots = [Spot((), schema, True)]
    return _example(schema, (), spots, {}), spots


def _example(schema: Schema, steps: Steps, spots: list[Spot], depth: Mapping[str, int]) -> Any:
    """An example of *schema*; the places below it go to *spots*."""
    if "$ref" in schema:
        depth = {**depth, schema["$ref"]: depth.get(schema["$ref"], 0) + 1}
        schema = resolve(schema)

    def inside(step: str | int, part: Schema, must_be_there: bool = True) -> Any:
        spots.append(Spot((*steps, step), part, must_be_there))
        return _example(part, (*steps, step), spots, depth)

    chosen = variants(schema)
    if chosen is not None:
        lists = [each["items"] for each in chosen if "array" in types(each)]
        below: list[Spot] = []
        value = _example(chosen[0], steps, below, depth)
        if len(lists) > 1:
            # nobody can say of one item which of the lists it stands in
            either = {"anyOf": lists}
            below = [attrs.evolve(spot, schema=either) if spot.steps[:-1] == steps else spot for spot in below]
        spots += below
        return value
    kind = next((kind for kind in types(schema) if kind != "null"), "null")
    if kind == "object" and "properties" in schema:
        required = set(schema.get("required", ()))
        return {
            name: inside(name, part, name in required and not part.get("x-kombo-added"))
            for name, part in schema["properties"].items()
            if name in required or not _too_deep(part, depth)
        }
    if kind == "object":
        extra = schema.get("additionalProperties", True)
        if not isinstance(extra, Mapping):
            return {"any": ["thing", 1, None]}
        return {} if _too_deep(extra, depth) else {"key": inside("key", extra, must_be_there=False)}
    if kind == "array":
        items = schema.get("items", {})
        each = [part for part in variants(resolve(items)) or [items] if not _too_deep(part, depth)]
        spots += [Spot((*steps, index), items, True) for index in range(len(each))]
        return [_example(part, (*steps, index), spots, depth) for index, part in enumerate(each)]
    return scalar(schema, kind)


def _too_deep(schema: Schema, depth: Mapping[str, int]) -> bool:
    return depth.get(schema.get("$ref", ""), 0) >= 2


def scalar(schema: Schema, kind: str) -> Any:
    """One value of a *schema* that is neither an object nor an array, of the JSON type *kind*."""
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if kind == "string":
        text = FORMATS.get(schema.get("format", ""), "text")
        return EXAMPLES.get(schema.get("pattern", ""), [text.ljust(schema.get("minLength", 0), "x")])[0]
    if kind in ("integer", "number"):
        return schema.get("minimum", 3 if kind == "integer" else 1.5)
    return {"boolean": True, "null": None}.get(kind, ["any", {"thing": 1}])


def accepts(schema: Schema, value: Any) -> bool:
    """Whether *value* is what *schema* promises of an answer, judged at this place alone; enums are open."""
    schema = resolve(schema)
    chosen = variants(schema)
    if chosen is not None:
        return any(accepts(each, value) for each in chosen)
    if "const" in schema:
        return type(value) is type(schema["const"]) and bool(value == schema["const"])
    if not types(schema):
        return True
    return any(_is_a(kind, value, schema) for kind in types(schema))


def _is_a(kind: str, value: Any, schema: Schema) -> bool:
    match kind:
        case "string":
            return isinstance(value, str) and schema.get("format") not in ("date", "date-time")
        case "integer":
            return type(value) is int
        case "number":
            return type(value) in (int, float)
        case "boolean":
            return isinstance(value, bool)
        case "object":
            return isinstance(value, dict)
        case "array":
            return isinstance(value, list)
    return value is None
