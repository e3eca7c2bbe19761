"""Load names on first use, and say what to install if an extra is missing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def lazy_exports(
    package: str, exports: Mapping[str, Sequence[str]], *, before: Callable[[], None] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Build the `__getattr__` and `__dir__` of *package*.

    *exports* lists the public names by the module that defines them (`"kombo_async.errors": ("BadRequest", ...)`).
    An empty module name exports submodules: `"": ("ats", "hris")`. *before* runs ahead of the first import.
    """
    module_of = {name: module for module, names in exports.items() for name in names}

    def __getattr__(name: str) -> Any:
        module = module_of.get(name)
        if module is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if before is not None:
            before()
        value = getattr(import_module(module), name) if module else import_module(f"{package}.{name}")
        setattr(sys.modules[package], name, value)
        return value

    def __dir__() -> list[str]:
        return sorted(module_of)

    return __getattr__, __dir__


def missing_extra(error: ModuleNotFoundError, extra: str, *packages: str) -> ModuleNotFoundError:
    """Turn *error* into one that says what to install, if the missing module is one of *packages*.

    Any other missing module is a different problem: then *error* is returned unchanged.
    """
    if (error.name or "").partition(".")[0] not in packages:
        return error
    return ModuleNotFoundError(
        f'{error.name} is not installed: pip install "kombo_async[{extra}]"', name=error.name, path=error.path
    )
