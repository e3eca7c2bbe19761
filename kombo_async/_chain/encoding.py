"""Encode the request, once for all attempts of a call."""

from __future__ import annotations

from typing import Any

import attrs

from kombo_async._codec.encode import encode
from kombo_async.middleware import Call, Next
from kombo_async.response import Response


async def encoding(call: Call, call_next: Next) -> Response[Any]:
    """Answer *call* with its request encoded. Raises `ValueError` for a value that cannot be sent."""
    return await call_next(attrs.evolve(call, encoded=encode(call.request)))
