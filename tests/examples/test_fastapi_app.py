"""The FastAPI example, started by its own command, against the sandbox over real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from kombo_async.sandbox import Sandbox, serve
from kombo_async.webhooks import sign
from tests.examples.running import WEBHOOK_SECRET, documented, environment, free_port, until, web_app
from tests.support.postgres_server import needs_postgres, postgres_server

pytest.importorskip("fastapi")
pytestmark = pytest.mark.anyio
LEVER = "lever:demo"


@pytest.fixture
def anyio_backend() -> str:
    """uvicorn, which serves the sandbox, needs asyncio."""
    return "asyncio"


def applicant(job_id: str, first_name: str = "Ada") -> dict[str, Any]:
    """What someone filled in."""
    name = first_name.lower()
    return {"job_id": job_id, "first_name": first_name, "last_name": "Doe", "email": f"{name}@example.com"}


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=needs_postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where the app keeps its tables."""
    if request.param == "sqlite":
        yield str(tmp_path / "mirror.db")
        return
    with postgres_server() as address:
        yield address


async def test_the_app(database: str) -> None:
    """People apply, what changes in the connected system shows, and failures are answered without a leak."""
    sandbox = Sandbox(integrations=False, candidates=4, jobs=4)
    sandbox.add_integration(LEVER)
    world, port = sandbox.world(LEVER), free_port()
    async with serve(sandbox) as url:
        command = [*documented("uvicorn"), "--port", str(port)]
        env = environment(sandbox, url, LEVER, DATABASE=database)
        async with web_app(command, env, sandbox, port, "/candidates") as app:

            async def shown() -> dict[str, str]:
                return {each["id"]: each["first_name"] for each in (await app.get("/candidates")).json()}

            async def in_step() -> bool:
                rows = world.table("ats_candidates")
                return await shown() == {row.id: row.data["first_name"] for row in rows if not row.deleted}

            async def jobs_are_there() -> bool:
                return bool((await app.get("/jobs")).json())

            await until(in_step)
            await until(jobs_are_there)
            job = (await app.get("/jobs")).json()[0]
            created = await app.post("/applications", json=applicant(job["id"]))
            assert created.status_code == 201
            assert len(sandbox.performed("PostAtsJobsJobIdApplications")) == 1

            # The table follows: what was created, changed and deleted.
            first, second, *_ = world.table("ats_candidates")
            world.change("ats_candidates", first, first_name="Renamed")
            world.delete("ats_candidates", second)
            sandbox.changed(world)
            sandbox.clock.advance(30)  # data-changed comes at most once in 30 seconds
            await sandbox.webhooks.deliver()
            assert {each.status for each in sandbox.webhooks.deliveries} == {200}
            await until(in_step)
            assert {"Renamed", "Ada"} <= set((await shown()).values())

            health = (await app.get("/health")).json()
            assert (health["status"], health["integrations"]) == ("ok", 1)
            await _failures(app, sandbox, job["id"])
            await _forged_webhooks(app)


async def _failures(app: httpx.AsyncClient, sandbox: Sandbox, job_id: str) -> None:
    """Failures of calls are answered as problems, with `Retry-After`, and without what Kombo said."""
    operation = "PostAtsJobsJobIdApplications"
    twice = await app.post("/applications", json=applicant(job_id))
    assert (twice.status_code, twice.json()["code"]) == (422, "ATS.APPLICATION_ALREADY_EXISTS")
    assert twice.headers["content-type"] == "application/problem+json"

    sandbox.faults.add(
        operation=operation, status=429, code="PLATFORM.RATE_LIMIT_EXCEEDED", headers={"Retry-After": "300"}, times=1
    )
    later = await app.post("/applications", json=applicant(job_id, "Bob"))
    assert (later.status_code, later.headers["retry-after"]) == (503, "300")


async def _forged_webhooks(app: httpx.AsyncClient) -> None:
    """Webhooks that are not signed or no events are refused."""
    forged = await app.post("/webhooks/kombo", content=b"{}", headers={"X-Kombo-Signature": "forged"})
    empty = await app.post("/webhooks/kombo", content=b"{}", headers={"X-Kombo-Signature": sign(WEBHOOK_SECRET, b"{}")})
    assert (forged.status_code, empty.status_code) == (401, 400)


async def test_an_outage(tmp_path: Path) -> None:
    """While Kombo is away the app answers, says whether a call may have been done, and leaks nothing."""
    sandbox = Sandbox(integrations=False)
    sandbox.add_integration(LEVER)
    port = free_port()
    async with serve(sandbox) as url:
        command = [*documented("uvicorn"), "--port", str(port)]
        env = environment(sandbox, url, LEVER, DATABASE=str(tmp_path / "mirror.db"))
        async with web_app(command, env, sandbox, port, "/jobs") as app:
            sandbox.faults.add(
                operation="PostAtsJobsJobIdApplications", status=500, message="ada@example.com: stack trace at 10.0.0.7"
            )
            answer = await app.post("/applications", json=applicant("unknown"))
    assert answer.status_code == 502
    assert answer.json()["may_have_applied"] is True
    for leak in ("ada@example.com", "10.0.0.7", "log", sandbox.api_key):
        assert leak not in answer.text
