"""Encode the request, once for all attempts of a call."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import attrs

from kombo_async._codec.encode import encode
from kombo_async.middleware import Call, Next
from kombo_async.response import Response


def encoding(call: Call, call_next: Next) -> Awaitable[Response[Any]]:
    """Answer *call* with its request encoded. Raises `ValueError` for a value that cannot be sent."""
    return call_next(attrs.evolve(call, encoded=encode(call.request)))
