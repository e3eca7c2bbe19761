"""`python -m tests.mirror.follower STORE LEASE [EVERY]`: a process that mirrors, for tests."""

from __future__ import annotations

import logging
import sys
from datetime import timedelta
from functools import partial

import anyio

from kombo_async import AsyncKomboClient, ats
from kombo_async.mirror import Mirror, SqliteStore, Store, Table, _scheduler

TABLES = [
    Table("applications", ats.GetApplications(), columns=["outcome"]),
    Table("candidates", ats.GetCandidates(), columns=["first_name"]),
    Table("jobs", ats.GetJobs()),
]


def store_at(place: str) -> Store:
    """The store at a path, or at an address and schema."""
    address, _, schema = place.partition("#")
    if not schema:
        return SqliteStore(place)
    from kombo_async.mirror.postgres import PostgresStore

    return PostgresStore(address, schema=schema)


async def follow(place: str, lease: float, every: float = 2.0) -> None:
    """Mirror what other processes have added, until killed."""
    _scheduler.LEASE = lease
    async with AsyncKomboClient() as kombo:
        settings = (timedelta(seconds=every), timedelta(seconds=max(2.0, every / 18)))
        store = store_at(place)
        async with Mirror(kombo, store, TABLES, concurrency=16, every=settings[0], overlap=settings[1]) as mirror:
            await mirror.run()


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    anyio.run(partial(follow, sys.argv[1], *map(float, sys.argv[2:])))
