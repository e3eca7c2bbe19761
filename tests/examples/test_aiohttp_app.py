"""The aiohttp example, started by its own command, against the sandbox over real sockets."""

from __future__ import annotations

from pathlib import Path

import pytest

from kombo_async.sandbox import Sandbox, serve
from tests.examples.running import documented, environment, free_port, until, web_app

pytest.importorskip("aiohttp")
pytestmark = pytest.mark.anyio
PERSONIO = "personio:demo"


@pytest.fixture
def anyio_backend() -> str:
    """uvicorn, which serves the sandbox, needs asyncio."""
    return "asyncio"


async def test_the_app(tmp_path: Path) -> None:
    """People ask for days off, what is there shows, and refusals and forged webhooks are answered as such."""
    sandbox = Sandbox(integrations=False, employees=6)
    sandbox.add_integration(PERSONIO)
    world, port = sandbox.world(PERSONIO), free_port()
    async with serve(sandbox) as url:
        env = environment(sandbox, url, PERSONIO, DATABASE=str(tmp_path / "mirror.db"), PORT=str(port))
        async with web_app(documented("python examples/aiohttp"), env, sandbox, port, "/absences") as app:

            async def in_step() -> bool:
                shown = {each["id"] for each in (await app.get("/absences")).json()}
                return shown == {row.id for row in world.table("hris_absences") if not row.deleted}

            await until(in_step)
            wish = {
                "employee_id": next(row.id for row in world.table("hris_employees")),
                "absence_type_id": next(row.id for row in world.table("hris_absence_types")),
                "start_date": "2030-07-01",
                "end_date": "2030-07-12",
            }
            created = await app.post("/absences", json=wish)
            assert created.status_code == 201, created.text
            world.delete("hris_absences", world.table("hris_absences")[0])
            sandbox.changed(world)
            sandbox.clock.advance(30)  # data-changed comes at most once in 30 seconds
            await sandbox.webhooks.deliver()
            assert {each.status for each in sandbox.webhooks.deliveries} == {200}
            await until(in_step)
            assert created.json()["id"] in {each["id"] for each in (await app.get("/absences")).json()}

            sandbox.faults.add(
                operation="PostHrisAbsences", status=409, code="INTEGRATION.SETUP_SYNC_PENDING", times=99
            )
            pending = await app.post("/absences", json=wish)
            assert (pending.status_code, pending.headers["retry-after"]) == (503, "60")
            assert pending.headers["content-type"] == "application/problem+json"

            forged = await app.post("/webhooks/kombo", content=b"{}", headers={"X-Kombo-Signature": "forged"})
            large = await app.post("/webhooks/kombo", content=b"x" * 3_000_000)
            assert (forged.status_code, large.status_code) == (401, 413)
