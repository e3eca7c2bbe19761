"""Fill the fields of a request: values for all rows, and fields that must not be missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kombo_async._cli.cells import CellRules, check_email, convert, is_email
from kombo_async._cli.columns import MappingError, fields_of, near, resolve
from kombo_async._cli.plain_data import is_object
from kombo_async._cli.synonyms import FILE_KINDS
from kombo_async._cli.texts import CellFault
from kombo_async._codec.strict import MISSING
from kombo_async.errors import InvalidInput
from kombo_async.request import Request


def put(data: dict[str, Any], path: str, value: Any) -> None:
    """Set *value* at *path*, creating missing objects."""
    *above, name = path.split(".")
    for step in above:
        inner: object = data.setdefault(step, {})
        if not is_object(inner):
            return  # the request's own check reports it
        data = inner
    data[name] = value


def example_of(paths: set[str]) -> dict[str, Any]:
    """Example data with a value at each of *paths*."""
    data: dict[str, Any] = {}
    for path in sorted(paths):
        if path not in FILE_KINDS:
            put(data, path, "x")
    return data


def constant_values(request: type[Request[Any]], given: Mapping[str, str], rules: CellRules) -> dict[str, Any]:
    """The values that `--set` gives every row. Raises `MappingError`."""
    fields = fields_of(request)
    values: dict[str, Any] = {}
    for name, text in given.items():
        inside = [path for path in fields if path.startswith(f"{name}.")]
        if inside:
            raise MappingError(f"--set {name}={text}: {name} is an object; set one of its fields, such as {inside[0]}")
        path = resolve(f"--set {name}=...", name, fields, files=False)
        if path not in fields:
            raise MappingError(f"--set {name}={text}: there is no field {name!r}{near(name, fields)}")
        try:
            value = convert(text, fields[path], rules)
            values[path] = check_email(value) if is_email(path) else value
        except CellFault as fault:
            raise MappingError(f"--set {name}={text}: {fault.message}") from None
    return values


def required_below(request: type[Request[Any]], path: str) -> list[str]:
    """The required fields of the missing object *path*, or just *path*."""
    fields = fields_of(request)
    if path in fields or not any(each.startswith(f"{path}.") for each in fields):
        return [path]
    data: dict[str, Any] = {}
    put(data, path, {})
    try:
        request.from_dict(data)
    except InvalidInput as error:
        inner = [f.path for f in error.faults if f.message == MISSING and f.path.startswith(f"{path}.")]
        return [leaf for each in inner for leaf in required_below(request, each)] or [path]
    return [path]
