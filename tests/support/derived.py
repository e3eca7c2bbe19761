"""An OpenAPI document made from the generated classes: what tests need where Kombo's own document is not at hand.

It says what the classes say (operations, parameters, types), and what `demands.py` adds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import attrs

from kombo_async.model import TaggedUnion, UnknownVariant
from kombo_async.operations import REQUESTS
from kombo_async.pages import Page
from kombo_async.request import Request, data_type
from kombo_async.webhooks import EVENTS
from tests.support.demands import DEMANDS, demanding

Schema = dict[str, Any]

SCALARS: Mapping[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
    NoneType: {"type": "null"},
}
WARNINGS: Schema = {
    "type": "array",
    "items": {"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]},
}
ERROR: Schema = {
    "type": "object",
    "properties": {
        "status": {"type": "string", "const": "error"},
        "error": {
            "type": "object",
            "properties": {
                "code": {"type": ["string", "null"]},
                "title": {"type": ["string", "null"]},
                "message": {"type": "string"},
                "log_url": {"type": ["string", "null"]},
            },
            "required": ["code", "title", "message", "log_url"],
        },
    },
    "required": ["status", "error"],
}


@cache
def derived() -> Any:
    """The document."""
    paths: dict[str, Any] = {}
    for request in REQUESTS.values():
        paths.setdefault(request.operation.path, {})[request.operation.method.lower()] = _operation(request)
    webhooks = {name: {"post": {"requestBody": _content(_model(event))}} for name, event in EVENTS.items()}
    schemas = {_name(cls): _object(cls) for cls in sorted(_recursive(), key=_name)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Kombo", "version": "1"},
        "paths": paths,
        "webhooks": webhooks,
        "components": {"schemas": schemas},
    }


def _content(schema: Schema) -> Any:
    return {"content": {"application/json": {"schema": schema}}}


def _operation(request: type[Request[Any]]) -> Any:
    operation = request.operation
    fields = _properties(request)
    needed = _required(request)
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": fields[name]} for name in operation.path_parts[1::2]
    ]
    for name in operation.query:
        parameter: Any = {"name": name, "in": "query", "required": name in needed, "schema": fields[name]}
        if fields[name].get("type") == "array":
            parameter |= {"style": "form", "explode": False}
        parameters.append(parameter)
    if operation.integration:
        header = {"name": "X-Integration-Id", "in": "header", "required": True, "schema": {"type": "string"}}
        parameters.append(header)
    answer: Schema = {
        "type": "object",
        "properties": {"status": {"type": "string", "const": "success"}, "data": _schema(data_type(request))},
        "required": ["status", "data"],
    }
    if operation.action:
        answer["properties"]["warnings"] = WARNINGS
    found: Any = {
        "operationId": operation.id,
        "parameters": parameters,
        "responses": {
            "200": {"description": "", **_content(answer)},
            "default": {"description": "", **_content(ERROR)},
        },
    }
    if operation.ndjson:
        (item,) = (fields[name]["items"] for name in operation.body or ())
        found["requestBody"] = {"content": {"application/x-ndjson": {"x-kombo-ndjson-item": item}}}
    elif operation.body is not None:
        body = {name: fields[name] for name in _wire_names(request, operation.body)}
        schema = {"type": "object", "properties": body, "required": [name for name in body if name in needed]}
        found["requestBody"] = _content(schema)
    return found


# ---------------------------------------------------------------------- models


def _wire_names(cls: Any, fields: Iterable[str]) -> list[str]:
    return [cls.__wire_names__.get(name, name) for name in fields]


def _properties(cls: Any) -> dict[str, Schema]:
    """The schemas of the fields of a class, by their names on the wire."""
    found: dict[str, Schema] = {}
    for field in attrs.fields(cls):
        schema = _schema(_hints(cls)[field.name])
        demand = DEMANDS.get(f"{cls.__name__}.{field.name}")
        found[cls.__wire_names__.get(field.name, field.name)] = demanding(schema, demand) if demand else schema
    return found


def _required(cls: Any) -> list[str]:
    return _wire_names(cls, [field.name for field in attrs.fields(cls) if field.default is attrs.NOTHING])


@cache
def _hints(cls: Any) -> dict[str, Any]:
    """The types of the fields of a class."""
    hints = get_type_hints(cls)
    return {field.name: hints[field.name] for field in attrs.fields(cls)}


@cache
def _object(cls: Any) -> Schema:
    return {"type": "object", "properties": _properties(cls), "required": _required(cls)}


def _model(cls: Any) -> Schema:
    return {"$ref": f"#/components/schemas/{_name(cls)}"} if cls in _recursive() else _object(cls)


def _name(cls: type) -> str:
    return f"{cls.__module__.split('.')[1]}.{cls.__name__}"


@cache
def _recursive() -> frozenset[Any]:
    """The models that contain themselves."""
    inside: dict[Any, set[Any]] = {}

    def visit(cls: Any) -> None:
        if cls not in inside:
            inside[cls] = {each for hint in _hints(cls).values() for each in _models(hint)}
            for each in inside[cls]:
                visit(each)

    roots = [*REQUESTS.values(), *EVENTS.values()]
    for root in [*roots, *(each for request in REQUESTS.values() for each in _models(data_type(request)))]:
        visit(root)

    def reaches(start: Any) -> bool:
        seen: set[Any] = set()
        todo = [*inside[start]]
        while todo:
            each = todo.pop()
            if each is start:
                return True
            if each not in seen:
                seen.add(each)
                todo += inside[each]
        return False

    return frozenset(cls for cls in inside if reaches(cls))


def _models(hint: Any) -> Iterator[Any]:
    """The models in a type."""
    if isinstance(hint, TaggedUnion):
        yield from hint.variants.values()
    elif isinstance(hint, type) and attrs.has(hint) and hint is not UnknownVariant:
        yield hint
    for each in get_args(hint):
        yield from _models(each)


# ---------------------------------------------------------------------- types


def _schema(hint: Any) -> Schema:
    origin, arguments = get_origin(hint), get_args(hint)
    if isinstance(hint, TaggedUnion):
        return {"anyOf": [_model(each) for each in hint.variants.values()]}
    if hint in SCALARS:
        return SCALARS[hint]
    if origin in (Union, UnionType):
        return _union(arguments)
    if origin is Literal:
        return _literal(arguments)
    if origin in (list, Sequence, Iterable):
        return {"type": "array", "items": _schema(arguments[0])}
    if origin is dict:
        extra = _schema(arguments[1])
        return {"type": "object", "additionalProperties": extra} if extra else {"type": "object"}
    if origin is Page:
        results = {"type": "array", "items": _schema(arguments[0])}
        properties = {"results": results, "next": {"type": ["string", "null"]}}
        return {"type": "object", "properties": properties, "required": ["results", "next"]}
    if attrs.has(hint):
        return _model(hint)
    return {}  # any JSON


def _literal(values: tuple[Any, ...]) -> Schema:
    if len(values) == 1:
        return {"type": "boolean" if isinstance(values[0], bool) else "string", "const": values[0]}
    return {"type": "string", "enum": list(values)}


def _union(members: tuple[Any, ...]) -> Schema:
    """A union; texts beside times or known words are how the client takes what the document calls those."""
    known = [each for each in members if attrs.has(each) or isinstance(each, TaggedUnion) or get_origin(each)]
    plain = [each for each in members if each in SCALARS and each is not NoneType]
    if Any in members:
        return {}
    if datetime in plain:
        plain = [each for each in plain if each not in (date, str)]
    elif date in plain or any(get_origin(each) is Literal for each in known):
        plain = [each for each in plain if each is not str]
    if float in plain:
        plain = [each for each in plain if each is not int]
    literals = [value for each in known if get_origin(each) is Literal for value in get_args(each)]
    found = [{"type": "string", "enum": literals}] if literals and str in members else []
    found += [_schema(each) for each in known if not (found and get_origin(each) is Literal)]
    found += [_schema(each) for each in plain]
    schema = found[0] if len(found) == 1 else {"anyOf": found}
    return _nullable(schema) if NoneType in members else schema


def _nullable(schema: Schema) -> Schema:
    if "anyOf" in schema:
        return {"anyOf": [*schema["anyOf"], SCALARS[NoneType]]}
    if "type" not in schema or "const" in schema:
        return {"anyOf": [schema, SCALARS[NoneType]]} if schema else {}
    enum = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, "type": [schema["type"], "null"], **enum}
