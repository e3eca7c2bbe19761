"""The public API, read from the source: what can be imported without an underscore in its path.

`python docs/public_api.py` writes `docs/public-api.txt`, one name a line; `--check` says whether that is current.
"""

from __future__ import annotations

import ast
import difflib
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import griffe

ROOT = Path(__file__).parents[1]
LISTING = ROOT / "docs" / "public-api.txt"
_OF_CLASSES = frozenset({"__init__", "__call__", "__aiter__", "__await__", "__aenter__", "__aexit__"})
"""Special methods that users rely on; the rest (`__repr__`, ...) are not listed."""


def load() -> griffe.Module:
    """The package, parsed without importing it."""
    logging.getLogger("griffe").setLevel(logging.ERROR)
    package = griffe.load("kombo_async", search_paths=[ROOT], docstring_parser="google")
    assert isinstance(package, griffe.Module)
    return package


def modules(module: griffe.Module) -> Iterator[griffe.Module]:
    """*module* and all below it whose paths have no underscore."""
    yield module
    for name, member in sorted(module.modules.items()):
        if not name.startswith("_") and not member.is_alias:
            yield from modules(member)


def names(module: griffe.Module) -> Iterator[tuple[str, griffe.Object | griffe.Alias]]:
    """What users import from *module*: its `__all__`, or what it defines and re-exports."""
    if module.exports is not None:
        for export in module.exports:
            yield str(export), module[str(export)]
        return
    again = _re_exported(module)
    for name, member in module.members.items():
        if member.is_alias:
            if name in again:
                yield name, member
        elif not name.startswith("_") and not member.is_module:
            yield name, member


def _re_exported(module: griffe.Module) -> frozenset[str]:
    """What the module imports as `from x import name as name`: typing's sign for a name that it gives on."""
    assert isinstance(module.filepath, Path)
    imports = (node for node in ast.walk(ast.parse(module.filepath.read_text())) if isinstance(node, ast.ImportFrom))
    return frozenset(each.name for node in imports for each in node.names if each.asname == each.name)


def members(of: griffe.Class) -> Iterator[tuple[str, griffe.Object | griffe.Alias]]:
    """The public attributes and methods of a class, its own only."""
    for name, member in of.members.items():
        if name in _OF_CLASSES or not name.startswith("_"):
            yield name, member


def base_names(of: griffe.Class) -> list[str]:
    """The bases as they are written."""
    return [str(base) for base in of.bases]


def signature(function: griffe.Function) -> list[str]:
    """The parameters as they are written, without `self`."""
    written: list[str] = []
    keyword_only = False
    for parameter in function.parameters:
        if parameter.name in ("self", "cls") and not written:
            continue
        stars = {"variadic positional": "*", "variadic keyword": "**"}.get(
            str(parameter.kind and parameter.kind.value), ""
        )
        if parameter.kind is griffe.ParameterKind.keyword_only and not keyword_only:
            keyword_only = True
            if not any(each.startswith("*") for each in written):
                written.append("*")
        text = stars + parameter.name
        if parameter.annotation is not None:
            text += f": {parameter.annotation}"
        if parameter.default is not None and not stars:
            text += f" = {parameter.default}"
        written.append(text)
    return written


def listing() -> str:
    """One line for each public name, with its signature or type: what a change of the API changes."""
    lines: list[str] = []
    for module in modules(load()):
        lines += [line for name, found in names(module) for line in _lines(f"{module.path}.{name}", found)]
    return "\n".join(sorted(lines)) + "\n"


def _lines(path: str, found: griffe.Object | griffe.Alias) -> Iterator[str]:
    if found.is_alias:
        assert isinstance(found, griffe.Alias)
        if _is_public(found.target_path):
            yield f"{path} -> {found.target_path}"
            return
        try:
            found = found.final_target
        except griffe.AliasResolutionError as unknown:
            yield f"{path} -> {unknown.alias.target_path}"
            return
    if isinstance(found, griffe.Class):
        yield f"class {path}({', '.join(base_names(found))})"
        for name, member in members(found):
            yield from _lines(f"{path}.{name}", member)
    elif isinstance(found, griffe.Function):
        kind = "async " if "async" in found.labels else ""
        yield f"{kind}{path}({', '.join(signature(found))}) -> {found.returns}"
    elif isinstance(found, griffe.Attribute):
        default = "" if found.value is None or "property" in found.labels else f" = {found.value}"
        type_ = "" if found.annotation is None else f": {found.annotation}"
        yield f"{path}{type_}{default if len(default) < 80 else ' = ...'}"


def _is_public(path: str) -> bool:
    return path.startswith("kombo_async.") and not any(part.startswith("_") for part in path.split("."))


def main(arguments: list[str]) -> int:
    """Write the listing, or with `--check` say whether it is current."""
    current = listing()
    if "--check" not in arguments:
        LISTING.write_text(current)
        return 0
    changes = list(
        difflib.unified_diff(LISTING.read_text().splitlines(), current.splitlines(), "listed", "is", n=0, lineterm="")
    )
    for line in changes:
        print(line)  # noqa: T201
    if changes:
        print("The public API has changed. If that is meant: python docs/public_api.py, and a line in CHANGELOG.md")  # noqa: T201
    return bool(changes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
