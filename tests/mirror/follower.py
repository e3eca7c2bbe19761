"""`python -m tests.mirror.follower STORE LEASE`: a process that mirrors; the environment says where Kombo is."""

from __future__ import annotations

import logging
import sys
from datetime import timedelta

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


async def follow(place: str, lease: float) -> None:
    """Mirror what other processes have added, until killed."""
    _scheduler.LEASE = lease
    async with AsyncKomboClient() as kombo:
        two = timedelta(seconds=2)
        async with Mirror(kombo, store_at(place), TABLES, concurrency=8, every=two, overlap=two) as mirror:
            await mirror.run()


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    anyio.run(follow, sys.argv[1], float(sys.argv[2]))
