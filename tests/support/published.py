"""Turns the facts-only document into one as Kombo publishes it: with prose, without hints, in its own dialect."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

PROSE = "Words that nobody may copy"
HALF_OR_MORE = 4
"""Objects with at least this many properties are split in two by `allOf`."""
NULL_ALONE = {
    "value": {},
    "raw": {},
    "start_date": {"type": ["string", "null"], "format": "date"},
    "end_date": {"type": ["string", "null"], "format": "date"},
    "start_time": {"type": ["string", "null"]},
    "end_time": {"type": ["string", "null"]},
}
"""What the published document types as null alone, with what it should say."""


def published(document: dict[str, Any]) -> dict[str, Any]:
    """The same API in the other dialect."""
    document = deepcopy(document)
    for path, item in document["paths"].items():
        for method, operation in item.items():
            operation["description"] = f"{PROSE}: {method} {path}"
            _move_parameters(document, operation)
            for content in operation.get("requestBody", {}).get("content", {}).values():
                if content.pop("x-kombo-ndjson-item", None):
                    content["schema"] = {"type": "string"}
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        schemas[name] = _rewritten(name, schema)
    without_hints: dict[str, Any] = _without_hints(document)
    return without_hints


def _move_parameters(document: dict[str, Any], operation: dict[str, Any]) -> None:
    """Give each parameter a schema of its own, lists and booleans as strings; the header becomes a shared parameter."""
    components = document["components"]
    shared = components.setdefault("parameters", {})
    moved: list[Any] = []
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "header":
            shared["IntegrationId"] = parameter
            moved.append({"$ref": "#/components/parameters/IntegrationId"})
            continue
        name = f"{operation['operationId']}Parameter{parameter['name'].title().replace('_', '')}"
        schema = {"description": PROSE, **parameter["schema"]}
        if schema.get("type") == "array":
            schema = {"type": "string", "description": f"{PROSE}, comma-separated"}
            parameter.pop("style"), parameter.pop("explode")
        elif schema.get("type") == "boolean":
            schema = {"type": "string", "enum": ["true", "false"], "default": "false"}
        components["schemas"][name] = schema
        moved.append({**parameter, "description": PROSE, "schema": {"$ref": f"#/components/schemas/{name}"}})
    if moved:
        operation["parameters"] = moved


def _rewritten(name: str, schema: Any) -> Any:
    """One schema and all in it, with prose, `nullable`, `allOf` and null alone."""
    if not isinstance(schema, dict) or "$ref" in schema:
        return schema
    schema = dict(schema)
    if NULL_ALONE.get(name) == schema:
        return {"type": "null", "description": PROSE}
    for key in ("items", "additionalProperties"):
        schema.update({key: _rewritten("", schema[key])} if isinstance(schema.get(key), dict) else {})
    for key in ("anyOf", "oneOf"):
        schema.update({key: [_rewritten("", each) for each in schema[key]]} if key in schema else {})
    if isinstance(kinds := schema.get("type"), list) and "enum" not in schema:
        schema |= {"type": next(kind for kind in kinds if kind != "null"), "nullable": True}
    elif isinstance(kinds, list):
        schema["enum"] = [each for each in schema["enum"] if each is not None]
    if "properties" in schema:
        schema["properties"] = {key: _rewritten(key, each) for key, each in schema["properties"].items()}
        schema = _split(schema)
    return {"description": f'{PROSE} """ \\ {name}', **schema}


def _split(schema: dict[str, Any]) -> dict[str, Any]:
    """The object as two that hold together; the property in the middle is in both, with half of its own in each."""
    properties = list(schema["properties"].items())
    if len(properties) < HALF_OR_MORE or "discriminator" in schema:
        return schema
    middle = len(properties) // 2
    name, node = properties[middle]
    first, second = dict(properties[:middle]), dict(properties[middle:])
    if "allOf" in node:
        first[name], second[name] = {**node, "allOf": node["allOf"][:1]}, {"allOf": node["allOf"][1:]}
    required = schema.get("required", [])
    rest = {key: value for key, value in schema.items() if key not in {"properties", "required"}}
    parts = ({"type": "object", "properties": each} for each in (first, second))
    return {
        **rest,
        "allOf": [{**part, "required": [key for key in required if key in part["properties"]]} for part in parts],
    }


def _without_hints(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_hints(value) for key, value in node.items() if not key.startswith("x-kombo-")}
    return [_without_hints(each) for each in node] if isinstance(node, list) else node


def required_additions(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The properties of answers that are required, but came late: with the schema in which they are."""

    def inside(schema: Any, name: str) -> Iterator[tuple[str, str]]:
        if isinstance(schema, dict):
            for key, node in schema.get("properties", {}).items():
                if node.get("x-kombo-added") and key in schema.get("required", ()):
                    yield name, key
                yield from inside(node, name)
            for each in (schema.get("items"), *schema.get("anyOf", ()), *schema.get("oneOf", ())):
                yield from inside(each, name)

    for name, schema in document["components"]["schemas"].items():
        if name.endswith("Response"):
            yield from inside(schema, name)
