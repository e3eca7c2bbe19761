"""What the tests of the sandbox share."""

from __future__ import annotations

from typing import Any

import pytest

from kombo_async.sandbox import Sandbox


@pytest.fixture(
    params=[pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio"), pytest.param(("trio", {}), id="trio")]
)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """In-process tests run on both kinds of event loop; those over HTTP on asyncio, as uvicorn does."""
    return request.param


@pytest.fixture
def sandbox() -> Sandbox:
    """A fresh sandbox, small enough to look through."""
    return Sandbox(seed=1, employees=12, candidates=6, jobs=10)
