"""A process that keeps tables of all customers in step with Kombo, beside any number of others for the same database.

    python examples/mirror_worker.py
    python examples/mirror_worker.py add lever:HWUTwvyx2wLoSUHphiWVrp28 ...

It needs KOMBO_API_KEY. DATABASE is `postgresql://user@host/database`, or the path of a SQLite file for one machine.
Each minute it prints how the tables follow, as a line of JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from datetime import timedelta
from typing import Any

import anyio

from kombo_async import AsyncKomboClient, ats
from kombo_async.mirror import Mirror, Nested, SqliteStore, Store, Table

TABLES = [
    Table("jobs", ats.GetJobs(), columns=["name", "status"]),
    Table(
        "candidates",
        ats.GetCandidates(),
        columns=["first_name", "last_name", "remote_created_at"],
        nested=[Nested("candidate_emails", "email_addresses", columns=["email_address"])],
    ),
    Table("applications", ats.GetApplications(), columns=["outcome", "candidate.id", "job.id", "current_stage.name"]),
]


def store() -> Store:
    """Where the tables are."""
    database = os.environ.get("DATABASE", "mirror.db")
    if not database.startswith("postgresql://"):
        return SqliteStore(database)
    from kombo_async.mirror.postgres import PostgresStore

    return PostgresStore(database, schema="kombo")


async def main(arguments: list[str]) -> None:
    """Add integrations, or follow all of them until SIGTERM or Ctrl-C."""
    async with AsyncKomboClient() as kombo, Mirror(kombo, store(), TABLES, keep_changes=timedelta(days=7)) as mirror:
        if arguments[:1] == ["add"]:
            for integration_id in arguments[1:]:
                await mirror.follow(integration_id)
            return
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(mirror.run)
            tasks.start_soon(tell_moves, mirror)
            tasks.start_soon(tell_health, mirror)
            with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
                async for _ in signals:
                    break
            tasks.cancel_scope.cancel()


async def tell_moves(mirror: Mirror) -> None:
    """Print when an application moves to another stage; one of the processes does."""
    async with mirror.changes("moves") as changes:
        async for change in changes:
            if change.table == "applications" and "current_stage" in change.fields and change.record is not None:
                stage: dict[str, Any] = change.record["current_stage"] or {}
                print(f"application {change.id} is now at {stage.get('name')}", flush=True)


async def tell_health(mirror: Mirror) -> None:
    """Print how the tables follow."""
    while True:
        status = await mirror.status()
        print(json.dumps(status.as_dict(most=10)), flush=True)
        await anyio.sleep(60)


if __name__ == "__main__":
    anyio.run(main, sys.argv[1:])
