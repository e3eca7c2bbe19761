"""The one create call that most rows are about, as each client makes it.

A kind is a client: `httpx`, `httpx-30` (with a pool of 30), `httpx2`, `httpx-aiohttp`, `aiohttp`, `official` (the
package `kombo`), and ours: `ours`, `ours-httpx2`, `ours-50` (for 50 integrations in turn).
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any, TypeAlias

Call: TypeAlias = Callable[[], Awaitable[Any]]

HEADERS = {"Authorization": "Bearer key", "X-Integration-Id": "greenhouse:HWUTwvyx2wLoSUHphiWVrp28"}
INTEGRATION = HEADERS["X-Integration-Id"]
PAYLOAD = {
    "candidate": {"first_name": "Frank", "last_name": "Doe", "email_address": "frank@example.com"},
    "application": {"job_id": "BDpgnpZ148nrGh4mYHNxJBgx"},
}


@asynccontextmanager
async def calling(kind: str, base_url: str, **settings: Any) -> AsyncIterator[Call]:
    """The create call of the client *kind*, with the client open."""
    make = _ours if kind.startswith("ours") else {"aiohttp": _aiohttp, "official": _official}.get(kind, _httpx)
    async with make(kind, base_url, settings) as call:
        yield call


@asynccontextmanager
async def _httpx(kind: str, base_url: str, settings: Any) -> AsyncIterator[Call]:
    library: Any = import_module("httpx2" if kind == "httpx2" else "httpx")
    if kind == "httpx-30":
        settings["limits"] = library.Limits(max_connections=30, max_keepalive_connections=30)
    if kind == "httpx-aiohttp":
        settings["transport"] = import_module("httpx_aiohttp").AiohttpTransport()
    async with library.AsyncClient(headers=HEADERS, timeout=60, **settings) as client:

        async def call() -> Any:
            return (await client.post(f"{base_url}/ats/candidates", json=PAYLOAD)).json()

        yield call


@asynccontextmanager
async def _aiohttp(_: str, base_url: str, settings: Any) -> AsyncIterator[Call]:
    import aiohttp

    async with aiohttp.ClientSession(headers=HEADERS, **settings) as session:

        async def call() -> Any:
            async with session.post(f"{base_url}/ats/candidates", json=PAYLOAD) as response:
                return await response.json()

        yield call


@asynccontextmanager
async def _official(_: str, base_url: str, settings: Any) -> AsyncIterator[Call]:
    from kombo import Kombo

    async with Kombo(api_key="key", integration_id=INTEGRATION, server_url=base_url, **settings) as client:

        async def call() -> Any:
            return await client.ats.create_candidate_async(**PAYLOAD)

        yield call


@asynccontextmanager
async def _ours(kind: str, base_url: str, settings: Any) -> AsyncIterator[Call]:
    from kombo_async import AsyncKomboClient, ats

    if kind == "ours-httpx2":
        settings["http_client"] = import_module("httpx2").AsyncClient()
    integrations = 50 if kind == "ours-50" else 1
    async with AsyncKomboClient("key", base_url=base_url, integration_id=INTEGRATION, **settings) as kombo:
        views = itertools.cycle([kombo.for_integration(f"greenhouse:{number}") for number in range(integrations)])

        async def call() -> Any:
            reply = await next(views).ats.create_candidate(
                candidate=ats.CandidateInput(first_name="Frank", last_name="Doe", email_address="frank@example.com"),
                application=ats.CandidateApplicationInput(job_id="BDpgnpZ148nrGh4mYHNxJBgx"),
            )
            return reply.unwrap()

        yield call
