"""Kombo's limits: actions at once for an integration, requests in a window of time, one import at a time."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from kombo_async.sandbox._state.clock import Clock
from kombo_async.sandbox._state.refusals import Refusal

ACTIONS_AT_ONCE = 30
"""How many actions Kombo runs at once per integration."""


class Concurrency:
    """Counts each integration's actions in flight, and refuses one too many at once."""

    def __init__(self, limit: int = ACTIONS_AT_ONCE) -> None:
        if limit < 1:
            raise ValueError(f"actions_at_once: must be at least 1, not {limit}")
        self.limit = limit
        self.limits: dict[str, int] = {}
        """Limits of integrations with their own."""
        self.most: Counter[str] = Counter()
        """The most that have been in flight at once, by integration."""
        self._in_flight: Counter[str] = Counter()

    def in_flight(self, integration_id: str) -> int:
        """How many actions of the integration are in flight."""
        return self._in_flight[integration_id]

    def occupy(self, integration_id: str, places: int) -> None:
        """Take places permanently, as your other machines would; a negative number gives them back."""
        self._in_flight[integration_id] = max(0, self._in_flight[integration_id] + places)

    def remaining(self, integration_id: str) -> int:
        """How many places are free."""
        return max(0, self.limit_of(integration_id) - self._in_flight[integration_id])

    def limit_of(self, integration_id: str) -> int:
        """How many actions may be in flight for the integration."""
        return self.limits.get(integration_id, self.limit)

    def headers(self, integration_id: str | None) -> dict[str, str]:
        """The headers of every response to an action."""
        id = integration_id or ""
        return {"Concurrency-Limit": str(self.limit_of(id)), "Concurrency-Remaining": str(self.remaining(id))}

    @contextmanager
    def place(self, integration_id: str) -> Generator[None]:
        """Hold a place. Raises `Refusal` if there is none."""
        if self._in_flight[integration_id] >= self.limit_of(integration_id):
            raise Refusal(
                429,
                "PLATFORM.CONCURRENCY_LIMIT_EXCEEDED",
                f"More than {self.limit_of(integration_id)} actions are in flight for this integration.",
                title="Concurrency limit exceeded",
            )
        self._in_flight[integration_id] += 1
        self.most[integration_id] = max(self.most[integration_id], self._in_flight[integration_id])
        try:
            yield
        finally:
            self._in_flight[integration_id] -= 1


class Imports:
    """Lets one bulk import of a job feed run at a time, as Kombo does."""

    def __init__(self) -> None:
        self._running: set[str] = set()

    @contextmanager
    def running(self, job_feed_id: str) -> Generator[None]:
        """Run an import of the feed. Raises `Refusal` if there is one already."""
        if job_feed_id in self._running:
            raise Refusal(
                409,
                "AI_APPLY.JOB_FEED_IMPORT_ALREADY_RUNNING",
                "An import of this job feed is still running.",
                title="Import already running",
            )
        self._running.add(job_feed_id)
        try:
            yield
        finally:
            self._running.discard(job_feed_id)


class RateLimit:
    """At most *calls* requests in any *seconds* by the sandbox's clock; None for no limit."""

    def __init__(self, clock: Clock, limit: tuple[int, float] | None) -> None:
        given: Any = limit  # settings from JSON and the command line may have other types
        if given is not None and not (
            isinstance(given, tuple | list) and len(limit or ()) == 2 and given[0] >= 1 and given[1] > 0
        ):
            raise ValueError(f"rate_limit: must be (requests, seconds), at least one of each, not {limit!r}")
        self.limit: tuple[int, float] | None = None if limit is None else (int(limit[0]), limit[1])
        self._clock = clock
        self._times: deque[float] = deque()

    def check(self) -> None:
        """Count a request. Raises `Refusal`, with `Retry-After`, if it is one too many."""
        if self.limit is None:
            return
        calls, seconds = self.limit
        self._forget(seconds)
        if len(self._times) >= calls:
            raise Refusal(
                429,
                "PLATFORM.RATE_LIMIT_EXCEEDED",
                f"More than {calls} requests in {seconds:g} seconds.",
                title="Rate limit exceeded",
                headers={"Retry-After": str(self._reset(seconds))},
            )
        self._times.append(self._clock.time())

    def headers(self) -> dict[str, str]:
        """What is left, and in how many seconds there is more; nothing without a limit."""
        if self.limit is None:
            return {}
        calls, seconds = self.limit
        self._forget(seconds)
        return {
            "ratelimit-limit": str(calls),
            "ratelimit-remaining": str(max(0, calls - len(self._times))),
            "ratelimit-reset": str(self._reset(seconds)),
        }

    def _forget(self, seconds: float) -> None:
        """Forget requests that no longer count, and those that a clock which was set back has not seen yet."""
        now = self._clock.time()
        while self._times and not now - seconds < self._times[0] <= now:
            self._times.popleft()

    def _reset(self, seconds: float) -> int:
        """Whole seconds until the oldest request no longer counts."""
        return max(1, math.ceil(self._times[0] + seconds - self._clock.time())) if self._times else 0
