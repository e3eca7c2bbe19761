"""Kombo on a laptop: an ASGI application that behaves like Kombo, with state, limits, faults and a clock.

It runs in the same process (`Sandbox.client()`, the pytest fixtures) or over HTTP (`serve`, `kombo-async sandbox`).
"""

from __future__ import annotations

try:
    import starlette as _starlette  # noqa: F401
    import uvicorn as _uvicorn  # noqa: F401
except ModuleNotFoundError as error:
    if error.name not in ("starlette", "uvicorn"):
        raise
    raise ModuleNotFoundError(
        f'the sandbox needs {error.name}: pip install "kombo_async[sandbox]"', name=error.name
    ) from None

from kombo_async.sandbox.clock import Clock
from kombo_async.sandbox.faults import Fault, Faults
from kombo_async.sandbox.integrations import Integration, Sync
from kombo_async.sandbox.latency import Latency
from kombo_async.sandbox.ledger import Call
from kombo_async.sandbox.sandbox import Sandbox
from kombo_async.sandbox.serving import serve

__all__ = ["Call", "Clock", "Fault", "Faults", "Integration", "Latency", "Sandbox", "Sync", "serve"]
