"""The pytest plugin: a sandbox and a client of it for each test, in the same process, without sockets.

    async def test_hiring(kombo, kombo_sandbox):
        await hire(kombo, "frank@example.com")
        (created,) = kombo_sandbox.performed("PostAtsCandidates")

Installing `kombo_async[sandbox]` makes the fixtures available; nothing is imported until a test asks for one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from kombo_async import AsyncKomboClient
    from kombo_async.sandbox import Sandbox


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers", "kombo(**settings): settings of the `kombo_sandbox` of this test, as of `Sandbox(...)`"
    )


@pytest.fixture
def kombo_sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """A fresh sandbox; `@pytest.mark.kombo(employees=500)` gives it other settings."""
    from kombo_async.sandbox import Sandbox

    settings: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers("kombo"))):
        settings.update(marker.kwargs)
    return Sandbox(**settings)


@pytest.fixture
def kombo(kombo_sandbox: Sandbox) -> AsyncKomboClient:
    """A client of `kombo_sandbox`, for its Greenhouse integration; `kombo.for_integration(...)` gives others.

    It holds no connections, so there is nothing to close.
    """
    from kombo_async.sandbox import GREENHOUSE

    return kombo_sandbox.client(GREENHOUSE)
