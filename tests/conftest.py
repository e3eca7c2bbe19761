"""What all tests share: the event loops they run on, and where the facts about Kombo's API are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).parents[2] / "shared"
"""The folder beside the project with `openapi/kombo.json`; absent in a plain clone."""

OPENAPI = SHARED / "openapi" / "kombo.json"

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


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the developer's own environment do not reach the tests."""
    for name in ("KOMBO_API_KEY", "KOMBO_INTEGRATION_ID", "KOMBO_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
