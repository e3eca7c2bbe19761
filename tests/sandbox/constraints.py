"""What the OpenAPI document demands of values in requests beyond their types, by the class and field of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast, get_args

from kombo_async._codec.structure import field_types, is_list, is_model, is_union, members
from kombo_async._generated.operations import REQUESTS
from kombo_async.model import TaggedUnion
from tests.support.schemas import Facts, all_facts, resolve, variants

DEMANDS = ("pattern", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "maxItems", "minItems")
FORMATS = ("uri", "email")
TIME = r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d+)?)?Z?$"
"""The pattern of times and dates, which is part of their type."""


def demands() -> dict[str, set[str]]:
    """The demands on each `Class.field`, such as `pattern ^[A-Z]{2}$`."""
    found: dict[str, set[str]] = {}
    for facts in all_facts().values():
        for spot, demand in _of_operation(facts):
            found.setdefault(spot, set()).add(demand)
    return found


def _of_operation(facts: Facts) -> Iterator[tuple[str, str]]:
    cls: Any = REQUESTS[facts.id]
    hints = {field.name: hint for field, hint in field_types(cls)}
    for parameter in [*facts.parameters["path"], *facts.parameters["query"]]:
        if parameter["name"] != "page_size":
            yield from _of_value(f"{cls.__name__}.{parameter['name']}", hints[parameter["name"]], parameter["schema"])
    if facts.body is not None:
        if facts.ndjson:
            (item,) = get_args(hints["items"])
            yield from _of_model(item, facts.body)
        else:
            yield from _of_model(cls, facts.body)


def _of_model(cls: Any, schema: Any) -> Iterator[tuple[str, str]]:
    properties = resolve(schema).get("properties", {})
    names: Mapping[str, str] = getattr(cls, "__wire_names__", {})
    for field, hint in field_types(cls):
        inner = properties.get(names.get(field.name, field.name))
        if inner is not None:
            yield from _of_value(f"{cls.__name__}.{field.name}", hint, inner)


def _of_value(spot: str, hint: Any, schema: Any) -> Iterator[tuple[str, str]]:
    schema = resolve(schema)
    for name in DEMANDS:
        if name in schema and schema[name] != TIME:
            yield spot, f"{name} {schema[name]}"
    if schema.get("format") in FORMATS and "pattern" not in schema:
        yield spot, f"format {schema['format']}"
    choices = members(hint) if is_union(hint) else (hint,)
    for inner in variants(schema) or []:
        yield from _of_variant(spot, choices, resolve(inner))
    for choice in choices:
        if is_list(choice) and "items" in schema:
            yield from _of_value(spot, get_args(choice)[0], schema["items"])
        elif is_model(choice) and "properties" in schema:
            yield from _of_model(choice, schema)


def _of_variant(spot: str, choices: Any, schema: Any) -> Iterator[tuple[str, str]]:
    if "properties" not in schema:
        yield from ((spot, demand) for spot, demand in _of_value(spot, Any, schema))
        return
    for choice in cast("tuple[Any, ...]", choices):
        if isinstance(choice, TaggedUnion):
            tags = {key: inner["const"] for key, inner in schema["properties"].items() if "const" in inner}
            variant: Any = choice.variant(tags)[1]
            if variant is not None:
                yield from _of_model(variant, schema)
        elif is_model(choice):
            yield from _of_model(choice, schema)
