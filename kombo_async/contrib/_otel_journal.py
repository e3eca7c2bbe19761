"""Gauges of a bulk journal."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn

import attrs
from opentelemetry import metrics

from kombo_async.contrib._otel_looks import export

if TYPE_CHECKING:
    from kombo_async.bulk import Journal

_logger = logging.getLogger("kombo_async.bulk")


@attrs.define
class _Unfinished:
    """The rows of an integration that may have been done, without anyone knowing."""

    in_doubt: int = 0
    sending: int = 0
    oldest: datetime | None = None
    """When the one was sent that was sent first."""

    @property
    def lag(self) -> float:
        """Seconds since then."""
        return 0.0 if self.oldest is None else max(0.0, (datetime.now(UTC) - self.oldest).total_seconds())


_Seen = dict[str, _Unfinished]


async def observe_journal(
    journal: Journal, *, every: float = 30.0, meter_provider: metrics.MeterProvider | None = None
) -> NoReturn:
    """Export the unfinished rows of *journal* as gauges until cancelled. Run it in one process of an upload::

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(observe_journal, journal)
            async for outcome in kombo.bulk(rows, journal=journal): ...

    By `kombo.integration.id`: `kombo.journal.in_doubt` and `kombo.journal.sending` (rows), and `kombo.journal.lag`
    (seconds since the oldest of them was sent). Settled integrations stay at 0. While the journal cannot be read,
    nothing is exported: a `SqliteJournal` can be read while a run uses it, a `RedisJournal` at any time, for all
    machines.

    Args:
        journal: The journal of a run of this process, or another `RedisJournal` for the same job.
        every: Seconds between two looks into the journal.
        meter_provider: In place of the global one.
    """
    known: set[str] = set()

    async def look() -> _Seen:
        seen: _Seen = {}
        async for key, entry in journal.unfinished():
            each = seen.setdefault(key.integration_id, _Unfinished())
            each.in_doubt += entry.state == "in_doubt"
            each.sending += entry.state == "sending"
            sent = entry.last_sent or entry.first_sent
            if sent is not None and (each.oldest is None or sent < each.oldest):
                each.oldest = sent
        known.update(seen)
        return {integration_id: seen.get(integration_id, _Unfinished()) for integration_id in sorted(known)}

    await export(
        (
            ("kombo.journal.in_doubt", "{row}", _of_each(lambda each: each.in_doubt), "Rows in doubt."),
            ("kombo.journal.sending", "{row}", _of_each(lambda each: each.sending), "Rows that are being sent."),
            ("kombo.journal.lag", "s", _of_each(lambda each: each.lag), "Time since the oldest of them was sent."),
        ),
        look,
        every=every,
        meter_provider=meter_provider,
        what="the journal",
        logger=_logger,
    )


def _of_each(value: Callable[[_Unfinished], float]) -> Callable[[_Seen], Iterator[metrics.Observation]]:
    def read(seen: _Seen) -> Iterator[metrics.Observation]:
        for integration_id, each in seen.items():
            yield metrics.Observation(value(each), {"kombo.integration.id": integration_id})

    return read
