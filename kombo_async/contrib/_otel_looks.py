"""Gauges of what an occasional look shows."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import NoReturn, TypeVar

import anyio
from opentelemetry import metrics

from kombo_async._version import __version__

Seen = TypeVar("Seen")


async def export(
    gauges: Iterable[tuple[str, str, Callable[[Seen], Iterable[metrics.Observation]], str]],
    look: Callable[[], Awaitable[Seen]],
    *,
    every: float,
    meter_provider: metrics.MeterProvider | None,
    what: str,
    logger: logging.Logger,
) -> NoReturn:
    """Look *every* so many seconds and export what was seen as *gauges* (name, unit, reading, description).

    While a look fails, nothing is exported, and *logger* says that *what* could not be read.
    """
    latest: Seen | None = None

    def reading(
        read: Callable[[Seen], Iterable[metrics.Observation]],
    ) -> Callable[[metrics.CallbackOptions], Iterable[metrics.Observation]]:
        def observed(_: metrics.CallbackOptions) -> Iterable[metrics.Observation]:
            seen = latest
            return () if seen is None else read(seen)

        return observed

    meter = metrics.get_meter("kombo_async", __version__, meter_provider)
    for name, unit, read, description in gauges:
        meter.create_observable_gauge(name, [reading(read)], unit=unit, description=description)
    try:
        while True:
            try:
                latest = await look()
            except Exception as error:  # a database that is away must not end the app
                latest = None
                logger.warning("%s could not be read (%s)", what, type(error).__name__)
            await anyio.sleep(every)
    finally:
        latest = None
