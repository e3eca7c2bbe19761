"""The state of a mirror, for health checks and metrics."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import attrs

from kombo_async.mirror._store import StoredIntegration
from kombo_async.model import wire_time


@attrs.frozen(kw_only=True)
class IntegrationHealth:
    """The state of one integration. It contains no people's data: errors are Kombo's codes or class names."""

    integration_id: str
    state: Literal["ok", "working", "first sync", "behind", "failing"]
    """`behind`: a check has been overdue for more than a minute."""
    lag: float | None
    """Seconds since its tables were last up to date; None if never."""
    behind: float
    """For how many seconds a check or notification has been pending; 0 if nothing is."""
    failures: int
    """How many times in a row it has failed."""
    error: str | None
    last_full_sync: datetime | None
    """The time of the oldest of its tables' last full syncs; None if a table never had one."""
    held_by: str | None
    """The process that works on it now."""


@attrs.frozen(kw_only=True)
class MirrorStatus:
    """The state of all integrations of a store."""

    integrations: tuple[IntegrationHealth, ...]
    unavailable: str | None = None
    """Why the store could not be read; `integrations` is empty then."""

    @property
    def ok(self) -> bool:
        """Whether the store is available and no integration behind.

        Failing systems of customers are in `failing`, and do not count here.
        """
        return self.unavailable is None and not any(each.state == "behind" for each in self.integrations)

    @property
    def failing(self) -> tuple[IntegrationHealth, ...]:
        """The integrations that failed last time."""
        return tuple(each for each in self.integrations if each.state == "failing")

    def as_dict(self, *, most: int = 100) -> dict[str, Any]:
        """Plain data for a health check: counts, the worst figures, and a limited number of unhealthy integrations."""
        if self.unavailable is not None:
            return {"status": "unavailable", "error": self.unavailable}
        states = [each.state for each in self.integrations]
        bad = sorted((each for each in self.integrations if each.state in ("behind", "failing")), key=_worst_first)
        return {
            "status": "ok" if self.ok else "behind",
            "integrations": len(states),
            "states": {state: states.count(state) for state in sorted(set(states))},
            "max_lag_seconds": max((each.lag for each in self.integrations if each.lag is not None), default=None),
            "max_behind_seconds": max((each.behind for each in self.integrations), default=0.0),
            "troubled": [_as_dict(each) for each in bad[:most]],
        }


def status_of(states: Sequence[StoredIntegration], *, every: float) -> MirrorStatus:
    """The status of integrations that are checked *every* so many seconds."""
    return MirrorStatus(integrations=tuple(_status(each, every) for each in states))


def _status(state: StoredIntegration, every: float) -> IntegrationHealth:
    since = min(each for each in (state.told_at, state.due_at) if each is not None)
    behind = max(0.0, state.now - since)
    return IntegrationHealth(
        integration_id=state.integration_id,
        state=_state(state, behind),
        lag=None if state.looked_at is None else max(0.0, state.now - state.looked_at),
        behind=behind,
        failures=state.failures,
        error=state.error,
        last_full_sync=state.full_at,
        held_by=state.held_by,
    )


def _state(state: StoredIntegration, behind: float) -> Literal["ok", "working", "first sync", "behind", "failing"]:
    if state.failures:
        return "failing"
    if state.held_by is not None:
        return "working"
    if state.looked_at is None:
        return "first sync"
    return "behind" if behind > 60 else "ok"


def _worst_first(status: IntegrationHealth) -> tuple[bool, float]:
    return (status.state != "behind", -status.behind)


def _as_dict(status: IntegrationHealth) -> dict[str, Any]:
    plain = attrs.asdict(status)
    full = status.last_full_sync
    return plain | {"last_full_sync": None if full is None else wire_time(full)}
