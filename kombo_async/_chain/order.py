"""The order of the steps that each call passes through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs

from kombo_async._chain.auth import Auth
from kombo_async._chain.compose import Step, around_attempt, compose
from kombo_async._chain.encoding import encoding
from kombo_async._chain.limits import Limits
from kombo_async._chain.logs import logs
from kombo_async._chain.retry import Retry
from kombo_async._clock import Clock
from kombo_async.middleware import Middleware, Next

if TYPE_CHECKING:
    from kombo_async.shared_limits import SharedLimits


@attrs.frozen
class Chain:
    """The steps that calls pass through, and the one that knows how many wait."""

    send: Next
    limits: Limits


def chain_to(
    http: Next,
    *,
    middleware: Sequence[Middleware],
    auth: Auth,
    clock: Clock,
    max_connections: int,
    shared_limits: SharedLimits | None,
) -> Chain:
    """Build the chain that ends in *http*, the first step outermost."""
    limits = Limits(clock=clock, max_connections=max_connections, shared=shared_limits)
    steps: list[Step] = [
        # once for each call:
        *middleware,
        logs,
        encoding,
        Retry(clock=clock),
        # once for each attempt:
        limits,
        around_attempt,
        auth,
    ]
    return Chain(compose(http, steps), limits)
