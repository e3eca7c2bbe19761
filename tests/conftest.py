"""What all tests share: the event loops they run on, and where the facts about Kombo's API are."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ["pytester"]

SHARED = Path(__file__).parents[2] / "shared"
"""The folder beside the project with `openapi/kombo.json`; absent in a plain clone."""

OPENAPI = SHARED / "openapi" / "kombo.json"

# Settings of the developer's own environment reach no test, no fixture of any scope, and no process that tests start.
for _name in [name for name in os.environ if name.startswith("KOMBO_")]:
    del os.environ[_name]

# A shell that runs the tests in the background lets them ignore Ctrl-C, and so would the processes that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

needs_openapi = pytest.mark.skipif(not OPENAPI.exists(), reason="needs ../shared/openapi/kombo.json beside the project")


@pytest.fixture(
    params=[
        pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio"),
        pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop"),
        pytest.param(("trio", {}), id="trio"),
    ]
)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Every async test runs on each event loop that the client supports."""
    return request.param


@pytest.fixture(scope="module", autouse=True)
def _nothing_left_open() -> Iterator[None]:
    """Sockets, loops and generators that a module's tests leave open are found at its end, not in some later test."""
    yield
    gc.collect()
