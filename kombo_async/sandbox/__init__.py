"""Kombo on a laptop: an ASGI application that behaves like Kombo, with state, limits, faults and a clock.

It runs in the same process (`Sandbox.client()`, the pytest fixtures) or over HTTP (`serve`, `kombo-async sandbox`).
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from kombo_async._lazy import missing_extra

if TYPE_CHECKING:
    from kombo_async.sandbox._sandbox import Sandbox as Sandbox
    from kombo_async.sandbox._server.faults import Fault as Fault
    from kombo_async.sandbox._server.faults import Faults as Faults
    from kombo_async.sandbox._server.latency import Latency as Latency
    from kombo_async.sandbox._server.logged_request import LoggedRequest as LoggedRequest
    from kombo_async.sandbox._server.transport import SandboxTransport as SandboxTransport
    from kombo_async.sandbox._serving import serve as serve
    from kombo_async.sandbox._state.clock import Clock as Clock
    from kombo_async.sandbox._state.defaults import API_KEY as API_KEY
    from kombo_async.sandbox._state.defaults import BASE_URL as BASE_URL
    from kombo_async.sandbox._state.defaults import GREENHOUSE as GREENHOUSE
    from kombo_async.sandbox._state.defaults import default_id as default_id
    from kombo_async.sandbox._state.integrations import Integration as Integration
    from kombo_async.sandbox._state.integrations import Sync as Sync

_LAZY_EXPORTS = {
    "kombo_async.sandbox._server.logged_request": ("LoggedRequest",),
    "kombo_async.sandbox._state.clock": ("Clock",),
    "kombo_async.sandbox._state.defaults": ("API_KEY", "BASE_URL", "GREENHOUSE", "default_id"),
    "kombo_async.sandbox._server.faults": ("Fault", "Faults"),
    "kombo_async.sandbox._state.integrations": ("Integration", "Sync"),
    "kombo_async.sandbox._server.latency": ("Latency",),
    "kombo_async.sandbox._sandbox": ("Sandbox",),
    "kombo_async.sandbox._serving": ("serve",),
    "kombo_async.sandbox._server.transport": ("SandboxTransport",),
}


def _check_extra() -> None:
    for package in ("starlette", "uvicorn"):
        if find_spec(package) is None:  # only found, not loaded: most tests use neither
            raise missing_extra(ModuleNotFoundError(name=package), "sandbox", package)


# pytest imports this package in every run, for the fixtures alone: nothing loads before it is used.
if not TYPE_CHECKING:  # type checkers know the names above, and refuse all others
    from kombo_async._lazy import lazy_exports

    __getattr__, __dir__ = lazy_exports(__name__, _LAZY_EXPORTS, before=_check_extra)
