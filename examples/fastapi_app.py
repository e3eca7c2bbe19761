"""A careers site's back end, in FastAPI: people apply, and candidates and jobs are read from tables that follow Kombo.

    uvicorn fastapi_app:app --app-dir examples

It needs KOMBO_API_KEY, KOMBO_INTEGRATION_ID and KOMBO_WEBHOOK_SECRET. DATABASE is where the mirrored tables are:
`postgresql://user@host/database` (then run as many of these processes as you like), or the path of a SQLite file.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from importlib import import_module
from typing import Annotated, Any

import anyio.to_thread
from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel

from kombo_async import AsyncKomboClient, KomboError, RetryPolicy, ats
from kombo_async.contrib.fastapi import kombo_error_handler, webhook_handler
from kombo_async.mirror import Mirror, SqliteStore, Store, Table
from kombo_async.webhooks import Event, Receiver

DATABASE = os.environ.get("DATABASE", "mirror.db")
TABLES = [
    Table("candidates", ats.GetCandidates(), columns=["first_name", "last_name"]),
    Table("jobs", ats.GetJobs(), columns=["name", "status"]),
]
receiver = Receiver()


def store() -> Store:
    """Where the tables are."""
    if not DATABASE.startswith("postgresql://"):
        return SqliteStore(DATABASE)
    from kombo_async.mirror.postgres import PostgresStore

    return PostgresStore(DATABASE, schema="kombo")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    """One client and one mirror for as long as the app runs.

    People wait for the client's answers: so it tries for 25 seconds at most, and does not wait for a first sync.
    """
    patience = RetryPolicy(sync_wait=0)
    integrations = [os.environ["KOMBO_INTEGRATION_ID"]]
    async with (
        AsyncKomboClient(deadline=25, retry=patience) as kombo,
        Mirror(kombo, store(), TABLES, integrations=integrations) as mirror,
        anyio.create_task_group() as tasks,
    ):
        app.state.kombo, app.state.mirror = kombo, mirror
        tasks.start_soon(mirror.run)
        yield
        tasks.cancel_scope.cancel()


app = FastAPI(lifespan=lifespan)
app.add_exception_handler(KomboError, kombo_error_handler)
app.add_route("/webhooks/kombo", webhook_handler(receiver), methods=["POST"])


@receiver.on_any_other
async def follow(event: Event) -> None:
    """Have the mirror fetch what changed."""
    await app.state.mirror.handle(event)


def client(request: Request) -> AsyncKomboClient:
    """The app's client."""
    kombo: AsyncKomboClient = request.app.state.kombo
    return kombo


Kombo = Annotated[AsyncKomboClient, Depends(client)]


class Application(BaseModel):
    """What someone fills in to apply."""

    job_id: str
    first_name: str
    last_name: str
    email: str


@app.post("/applications", status_code=201)
async def apply(application: Application, kombo: Kombo) -> dict[str, Any]:
    """Apply for a job. A failure of the call is answered by the app's exception handler."""
    reply = await kombo.ats.create_application(
        application.job_id,
        candidate=ats.CandidateInput(
            first_name=application.first_name, last_name=application.last_name, email_address=application.email
        ),
    )
    return {"id": reply.unwrap().id}


@app.get("/health")
async def health() -> dict[str, Any]:
    """How the tables follow: lag, failures, and who is behind."""
    mirror: Mirror = app.state.mirror
    return (await mirror.status()).as_dict()


@app.get("/candidates")
async def candidates() -> list[dict[str, Any]]:
    """All candidates, from the mirrored table."""
    return await query("SELECT id, first_name, last_name FROM candidates ORDER BY last_name, first_name, id")


@app.get("/jobs")
async def jobs() -> list[dict[str, Any]]:
    """The open jobs, from the mirrored table."""
    return await query("SELECT id, name FROM jobs WHERE status = 'OPEN' ORDER BY name, id")


async def query(sql: str) -> list[dict[str, Any]]:
    """Rows of the mirror's tables."""
    if not DATABASE.startswith("postgresql://"):
        return await anyio.to_thread.run_sync(query_file, sql)
    asyncpg: Any = import_module("asyncpg")  # it has no types
    database = await asyncpg.connect(DATABASE, server_settings={"search_path": "kombo"})
    try:
        return [dict(row) for row in await database.fetch(sql)]
    finally:
        await database.close()


def query_file(sql: str) -> list[dict[str, Any]]:
    """Rows of a SQLite file."""
    with closing(sqlite3.connect(f"file:{DATABASE}?mode=ro", uri=True)) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute(sql)]
