"""Write what connects the modules: each namespace's `__init__` and resource, and the table of operations."""

from __future__ import annotations

from codegen.definitions import Method
from codegen.names import Names
from codegen.text import HEADER, Glossary, Imports, docstring, python_name
from codegen.types import Types

RESOURCES = {"ats": "ATS", "hris": "HRIS", "lms": "LMS", "ai_apply": "AIApply"}

OPTIONS = "Settings for this call only, in place of the client's own."

LAZY = """
if not TYPE_CHECKING:  # type checkers know the names above, and refuse all others
    from kombo_async._lazy import lazy_exports

    __getattr__, __dir__ = lazy_exports(__name__, _LAZY_EXPORTS)
"""

REQUESTS = '''
class _Requests(Mapping[str, type[Request[Any]]]):
    """Imports a request class when it is asked for."""

    def __getitem__(self, operation_id: str) -> type[Request[Any]]:
        module, _, name = _CLASSES[operation_id].rpartition(".")
        request: type[Request[Any]] = getattr(import_module(f"kombo_async.{module}"), name)
        return request

    def __iter__(self) -> Iterator[str]:
        return iter(_CLASSES)

    def __len__(self) -> int:
        return len(_CLASSES)


REQUESTS: Mapping[str, type[Request[Any]]] = _Requests()
"""The request class of each operation, by Kombo's operationId."""
'''


def resource_name(namespace: str) -> str:
    """Return the name of a namespace's resource class."""
    return RESOURCES.get(namespace, namespace.capitalize())


def package(names: Names, glossary: Glossary, namespace: str) -> str:
    """Write the `__init__` of a namespace: all its names, each loaded with its module on first use."""
    homes: dict[str, set[str]] = {f"kombo_async.{namespace}.resource": {resource_name(namespace)}}
    for model in [m for m in names.models.values() if m.namespace == namespace]:
        homes.setdefault(model.home, set()).add(model.name)
    for model in names.exports.get(namespace, {}).values():
        homes.setdefault(model.home, set()).add(model.name)
    for method in [m for m in names.methods if m.namespace == namespace]:
        homes.setdefault(f"kombo_async.{namespace}.{method.module}", set()).add(method.request)
    imports = "\n".join(
        f"    from {home} import {name} as {name}" for home in sorted(homes) for name in sorted(homes[home])
    )
    table = "".join(f"    {home!r}: {tuple(sorted(homes[home]))!r},\n" for home in sorted(homes))
    return (
        f"{HEADER}{docstring(glossary.module(namespace), 0)}\n\nfrom __future__ import annotations\n\n"
        "from typing import TYPE_CHECKING\n\n"
        f"if TYPE_CHECKING:\n{imports}\n\n"
        f"_LAZY_EXPORTS = {{\n{table}}}\n{LAZY}"
    )


def resource(names: Names, glossary: Glossary, namespace: str) -> str:
    """Write the resource class of a namespace: a method for each operation."""
    imports = Imports()
    imports.add("kombo_async", namespace)
    imports.add("kombo_async.model", "UNSET", "Unset")
    imports.add("kombo_async.options", "Options")
    imports.add("kombo_async._resource", "Resource")
    if any(each.operation.deprecated for each in names.methods if each.namespace == namespace):
        imports.add("kombo_async._resource", "deprecated")
    types = Types(names, imports, namespace, home="")
    methods: list[str] = []
    for each in [each for each in names.methods if each.namespace == namespace]:
        methods.append(_method(each, glossary, types))
        if alias := names.config.get("aliases", {}).get(f"{namespace}.{each.name}"):
            methods.append(_method(each, glossary, types, alias))
    title = docstring(f"The methods of `kombo.{namespace}`.", 0)
    return (
        f"{HEADER}{title}\n\nfrom __future__ import annotations\n\n{imports}\n\n\n"
        f"class {resource_name(namespace)}(Resource):\n{docstring(glossary.module(namespace))}\n\n"
        + "\n\n".join(methods)
        + "\n"
    )


def _method(method: Method, glossary: Glossary, types: Types, alias: str = "") -> str:
    """Write a method; *alias* is a second name for it."""
    operation = method.operation
    arguments = {each.name: _argument(each.name) for each in method.fields}
    positional: list[str] = []
    keywords: list[str] = []
    ordered = sorted(method.fields, key=lambda each: not each.required)
    for each in ordered:
        text = types.field(each, method.takes(each), lazy=True, required=each.required)
        if operation.ndjson:
            types.imports.add("collections.abc", "Iterable")
            text = text.replace("Sequence[", "Iterable[", 1)
        (positional if each in operation.parameters else keywords).append(f"{arguments[each.name]}: {text}")
    star = ["*"] if keywords else []
    options = ["options: Options | None = None"] if keywords else ["*", "options: Options | None = None"]
    answer = types.text(operation.answer, method.answers, lazy=True)
    given = ", ".join(f"{python_name(name)}={argument}" for name, argument in arguments.items())
    request = f"{method.namespace}.{method.request}({given})"
    if operation.paged:
        types.imports.add("kombo_async.pages", "Pages")
        start, result, body = "def", f"Pages[{answer}]", f"self._pages({request}, options)"
    else:
        types.imports.add("kombo_async.response", "Response")
        start, result, body = "async def", f"Response[{answer}]", f"await self._send({request}, options)"
    doc = glossary.operation(operation.id, f"{method.name.replace('_', ' ').capitalize()}.")
    if alias:
        doc = f"An alias of `{method.name}`: the name that Kombo's own client uses.\n\n{doc}"
    owner = f"{method.namespace}.{method.request}"
    docs = {
        arguments[each.name]: glossary.parameter(owner, each.name, operation, deprecated=each.deprecated)
        for each in ordered
    }
    docs["options"] = OPTIONS
    signature = ", ".join(["self", *positional, *star, *keywords, *options])
    mark = f"    @deprecated({glossary.deprecation(operation.id)!r})\n" if operation.deprecated else ""
    text = docstring(doc, 8, {name: each for name, each in docs.items() if each})
    return f"{mark}    {start} {alias or method.name}({signature}) -> {result}:\n{text}\n        return {body}"


def _argument(name: str) -> str:
    """Return the name of a method's parameter; `options` is reserved for the options of the call."""
    return "options_" if name == "options" else python_name(name)


def error_codes(names: Names) -> str:
    """Write the type of error codes."""
    codes = "".join(f"    {code!r},\n" for code in names.facts.error_codes)
    return (
        f'{HEADER}"""The error codes that Kombo documents."""\n\nfrom __future__ import annotations\n\n'
        f"from typing import Literal, TypeAlias\n\nErrorCode: TypeAlias = Literal[\n{codes}] | str\n"
        '"""Kombo\'s error codes, as far as they are known; new ones appear without notice."""\n'
    )


def operations(names: Names) -> str:
    """Write the table of all operations."""
    homes = {m.operation.id: f"{m.namespace}.{m.module}.{m.request}" for m in names.methods}
    table = "".join(f"    {name!r}: {homes[name]!r},\n" for name in homes)
    return (
        f'{HEADER}"""All operations, by Kombo\'s operationId."""\n\nfrom __future__ import annotations\n\n'
        "from collections.abc import Iterator, Mapping\nfrom importlib import import_module\nfrom typing import Any\n\n"
        f"from kombo_async.request import Request\n\n_CLASSES = {{\n{table}}}\n\n{REQUESTS}"
    )
