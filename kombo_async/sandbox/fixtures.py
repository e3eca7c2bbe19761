"""The pytest plugin: a sandbox and a client of it for each test, in the same process, without sockets or waits.

    async def test_hiring(kombo, kombo_sandbox):
        await hire(kombo, "frank@example.com")
        kombo_sandbox.assert_sent("PostAtsCandidates", times=1)

Time is virtual: retries, pauses, first syncs and deadlines move the sandbox's clock instead of taking real time.
Installing `kombo_async[sandbox]` makes the fixtures available; nothing is imported until a test asks for one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from kombo_async import AsyncKomboClient
    from kombo_async.sandbox import Sandbox


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        "kombo(**settings): settings of `kombo_sandbox` (those of `Sandbox(...)`, and `scene=`) "
        "and of `kombo` (as of `AsyncKomboClient(...)`)",
    )


def _settings(request: pytest.FixtureRequest) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings in a test's markers, for the sandbox and for the client."""
    from inspect import signature

    from kombo_async import AsyncKomboClient
    from kombo_async.sandbox import Sandbox
    from kombo_async.sandbox._state.models import suggestion

    ours, clients = ({*signature(cls.__init__).parameters} - {"self"} for cls in (Sandbox, AsyncKomboClient))
    settings: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers("kombo"))):
        if marker.args:
            pytest.fail("the marker kombo takes settings by name, such as kombo(candidates=5)", pytrace=False)
        settings.update(marker.kwargs)
    unknown = sorted(settings.keys() - ours - clients)
    if unknown:
        hint = suggestion(unknown[0], ours | clients)
        pytest.fail(f"{', '.join(unknown)}: neither Sandbox nor AsyncKomboClient has this setting{hint}", pytrace=False)
    for_sandbox = {name: value for name, value in settings.items() if name in ours}
    for_client = {name: value for name, value in settings.items() if name not in ours}
    return {"virtual_time": True, **for_sandbox}, for_client


@pytest.fixture
def kombo_sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """A fresh sandbox with virtual time; `@pytest.mark.kombo(employees=500)` gives it other settings."""
    from kombo_async.sandbox import Sandbox

    try:
        return Sandbox(**_settings(request)[0])
    except ValueError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def kombo(request: pytest.FixtureRequest, kombo_sandbox: Sandbox) -> AsyncKomboClient:
    """A client of `kombo_sandbox` for its Greenhouse integration; use `kombo.for_integration(...)` for others.

    The marker takes its settings, too: `@pytest.mark.kombo(retry=RetryPolicy.none(), integration_id="...")`.
    It has no connections, so it need not be closed.
    """
    from kombo_async.sandbox import GREENHOUSE

    settings = {"integration_id": GREENHOUSE, **_settings(request)[1]}
    return kombo_sandbox.client(**settings)
