"""Gauges of a mirror."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NoReturn

import anyio
from opentelemetry import metrics

from kombo_async._version import __version__

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
    latest: MirrorStatus | None = None

    def reading(read: Read) -> Callable[[metrics.CallbackOptions], Iterable[metrics.Observation]]:
        return lambda _: () if latest is None else read(latest)

    meter = metrics.get_meter("kombo_async", __version__, meter_provider)
    for name, unit, read, description in (
        ("lag", "s", _of_each(lambda each: each.lag), "Time since the tables were last up to date."),
        ("behind", "s", _of_each(lambda each: each.behind), "How long overdue work has been waiting."),
        ("failures", "{failure}", _of_each(lambda each: each.failures), "Failures in a row."),
        (
            "last_full_sync",
            "s",
            _of_each(_last_full_sync),
            "Time of the last full sync of all tables, as a Unix timestamp.",
        ),
        ("integrations", "{integration}", _states, "Integrations in each state."),
    ):
        meter.create_observable_gauge(f"kombo.mirror.{name}", [reading(read)], unit=unit, description=description)
    try:
        while True:
            try:
                latest = await mirror.status()
            except Exception as error:  # a database that is away must not end the app
                latest = None
                _logger.warning("the mirror's status could not be read (%s)", type(error).__name__)
            await anyio.sleep(every)
    finally:
        latest = None


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
