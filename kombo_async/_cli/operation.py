"""Operations by the names that methods have: `ats.create_application`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from kombo_async._generated.operations import REQUESTS
from kombo_async.request import Request

NAMESPACES = ("ats", "hris", "lms", "assessment", "ai_apply", "connect", "general", "custom")


def request_class(name: str) -> type[Request[Any]]:
    """The request class of an operation: `ats.create_application`, or Kombo's own `PostAtsCandidates`."""
    if name in REQUESTS:
        return REQUESTS[name]
    namespace, _, method = name.partition(".")
    if namespace in NAMESPACES:
        module = import_module(f"kombo_async.{namespace}")
        wanted = method.replace("_", "").lower()
        for exported in dir(module):
            if exported.lower() == wanted:
                found: Any = getattr(module, exported)
                if isinstance(found, type) and issubclass(found, Request):
                    return REQUESTS[found.operation.id]
    raise click.UsageError(f"there is no operation {name!r}; it must be like ats.create_application")
