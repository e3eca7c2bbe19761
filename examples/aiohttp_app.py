"""An intranet's absence page, in aiohttp: who is away and when, and asking for days off.

    python examples/aiohttp_app.py

It needs KOMBO_API_KEY, KOMBO_INTEGRATION_ID and KOMBO_WEBHOOK_SECRET; DATABASE is the file of the mirrored tables,
PORT where it listens.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing, suppress
from typing import Any

from aiohttp import web

from kombo_async import AsyncKomboClient, RetryPolicy, hris
from kombo_async.contrib.aiohttp import kombo_errors, webhook_handler
from kombo_async.mirror import Mirror, Table
from kombo_async.webhooks import Receiver

DATABASE = os.environ.get("DATABASE", "mirror.db")
TABLES = [
    Table("employees", hris.GetEmployees(), columns=["first_name", "last_name"]),
    Table("absences", hris.GetAbsences(), columns=["employee_id", "start_date", "end_date", "status"]),
]
KOMBO = web.AppKey("kombo", AsyncKomboClient)
RECEIVER = web.AppKey("receiver", Receiver)

routes = web.RouteTableDef()


async def kombo(app: web.Application) -> AsyncGenerator[None]:
    """One client and one mirror for as long as the app runs.

    People wait for its answers: so it tries for 25 seconds at most, and does not wait for a first sync.
    """
    patience = RetryPolicy(sync_wait=0)
    integrations = [os.environ["KOMBO_INTEGRATION_ID"]]
    async with (
        AsyncKomboClient(deadline=25, retry=patience) as client,
        Mirror(client, DATABASE, TABLES, integrations=integrations) as mirror,
    ):
        app[KOMBO] = client
        app[RECEIVER].on_any_other(mirror.handle)
        running = asyncio.create_task(mirror.run())
        yield
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


@routes.get("/absences")
async def absences(request: web.Request) -> web.Response:
    """Who is away, and when, from the mirrored tables."""
    return web.json_response(await asyncio.to_thread(read_absences))


@routes.post("/absences")
async def ask_for_absence(request: web.Request) -> web.Response:
    """Ask for days off. A failure of the call is answered by the app's middleware."""
    wish = await request.json()
    reply = await request.app[KOMBO].hris.create_absence(
        employee_id=wish["employee_id"],
        absence_type_id=wish["absence_type_id"],
        start_date=wish["start_date"],
        end_date=wish["end_date"],
        employee_note=wish.get("note"),
    )
    return web.json_response({"id": reply.unwrap().id}, status=201)


def read_absences() -> list[dict[str, Any]]:
    """All absences with the names of those who are away."""
    with closing(sqlite3.connect(f"file:{DATABASE}?mode=ro", uri=True)) as database:
        database.row_factory = sqlite3.Row
        rows = database.execute(
            """
            SELECT absences.id, first_name, last_name, start_date, end_date, status
            FROM absences JOIN employees
                ON employees.integration_id = absences.integration_id AND employees.id = absences.employee_id
            ORDER BY start_date, absences.id
            """
        )
        return [dict(row) for row in rows]


def make_app() -> web.Application:
    """The app with its routes."""
    app = web.Application(middlewares=[kombo_errors])
    app[RECEIVER] = Receiver()
    app.add_routes(routes)
    app.router.add_post("/webhooks/kombo", webhook_handler(app[RECEIVER]))
    app.cleanup_ctx.append(kombo)
    return app


if __name__ == "__main__":
    web.run_app(make_app(), host="127.0.0.1", port=int(os.environ.get("PORT", "8080")))
