"""The package as a reader of its source sees it: modules, and who imports whom."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs

import kombo_async

PACKAGE = Path(kombo_async.__file__).parent


@attrs.frozen
class Import:
    """One module imported by another."""

    module: str
    line: int
    in_function: bool
    for_types: bool
    """Whether it stands under `if TYPE_CHECKING:`."""


@attrs.frozen
class Module:
    """One file of the package."""

    name: str
    path: Path
    tree: ast.Module
    text: str


def modules() -> dict[str, Module]:
    """All modules of the package, by name."""
    found: dict[str, Module] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        text = path.read_text("utf-8")
        found[name] = Module(name, path, ast.parse(text), text)
    return found


def imports(module: Module, known: Mapping[str, Module]) -> Iterator[Import]:
    """What *module* imports from the package, wherever in the file it does."""
    yield from _imports(module.tree, known, in_function=False, for_types=False)


def _imports(node: ast.AST, known: Mapping[str, Module], *, in_function: bool, for_types: bool) -> Iterator[Import]:
    types = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    inside = in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    for child in ast.iter_child_nodes(node):
        for_types_here = for_types or (types and isinstance(node, ast.If) and child in node.body)
        for name in _names(child, known):
            yield Import(name, child.lineno if isinstance(child, ast.stmt) else 0, inside, for_types_here)
        yield from _imports(child, known, in_function=inside, for_types=for_types_here)


def _names(node: ast.AST, known: Mapping[str, Module]) -> Iterator[str]:
    """The modules that an import statement loads: `from package import submodule` loads the submodule."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in known)
    elif isinstance(node, ast.ImportFrom) and node.module is not None and node.module in known:
        names = {f"{node.module}.{alias.name}" for alias in node.names}
        yield from sorted(names & known.keys()) or [node.module]
