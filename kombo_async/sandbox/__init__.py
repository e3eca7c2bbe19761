"""Kombo on a laptop: an ASGI application that behaves like Kombo, with state, limits, faults and a clock.

It runs in the same process (`Sandbox.client()`, the pytest fixtures) or over HTTP (`serve`, `kombo-async sandbox`).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

_HOMES = {
    "Call": "calls",
    "Clock": "clock",
    "Fault": "faults",
    "Faults": "faults",
    "Integration": "integrations",
    "Latency": "latency",
    "Sandbox": "sandbox",
    "SandboxTransport": "transport",
    "Sync": "integrations",
    "serve": "serving",
}


def __getattr__(name: str) -> Any:
    # Names load when they are used: pytest imports this package in every run, for the fixtures alone.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        import_module("starlette")
        import_module("uvicorn")
    except ModuleNotFoundError as error:
        if error.name not in ("starlette", "uvicorn"):
            raise
        message = f'the sandbox needs {error.name}: pip install "kombo_async[sandbox]"'
        raise ModuleNotFoundError(message, name=error.name) from None
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted(_HOMES)
