"""What a client is doing right now: `kombo.status()`, to watch or to export as metrics."""

from __future__ import annotations

from collections.abc import Mapping

import attrs


@attrs.frozen(kw_only=True)
class ActionStatus:
    """The actions of one integration."""

    in_flight: int
    """How many are in flight."""
    waiting: int
    """How many wait for a place."""
    limit: float
    """How many this client runs at once: its share of Kombo's limit, or that limit itself with `SharedLimits`."""


@attrs.frozen(kw_only=True)
class ClientStatus:
    """What a client and all its views are doing in the event loop that it was last used in."""

    in_flight: int
    """How many calls have a connection."""
    waiting: int
    """How many calls wait for a connection; actions that wait for a place are not among them."""
    max_connections: int
    """How many calls can be in flight."""
    paused: bool
    """Whether the client is paused because Kombo refused calls for all integrations, or is just restarting."""
    pauses: int
    """How many such pauses there have been."""
    actions: Mapping[str, ActionStatus]
    """By integration ID, for those that an action was sent for."""
