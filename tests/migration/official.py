"""What the official Python client has: its operations, options and models, by name. Prints JSON.

Runs in an environment of its own, with `kombo` installed and nothing of this project:

    python tests/migration/official.py
"""

from __future__ import annotations

import collections.abc
import importlib
import inspect
import json
import re
import sys
import typing
from typing import Any

NAMESPACES = ("general", "ats", "hris", "assessment", "connect")
OPTIONS = ("retries", "server_url", "timeout_ms", "http_headers")
"""What each of its methods takes beside the operation's own parameters."""


def operations() -> list[dict[str, Any]]:
    """Each method, with Kombo's operationId and the models that it takes and returns, by where they stand."""
    found: list[dict[str, Any]] = []
    for namespace in NAMESPACES:
        module = importlib.import_module(f"kombo.{namespace}")
        of = getattr(module, namespace.capitalize())
        for name, method in vars(of).items():
            if name.startswith("_") or name.endswith("_async") or not inspect.isfunction(method):
                continue
            (operation_id,) = set(re.findall(r'operation_id="(\w+)"', inspect.getsource(method)))
            hints = typing.get_type_hints(method)
            returned = hints.pop("return", None)
            parameters = [each for each in hints if each not in OPTIONS]
            models: dict[str, dict[str, list[str]]] = {}
            for parameter in parameters:
                walk(hints[parameter], f"request.{parameter}", models)
            walk(returned, "response", models)
            models = {path.replace("response.result.", "response."): each for path, each in models.items()}
            found.append(
                {
                    "namespace": namespace,
                    "method": name,
                    "has_async": hasattr(of, f"{name}_async"),
                    "operation_id": operation_id,
                    "parameters": parameters,
                    "models": models,
                }
            )
    return found


def events() -> dict[str, dict[str, dict[str, list[str]]]]:
    """The models of its webhook payloads, by event and by where they stand."""
    found: dict[str, dict[str, dict[str, list[str]]]] = {}
    for name, model in all_models().items():
        if name.endswith("WebhookPayload"):
            models: dict[str, dict[str, list[str]]] = {}
            walk(model, "event", models)
            found[event_type(model)] = models
    return found


def event_type(model: Any) -> str:
    """The value of `type` in this event."""
    for name, field in model.model_fields.items():
        if (field.alias or name) == "type":
            (value,) = typing.get_args(field.annotation)
            return str(getattr(value, "value", value))
    raise LookupError(model.__name__)


def walk(annotation: Any, path: str, found: dict[str, dict[str, list[str]]]) -> None:
    """Note all models below *annotation*: by path, then by name with what tells them apart."""
    for model in models_in(annotation):
        fields = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
        at = found.setdefault(path, {})
        if model.__name__ in at or path.count(".") > 12:
            continue
        at[model.__name__] = marks(fields)
        for name, inner in fields.items():
            walk(inner, f"{path}.{name}", found)


def marks(fields: dict[str, Any], nested: bool = True) -> list[str]:
    """What tells a model from others: its fields, and those that have one value only, also one level below."""
    found = list(fields)
    for name, annotation in fields.items():
        values = typing.get_args(annotation)
        if typing.get_origin(annotation) is typing.Literal and len(values) == 1:
            found.append(f"{name}={getattr(values[0], 'value', values[0])}")
        elif nested:
            for model in models_in(annotation):
                inner = {field.alias or key: field.annotation for key, field in model.model_fields.items()}
                found += [f"{name}.{mark}" for mark in marks(inner, nested=False) if "=" in mark]
    return sorted({*found})


def models_in(annotation: Any) -> list[Any]:
    """The models that a value of this type may hold, through lists, dicts and unions."""
    if inspect.isclass(annotation) and hasattr(annotation, "model_fields"):
        return [] if annotation.__name__ == "Unset" else [annotation]
    if typing.get_origin(annotation) is collections.abc.Callable:  # the `next` of a page
        return []
    if hasattr(annotation, "__value__") and not typing.get_args(annotation):  # a named union
        return models_in(annotation.__value__)
    return [model for each in typing.get_args(annotation) for model in models_in(each)]


def all_models() -> dict[str, Any]:
    """Every model that the package gives out."""
    package = importlib.import_module("kombo.models")
    every = {name: getattr(package, name) for name in dir(package) if name[0].isupper()}
    return {name: each for name, each in every.items() if inspect.isclass(each) and hasattr(each, "model_fields")}


def main() -> None:
    """Print all of it."""
    kombo = importlib.import_module("kombo")
    options = list(inspect.signature(kombo.Kombo.__init__).parameters)[1:]
    errors = importlib.import_module("kombo.errors").__all__
    json.dump(
        {
            "version": kombo.__version__,
            "client_options": options,
            "call_options": list(OPTIONS),
            "errors": [name for name in errors if not name.endswith("Data")],
            "operations": operations(),
            "events": events(),
            "models": sorted(all_models()),
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
