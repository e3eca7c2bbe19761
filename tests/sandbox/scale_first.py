"""How much CPU time the first use of each filter takes: `python -m tests.sandbox.scale_first [RECORDS [LIST ...]]`.

Each filter of every list, or of those named, is asked in a new sandbox, with values that many records pass, a few and
none. Counts the records that are generated for it, and shows the slowest filters first.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from random import Random
from urllib.parse import quote

import attrs

from kombo_async._generated.operations import REQUESTS
from kombo_async.sandbox import GREENHOUSE, Sandbox
from kombo_async.sandbox._handlers.registry import LISTINGS
from kombo_async.sandbox._seed.source import Source
from kombo_async.sandbox._state.indexes import Record
from tests.sandbox.raw_calls import call
from tests.sandbox.scale_filters import filters_of, integration_of, request_of, values_of


@attrs.frozen
class FirstUse:
    """What the first use of a filter took."""

    seconds: float
    """Of CPU time."""
    generated: int
    """How many initial records were generated."""
    operation: str
    query: str


def new_sandbox(records: int) -> Sandbox:
    """A sandbox with so many records of each kind."""
    return Sandbox(employees=records, candidates=records, jobs=records, courses=records, orders=records)


def queries_of(sandbox: Sandbox, operation: str) -> list[str]:
    """No filter, and each filter of a list with some values."""
    names = filters_of(operation)
    world, listing = sandbox.world(integration_of(operation)), LISTINGS[operation]
    table = world.table(listing.table)
    sample = [table.read(place) for place in Random(1).sample(range(len(table)), min(60, len(table)))]
    given = ((name, values_of(world, listing, name, sample)) for name in names)
    return ["", *(f"{name}={quote(value)}" for name, values in given for value in values)]


@contextmanager
def counting() -> Generator[list[str]]:
    """The tables of the initial records that are generated while the block runs, of sandboxes created in it."""
    generated: list[str] = []
    make = Source._make

    def noted(self: Source, name: str, place: int) -> Record:
        generated.append(name)
        return make(self, name, place)

    Source._make = noted  # type: ignore[method-assign]
    try:
        yield generated
    finally:
        Source._make = make  # type: ignore[method-assign]


async def first_use(operation: str, query: str, records: int) -> FirstUse:
    """Ask for one page of one record in a new sandbox."""
    integration = integration_of(operation) or GREENHOUSE
    path = request_of(operation).operation.path
    with counting() as generated:
        sandbox = new_sandbox(records)
        await call(sandbox, "GET", f"{path}?ids=none", integration=integration)
        generated.clear()
        started = time.process_time()
        response = await call(sandbox, "GET", f"{path}?{query}&page_size=1", integration=integration)
        seconds = time.process_time() - started
    assert response.status_code in (200, 400), response.text
    return FirstUse(seconds, len(generated), operation, query)


def main() -> None:
    """Measure, and print."""
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    for operation in REQUESTS:
        request_of(operation)
    known = new_sandbox(records)
    uses = [
        asyncio.run(first_use(operation, query, records))
        for operation in sys.argv[2:] or [each for each in LISTINGS if filters_of(each)]
        for query in queries_of(known, operation)
    ]
    for each in sorted(uses, key=lambda each: -each.seconds):
        print(f"{each.seconds * 1000:9.1f} ms{each.generated:8} generated  {each.operation} {each.query[:100]}")  # noqa: T201


if __name__ == "__main__":
    main()
