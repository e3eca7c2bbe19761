"""How the package is built: groups whose imports run one way, no circles, nothing private of other libraries."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

import pytest

from codegen.text import HEADER
from tests.support.source import PACKAGE, Module, imports, modules

GROUPS = {
    "names that load when used, the version, the clock, cancellation, faults of the machine, text safe to print": (
        "_lazy _version _clock _cancellation _machine_faults _escaping"
    ),
    "values": "model attachments errors options request response status _generated.shared _generated.error_codes",
    "pages": "_prefetch pages",
    "operations": (
        "operations _resource ats hris lms assessment ai_apply connect general custom "
        "_generated _generated.operations _generated.events _generated.subscriptions"
    ),
    "values to bytes and back": "_codec",
    "what a step needs": "middleware",
    "limits of many processes": "shared_limits _shared_limits_scripts",
    "what each call passes through": "_chain _http",
    "the client": "client",
    "many calls, and what Kombo calls": "bulk mirror webhooks",
    "other libraries": "contrib",
    "Kombo on a laptop": "sandbox",
    "the command line": "_cli __main__",
}
"""From the bottom to the top: a module imports from its own group and from those below. The longest name counts."""

LAZY = {
    ("kombo_async.client", "kombo_async.bulk"): "`client.bulk()` loads what it needs when it is called",
    ("kombo_async.request", "kombo_async._codec.strict"): "`from_dict` loads cattrs, which few programs need",
    **{
        ("kombo_async.client", f"kombo_async.{name}.resource"): "`client.ats` and its like load their models when used"
        for name in ("ats", "hris", "lms", "assessment", "ai_apply", "connect", "general", "custom")
    },
}
"""The only imports inside of functions that lead upwards."""

KNOWN = modules()


def group_of(module: str) -> int:
    """The number of a module's group, from the bottom; the package's own `__init__` is below all."""
    name = module.removeprefix("kombo_async").removeprefix(".")
    if not name:
        return 0
    rooms = {room: number for number, rooms in enumerate(GROUPS.values()) for room in rooms.split()}
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        if (room := ".".join(parts[:length])) in rooms:
            return rooms[room]
    raise AssertionError(f"{module} has no group in tests/test_architecture.py: say where it belongs")


def loaded(module: Module) -> set[str]:
    """What a module imports at run time, the lazy imports excepted."""
    return {
        each.module
        for each in imports(module, KNOWN)
        if not each.for_types and each.module != module.name and (module.name, each.module) not in LAZY
    }


def circles(graph: Mapping[str, set[str]]) -> Iterator[list[str]]:
    """The groups of nodes that reach each other (Tarjan's algorithm)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []

    def visit(node: str) -> Iterator[list[str]]:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in index:
                yield from visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            start = stack.index(node)
            members = stack[start:]
            del stack[start:]
            if len(members) > 1:
                yield sorted(members)

    for node in sorted(graph):
        if node not in index:
            yield from visit(node)


def test_imports_run_downwards() -> None:
    """No module imports from a group above its own, not even inside of a function, the listed lazy ones excepted."""
    upwards = [
        f"{module.path.relative_to(PACKAGE)}: {other}"
        for module in KNOWN.values()
        for other in loaded(module)
        if group_of(other) > group_of(module.name)
    ]
    assert upwards == []


def test_no_modules_import_each_other() -> None:
    """There is no circle of imports, however long, except by names for type checkers and the lazy ones."""
    assert list(circles({module.name: loaded(module) for module in KNOWN.values()})) == []


def test_circles_are_found() -> None:
    """The search for circles finds them: short, long and side by side."""
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"e"}, "e": {"d"}, "f": {"a"}}
    assert sorted(circles(graph)) == [["a", "b", "c"], ["d", "e"]]


def test_the_lazy_imports_are_still_there() -> None:
    """The list of exceptions has none that nobody needs."""
    inside = {
        (module.name, each.module) for module in KNOWN.values() for each in imports(module, KNOWN) if each.in_function
    }
    assert [pair for pair in LAZY if pair not in inside] == []


def test_the_sandbox_answers_without_knowing_the_app() -> None:
    """Inside of the sandbox there is no circle even for type checkers: handlers take a context, never the app."""
    rooms = {name: module for name, module in KNOWN.items() if name.startswith("kombo_async.sandbox")}
    assert (
        list(circles({name: {each.module for each in imports(module, rooms)} for name, module in rooms.items()})) == []
    )


def test_generated_files_stand_apart() -> None:
    """No folder holds both generated and hand-written files."""
    folders: dict[str, set[bool]] = {}
    for module in KNOWN.values():
        folder = str(module.path.parent.relative_to(PACKAGE))
        folders.setdefault(folder, set()).add(module.text.startswith(HEADER))
    assert [folder for folder, kinds in folders.items() if len(kinds) > 1] == []


# ---------------------------------------------------------------------- private parts of other libraries


def is_private(name: str) -> bool:
    """Whether a name says that it is nobody else's business; `_` alone is a name for what is not used."""
    return name.startswith("_") and not name.startswith("__") and name != "_"


def defined(tree: ast.Module) -> set[str]:
    """The private names that a file defines itself."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                found.add(name)
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name, ctx=ast.Store()):
                found.add(name)
            case _:
                pass
    return found


def borrowed(text: str, ours: set[str]) -> list[str]:
    """The private parts of others that a file touches, given the names which the package defines.

    An attribute of `self` may be defined by a class of ours that it derives from; any other attribute, and any
    name given as a string (`getattr`), must be defined in the same file.
    """
    tree = ast.parse(text)
    own = defined(tree)
    inherited = ours | own
    found: list[str] = []
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name) if (
                is_private(name) and name not in inherited
            ):
                found.append(f"self.{name}")
            case ast.Attribute(value=value, attr=name) if is_private(name) and name not in own:
                if not (isinstance(value, ast.Name) and value.id in ("self", "cls")):
                    found.append(ast.unparse(node))
            case ast.Call(
                func=ast.Name(id="getattr" | "setattr" | "hasattr"), args=[_, ast.Constant(value=str(name)), *_]
            ):
                if is_private(name) and name not in own:
                    found.append(ast.unparse(node))
            case ast.ImportFrom(module=str(module), names=names) if not module.startswith("kombo_async"):
                parts = (*module.split("."), *(alias.name for alias in names))
                found += [ast.unparse(node)] if any(map(is_private, parts)) else []
            case ast.Import(names=names):
                parts = tuple(part for alias in names for part in alias.name.split("."))
                if any(map(is_private, parts)) and not names[0].name.startswith("kombo_async"):
                    found.append(ast.unparse(node))
            case _:
                pass
    return found


def test_nothing_private_of_other_libraries_is_used() -> None:
    """No file reads or writes a private attribute that the package does not define itself."""
    ours = {name for module in KNOWN.values() for name in defined(module.tree)}
    found = {
        str(module.path.relative_to(PACKAGE)): names
        for module in KNOWN.values()
        if (names := borrowed(module.text, ours))
    }
    assert found == {}


@pytest.mark.parametrize(
    "line",
    [
        "transport._pool.close()",
        "client._transport = None",
        "getattr(connection, '_h11_state', None)",
        "import httpx._config",
        "from httpcore._async.connection import AsyncHTTPConnection",
        "from attr import _make",
        "attrs.fields(cls)._x",
        "class Mine(Theirs):\n    def f(self): return self._theirs",
    ],
)
def test_private_parts_are_found(line: str) -> None:
    """The search sees attributes, names in strings, imports, and what a class inherits."""
    assert borrowed(line, ours={"_pool"}), line


@pytest.mark.parametrize(
    "text",
    [
        "class A:\n    def __init__(self): self._own = 1\n\ndef f(a): return a._own, a.__class__",
        "class B(Ours):\n    def f(self): return self._pool",
        "for _, x in y: x._",
    ],
)
def test_what_is_ours_is_left_alone(text: str) -> None:
    """A file's own private names, and those of the classes that it derives from, are no finding."""
    assert borrowed(text, ours={"_pool"}) == []
