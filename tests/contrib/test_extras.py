"""Optional parts whose packages are not installed."""

from __future__ import annotations

import subprocess
import sys

import pytest

BLOCK = """
import sys
from importlib.abc import MetaPathFinder

class Missing(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {missing!r} or name.startswith({missing!r} + "."):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
try:
    import {module}
except ModuleNotFoundError as error:
    print(error.name, error)
"""


def import_without(missing: str, module: str) -> str:
    """The error from importing *module* if the package *missing* is not installed."""
    code = BLOCK.format(missing=missing, module=module)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.parametrize(
    ("module", "missing", "extra"),
    [
        ("kombo_async.contrib.fastapi", "starlette", "fastapi"),
        ("kombo_async.contrib.aiohttp", "aiohttp", "aiohttp"),
        ("kombo_async.contrib.otel", "opentelemetry", "otel"),
        ("kombo_async.webhooks.redis", "redis", "redis"),
        ("kombo_async.bulk.redis", "redis", "redis"),
        ("kombo_async.contrib.taskiq", "taskiq", "taskiq"),
    ],
)
def test_a_missing_extra(module: str, missing: str, extra: str) -> None:
    """The error says what to install."""
    assert f'pip install "kombo_async[{extra}]"' in import_without(missing, module)


@pytest.mark.parametrize(
    ("module", "missing"),
    [("kombo_async.contrib.fastapi", "httpx._nothing"), ("kombo_async.contrib.taskiq", "pydantic")],
)
def test_something_else_is_missing(module: str, missing: str) -> None:
    """Any other missing package is reported as usual, without a wrong hint."""
    assert "pip install" not in import_without(missing, module)


@pytest.mark.parametrize("module", ["kombo_async.webhooks", "kombo_async.mirror", "kombo_async.bulk"])
def test_nothing_is_needed(module: str) -> None:
    """Webhooks, the mirror and bulk runs need no extra."""
    for missing in ("starlette", "redis", "taskiq", "opentelemetry"):
        assert import_without(missing, module) == ""
