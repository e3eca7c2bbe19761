"""What `import kombo_async` loads, and what it exports."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import kombo_async
from kombo_async.model import TaggedUnion

NAMESPACES = ["ai_apply", "assessment", "ats", "connect", "custom", "general", "hris", "lms"]


def loaded_after(code: str) -> set[str]:
    """The modules that a fresh interpreter has after *code*."""
    script = f"import sys\n{code}\nprint(*sys.modules)"
    result = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    return {*result.stdout.split()}


def test_import_loads_next_to_nothing() -> None:
    """`import kombo_async` loads no model, no HTTP library and no event loop."""
    loaded = loaded_after("import kombo_async")
    assert [name for name in loaded if name.startswith("kombo_async.")] == ["kombo_async._lazy"]
    assert not loaded & {"httpx", "httpx2", "attrs", "cattrs", "msgspec", "anyio", "asyncio"}


def test_building_a_client_loads_no_model() -> None:
    """Creating a client and a resource loads no model, cattrs, HTTP library or event loop."""
    loaded = loaded_after("import kombo_async; kombo_async.AsyncKomboClient('key').ats")
    generated = tuple(f"kombo_async.{name}." for name in NAMESPACES)
    assert [name for name in loaded if name.startswith(generated)] == ["kombo_async.ats.resource"]
    assert not loaded & {"kombo_async._generated.shared", "kombo_async._generated.events"}
    assert not loaded & {"kombo_async._codec.drift", "kombo_async._codec.strict", "cattrs"}
    assert not loaded & {"httpx", "httpx2", "asyncio"}


def test_one_request_loads_little() -> None:
    """A request class loads what it needs, not the models of other topics or tools."""
    loaded = loaded_after("from kombo_async import ats; ats.CreateCandidate")
    assert "kombo_async.ats.candidates" in loaded
    assert not [name for name in loaded if name.startswith(("kombo_async.hris", "kombo_async.lms"))]
    assert "kombo_async.ats.remote_fields" not in loaded
    assert "kombo_async.ats.jobs" not in loaded


def test_all_is_what_is_importable() -> None:
    """`__all__` lists each public name once, `dir` shows them, and each can be imported."""
    assert len(set(kombo_async.__all__)) == len(kombo_async.__all__)
    assert set(dir(kombo_async)) == set(kombo_async.__all__)
    for name in kombo_async.__all__:
        assert getattr(kombo_async, name) is not None


def test_no_private_name_is_exported() -> None:
    """No exported name begins with an underscore, `__version__` excepted."""
    assert [name for name in kombo_async.__all__ if name.startswith("_")] == ["__version__"]


@pytest.mark.parametrize("name", NAMESPACES)
def test_namespaces(name: str) -> None:
    """Each name that a namespace lists can be imported from it; its classes are made in it, shared or borrowed."""
    namespace = importlib.import_module(f"kombo_async.{name}")
    homes = (f"kombo_async.{name}.", "kombo_async._generated.", *(["kombo_async.ats."] if name == "ai_apply" else []))
    assert len(dir(namespace)) == len(set(dir(namespace))) > 10
    for public in dir(namespace):
        value = getattr(namespace, public)
        if isinstance(value, type):
            assert f"{value.__module__}.".startswith(homes) or isinstance(value, TaggedUnion), public


@pytest.mark.parametrize("module", ["kombo_async", *(f"kombo_async.{name}" for name in NAMESPACES)])
def test_unknown_names(module: str) -> None:
    """A missing name raises a clear `AttributeError`, and an `ImportError` on import."""
    with pytest.raises(AttributeError, match="no attribute 'Missing'"):
        importlib.import_module(module).Missing  # noqa: B018
    with pytest.raises(ImportError, match="Missing"):
        exec(f"from {module} import Missing")
