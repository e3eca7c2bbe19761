"""An intranet's absence page, in aiohttp: employees and absences from a mirror, and absences that people ask for.

    python examples/aiohttp_app.py

It needs KOMBO_API_KEY, KOMBO_INTEGRATION_ID and KOMBO_WEBHOOK_SECRET; DATABASE is the file of the mirrored tables,
PORT where it listens.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from typing import Any

import anyio
from aiohttp import web
from httpx_aiohttp import AiohttpTransport

from kombo_async import AsyncKomboClient, hris
from kombo_async.contrib.aiohttp import kombo_errors, webhook_handler
from kombo_async.mirror import Mirror, Table
from kombo_async.webhooks import Receiver

DATABASE = os.environ.get("DATABASE", "mirror.db")
TABLES = [
    Table("employees", hris.GetEmployees(), columns=["first_name", "last_name", "work_email"]),
    Table("absences", hris.GetAbsences(), columns=["employee_id", "start_date", "end_date"]),
    Table("absence_types", hris.GetAbsenceTypes(), columns=["name"]),
]
KOMBO = web.AppKey("kombo", AsyncKomboClient)


async def kombo(app: web.Application) -> AsyncIterator[None]:
    """One client and one mirror for as long as the app runs; the client sends by aiohttp, too."""
    async with AsyncKomboClient(transport=AiohttpTransport()) as client, anyio.create_task_group() as tasks:
        app[KOMBO] = client
        mirror = Mirror(client, DATABASE, TABLES, integrations=[os.environ["KOMBO_INTEGRATION_ID"]])
        app[RECEIVER].on_any_other(mirror.handle)
        tasks.start_soon(mirror.run)
        yield
        tasks.cancel_scope.cancel()
