"""Gauges of a mirror."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NoReturn

from opentelemetry import metrics

from kombo_async.contrib._otel_looks import export
from kombo_async.mirror import StoreUnavailable

if TYPE_CHECKING:
    from kombo_async.mirror import IntegrationHealth, Mirror, MirrorStatus

_logger = logging.getLogger("kombo_async.mirror")

Read = Callable[["MirrorStatus"], Iterable[metrics.Observation]]


async def observe_mirror(
    mirror: Mirror, *, every: float = 30.0, meter_provider: metrics.MeterProvider | None = None
) -> NoReturn:
    """Export `mirror.status()` as gauges until cancelled. Run it beside `mirror.run()`, in one process of a store::

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(observe_mirror, mirror)
            await mirror.run()

    By `kombo.integration.id`: `kombo.mirror.lag` (seconds since the tables were up to date), `kombo.mirror.behind`
    (how many seconds overdue work has been waiting), `kombo.mirror.failures` (in a row) and
    `kombo.mirror.last_full_sync` (seconds since 1970). By `kombo.mirror.state`: `kombo.mirror.integrations`, their
    number. While the store does not respond, nothing is exported.

    Args:
        mirror: The mirror.
        every: Seconds between two reads of the store.
        meter_provider: In place of the global one.
    """
    await export(
        (
            ("kombo.mirror.lag", "s", _of_each(lambda each: each.lag), "Time since the tables were up to date."),
            (
                "kombo.mirror.behind",
                "s",
                _of_each(lambda each: each.behind),
                "Time since something is due that is not done.",
            ),
            ("kombo.mirror.failures", "{failure}", _of_each(lambda each: each.failures), "Failures in a row."),
            (
                "kombo.mirror.last_full_sync",
                "s",
                _of_each(_last_full_sync),
                "When all tables had been read completely, since 1970.",
            ),
            ("kombo.mirror.integrations", "{integration}", _states, "Integrations in each state."),
        ),
        lambda: _status(mirror),
        every=every,
        meter_provider=meter_provider,
        what="the mirror's status",
        logger=_logger,
    )


async def _status(mirror: Mirror) -> MirrorStatus:
    status = await mirror.status()
    if status.unavailable is not None:
        raise StoreUnavailable(status.unavailable)
    return status


def _of_each(value: Callable[[IntegrationHealth], float | None]) -> Read:
    def read(status: MirrorStatus) -> Iterator[metrics.Observation]:
        for each in status.integrations:
            found = value(each)
            if found is not None:
                yield metrics.Observation(found, {"kombo.integration.id": each.integration_id})

    return read


def _last_full_sync(each: IntegrationHealth) -> float | None:
    return None if each.last_full_sync is None else each.last_full_sync.timestamp()


def _states(status: MirrorStatus) -> Iterator[metrics.Observation]:
    states = [each.state for each in status.integrations]
    for state in ("ok", "working", "first sync", "behind", "failing"):
        yield metrics.Observation(states.count(state), {"kombo.mirror.state": state})
