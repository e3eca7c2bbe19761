"""Read an OpenAPI document: every operation and webhook as plain facts, whatever dialect they are written in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from codegen.schema import Json, Schemas
from codegen.shapes import ANY, BOOL, STR, Array, Const, Enum, Field, Map, Object, Shape, at, bare

METHODS = ("get", "post", "put", "patch", "delete")
INTEGRATION_HEADER = "X-Integration-Id"
ACTION_PATHS = re.compile(r"/(ats|hris|lms|assessment|passthrough|custom)/")
ERROR_CODE = re.compile(r"[A-Z_]+\.[A-Z_]+")


@dataclass(frozen=True)
class Operation:
    """One call: its input, and the `data` of its response."""

    id: str
    method: str
    path: str
    action: bool
    paged: bool
    integration: bool
    deprecated: bool
    parameters: tuple[Field, ...]
    query: tuple[Field, ...]
    body: tuple[Field, ...] | None
    ndjson: bool
    answer: Shape
    """For a paged list: its items."""
    timeout: float | None = None
    """How many seconds Kombo documents that one call may take."""
    max_body_bytes: int | None = None
    blind_spots: tuple[tuple[str, str], ...] = ()
    """Fields whose changes `updated_after` does not catch, each with the model that `data-changed` names for them."""


@dataclass(frozen=True)
class Facts:
    """What a document says: its operations, webhooks and error codes, and the schemas that contain themselves."""

    operations: tuple[Operation, ...]
    events: Mapping[str, Object]
    named: Mapping[str, Shape]
    error_codes: tuple[str, ...]


def read(document: Json, hints: Json) -> Facts:
    """Read *document*; *hints* (table `read` of names.toml) tell what its dialect may leave out."""
    schemas = Schemas(document, hints.get("untyped", {}))
    operations = tuple(_operation(schemas, hints, *each) for each in _operations(document))
    events = {name: _event(schemas, name, hooks["post"]) for name, hooks in document.get("webhooks", {}).items()}
    return Facts(operations, events, schemas.named(), tuple(sorted(set(_error_codes(document)))))


def _error_codes(node: Any) -> Iterator[str]:
    """Find all error codes; they are in many enums, none of them complete."""
    if isinstance(node, dict):
        schema = cast("dict[str, Any]", node)
        values = [str(each) for each in schema.get("enum", ()) if each is not None]
        if values and all(ERROR_CODE.fullmatch(each) for each in values):
            yield from values
        for each in schema.values():
            yield from _error_codes(each)
    elif isinstance(node, list):
        for each in cast("Iterable[Any]", node):
            yield from _error_codes(each)


def _operations(document: Json) -> Iterator[tuple[str, str, Json, list[Json]]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method.upper(), item[method], item.get("parameters", [])


def _operation(schemas: Schemas, hints: Json, path: str, method: str, node: Json, shared: list[Json]) -> Operation:
    name = node["operationId"]
    parameters = [schemas.resolve(each) for each in (*shared, *node.get("parameters", ()))]
    success = _content(schemas, schemas.resolve(node["responses"]["200"]))
    envelope = schemas.shape(success["application/json"]["schema"])
    answer = at(envelope, "data") or Map(ANY)
    warned = at(envelope, "warnings") is not None
    content = _content(schemas, schemas.resolve(node.get("requestBody", {})))
    paged = node.get("x-kombo-paged", method == "GET" and at(answer, "next") is not None)
    query = [_parameter(schemas, hints, name, each) for each in parameters if each["in"] == "query"]
    if paged and not any(each.name == "cursor" for each in query):
        query.insert(0, Field("cursor", STR))  # a list that returns a cursor accepts one, declared or not
    ndjson = "application/x-ndjson" in content
    return Operation(
        id=name,
        method=method,
        path=path,
        action=node.get("x-kombo-action", warned or (method != "GET" and bool(ACTION_PATHS.match(path)))),
        paged=paged,
        integration=any(each["name"].lower() == INTEGRATION_HEADER.lower() for each in parameters),
        deprecated=bool(node.get("deprecated")),
        parameters=tuple(_parameter(schemas, hints, name, each) for each in parameters if each["in"] == "path"),
        query=tuple(query),
        body=_ndjson_body(schemas, hints, name, content) if ndjson else _body(schemas, content),
        ndjson=ndjson,
        answer=_item(answer) if paged else answer,
        timeout=node.get("x-kombo-timeout-seconds", hints.get("timeouts", {}).get(name)),
        max_body_bytes=node.get("x-kombo-max-body-bytes", hints.get("max_body_bytes", {}).get(name)),
        blind_spots=_blind_spots(node, hints.get("blind_spots", {}).get(name, {})),
    )


def _blind_spots(node: Json, known: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    told = {each["path"]: each["model"] for each in node.get("x-kombo-updated-after-blind", ())}
    return tuple((told or known).items())


def _item(page: Shape) -> Shape:
    """Return what a page lists."""
    results = at(page, "results")
    assert isinstance(results, Array), "a page has results"
    return results.item


def _content(schemas: Schemas, node: Json) -> Json:
    content: Json = node.get("content", {})
    return content


def _body(schemas: Schemas, content: Json) -> tuple[Field, ...] | None:
    if "application/json" not in content:
        return None
    shape = bare(schemas.shape(content["application/json"]["schema"]))
    return shape.fields if isinstance(shape, Object) else ()


def _ndjson_body(schemas: Schemas, hints: Json, name: str, content: Json) -> tuple[Field, ...]:
    item = content["application/x-ndjson"].get("x-kombo-ndjson-item") or schemas.components[hints["ndjson"][name]]
    return (Field("items", Array(schemas.shape(item)), required=True),)


def _parameter(schemas: Schemas, hints: Json, operation: str, node: Json) -> Field:
    """Read a parameter; lists and booleans in a query may be written as strings."""
    shape = bare(schemas.shape(node["schema"]))
    if isinstance(shape, Enum) and set(shape.values) == {"true", "false"}:
        shape = BOOL
    values = hints.get("lists", {}).get(f"{operation}.{node['name']}")
    if shape == STR and node["in"] == "query" and (values or node["name"] in hints.get("list_names", ())):
        shape = Array(Enum(tuple(values)) if values else STR)
    return Field(node["name"], shape, bool(node.get("required")), bool(node.get("deprecated")))


def _event(schemas: Schemas, name: str, node: Json) -> Object:
    """Read the payload of a webhook; its `type` is always the webhook's name."""
    content = _content(schemas, schemas.resolve(node["requestBody"]))
    payload = schemas.shape(content["application/json"]["schema"])
    assert isinstance(payload, Object), "a webhook carries an object"
    return Object(tuple(replace(each, shape=Const(name)) if each.name == "type" else each for each in payload.fields))
