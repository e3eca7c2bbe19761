"""Kombo on a laptop: an ASGI application that behaves like Kombo, with state, limits, faults and a clock.

It runs in the same process (`Sandbox.client()`, the pytest fixtures) or over HTTP (`serve`, `kombo-async sandbox`).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from kombo_async._lazy import lazy_exports, missing_extra

if TYPE_CHECKING:
    from kombo_async.sandbox.calls import Call as Call
    from kombo_async.sandbox.clock import Clock as Clock
    from kombo_async.sandbox.faults import Fault as Fault
    from kombo_async.sandbox.faults import Faults as Faults
    from kombo_async.sandbox.integrations import Integration as Integration
    from kombo_async.sandbox.integrations import Sync as Sync
    from kombo_async.sandbox.latency import Latency as Latency
    from kombo_async.sandbox.sandbox import Sandbox as Sandbox
    from kombo_async.sandbox.serving import serve as serve
    from kombo_async.sandbox.transport import SandboxTransport as SandboxTransport

_LAZY_EXPORTS = {
    "kombo_async.sandbox.calls": ("Call",),
    "kombo_async.sandbox.clock": ("Clock",),
    "kombo_async.sandbox.faults": ("Fault", "Faults"),
    "kombo_async.sandbox.integrations": ("Integration", "Sync"),
    "kombo_async.sandbox.latency": ("Latency",),
    "kombo_async.sandbox.sandbox": ("Sandbox",),
    "kombo_async.sandbox.serving": ("serve",),
    "kombo_async.sandbox.transport": ("SandboxTransport",),
}


def _check_extra() -> None:
    try:
        import_module("starlette")
        import_module("uvicorn")
    except ModuleNotFoundError as error:
        raise missing_extra(error, "sandbox", "starlette", "uvicorn") from None


# pytest imports this package in every run, for the fixtures alone: nothing loads before it is used.
__getattr__, __dir__ = lazy_exports(__name__, _LAZY_EXPORTS, before=_check_extra)
