"""Operations by method name: `ats.create_application`."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

import click

from kombo_async._cli.columns import near
from kombo_async.operations import REQUESTS
from kombo_async.request import Request

NAMESPACES = ("ats", "hris", "lms", "assessment", "ai_apply", "connect", "general", "custom")


def operation_names() -> dict[str, str]:
    """The names of all operations, such as `ats.create_application`, with Kombo's own IDs."""
    names: dict[str, str] = {}
    for namespace in NAMESPACES:
        module = import_module(f"kombo_async.{namespace}")
        for exported in sorted(dir(module)):
            if exported[0].isupper():
                found: Any = getattr(module, exported)
                if isinstance(found, type) and issubclass(found, Request) and found is not Request:
                    names[f"{namespace}.{_method_name(exported)}"] = found.operation.id
    return names


def _method_name(cls: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls).lower()


def name_of(request: type[Request[Any]]) -> str:
    """The name of the operation of *request*, such as `ats.create_application`."""
    namespace = request.__module__.removeprefix("kombo_async.").partition(".")[0]
    return f"{namespace}.{_method_name(request.__name__)}"


def request_class(name: str) -> type[Request[Any]]:
    """The request class of an operation: `ats.create_application`, or Kombo's own `PostAtsCandidates`."""
    if name in REQUESTS:
        return REQUESTS[name]
    namespace, _, method = name.partition(".")
    if namespace in NAMESPACES and method:
        module = import_module(f"kombo_async.{namespace}")
        wanted = method.replace("_", "").lower()
        for exported in dir(module):
            if exported.lower() == wanted:
                found: Any = getattr(module, exported)
                if isinstance(found, type) and issubclass(found, Request):
                    return REQUESTS[found.operation.id]
    hint = near(name, list(operation_names())) or "; kombo-async operations lists all"
    raise click.UsageError(f"there is no operation {name!r}{hint}")
