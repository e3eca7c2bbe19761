"""Write the generated part of kombo_async: a formatted text for each file."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from codegen.names import Names
from codegen.read import read
from codegen.text import HEADER, Glossary
from codegen.write_modules import EventsModule, Module, subscriptions
from codegen.write_packages import error_codes, operations, package, resource

HERE = Path(__file__).parent


def generate(document: Mapping[str, Any]) -> tuple[dict[str, str], list[str]]:
    """Return the files to write for *document*, by their path in the package, and what is missing from names.toml."""
    config = tomllib.loads((HERE / "names.toml").read_text("utf-8"))
    glossary_file = HERE / "glossary.toml"
    glossary = Glossary(tomllib.loads(glossary_file.read_text("utf-8")) if glossary_file.exists() else {})
    names = Names(config, read(document, config["read"]))
    return formatted(dict(_files(names, glossary))), names.warnings


def _files(names: Names, glossary: Glossary) -> Iterator[tuple[str, str]]:
    modules = {(each.namespace, each.module) for each in names.models.values()}
    modules |= {(each.namespace, each.module) for each in names.methods}
    written = [
        (EventsModule if namespace == "webhooks" else Module)(names, glossary, namespace, module)
        for namespace, module in sorted(modules)
    ]
    for module in written:
        yield module.home.removeprefix("kombo_async.").replace(".", "/") + ".py", module.source()
    _refuse_cycles({module.home: module.imports.modules for module in written})
    for namespace in sorted({method.namespace for method in names.methods}):
        yield f"{namespace}/resource.py", resource(names, glossary, namespace)
        yield f"{namespace}/__init__.py", package(names, glossary, namespace)
    yield (
        "_generated/__init__.py",
        f'{HEADER}"""What several namespaces share, the events of webhooks, the table of operations."""\n',
    )
    yield "_generated/operations.py", operations(names)
    yield "_generated/subscriptions.py", subscriptions(names)
    yield "_generated/error_codes.py", error_codes(names)


def _refuse_cycles(imports: Mapping[str, set[str]]) -> None:
    done: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        if module in above:
            raise SystemExit(f"names.toml: these modules import each other: {' -> '.join((*above, module))}")
        if module not in done:
            for each in sorted(imports[module] & imports.keys()):
                visit(each, (*above, module))
            done.add(module)

    for module in imports:
        visit(module, ())


def formatted(files: Mapping[str, str]) -> dict[str, str]:
    """Sort the imports and format, by ruff, as the project does."""
    if find_spec("ruff") is None:
        raise SystemExit("codegen formats what it writes: pip install ruff")
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        options = ["--isolated", "--line-length=120", "--target-version=py311", "--quiet", directory]
        first_party = ["--config", "lint.isort.known-first-party=['kombo_async']"]
        for command in (["check", "--select=I", "--fix", *first_party], ["format"]):
            subprocess.run([sys.executable, "-m", "ruff", *command, *options], check=True)
        return {name: (root / name).read_text("utf-8") for name in files}


def stale(files: Mapping[str, str], package_root: Path) -> list[str]:
    """Return the paths that differ from *files*, or that should not exist."""
    changed = [name for name, text in files.items() if _content(package_root / name) != text]
    generated = (path for path in package_root.rglob("*.py") if _content(path).startswith(HEADER))
    left = [str(path.relative_to(package_root)) for path in generated]
    return sorted({*changed, *(name for name in left if name not in files)})


def write(files: Mapping[str, str], package_root: Path) -> list[str]:
    """Bring the generated files up to date; return the paths that changed."""
    changed = stale(files, package_root)
    for name in changed:
        path = package_root / name
        if name in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[name], "utf-8")
        else:
            path.unlink()
    return changed


def _content(path: Path) -> str:
    return path.read_text("utf-8") if path.is_file() else ""
