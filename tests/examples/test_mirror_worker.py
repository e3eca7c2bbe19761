"""The worker that follows many customers, by its own commands, against the sandbox: one of two is killed."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from kombo_async.mirror import SqliteStore, _scheduler
from kombo_async.sandbox import Sandbox, serve
from tests.examples.running import documented, end, environment, start, until
from tests.mirror.source import rows

pytestmark = pytest.mark.anyio
INTEGRATIONS = [f"lever:{number}" for number in range(20)]


@pytest.fixture
def anyio_backend() -> str:
    """uvicorn, which serves the sandbox, needs asyncio."""
    return "asyncio"


async def test_the_worker(tmp_path: Path) -> None:
    """Two workers follow customers that are added; when one is killed, the other goes on with all of them."""
    sandbox = Sandbox(integrations=False, candidates=3)
    for integration_id in INTEGRATIONS:
        sandbox.add_integration(integration_id)
    path = tmp_path / "mirror.db"
    async with serve(sandbox) as url:
        command = documented("python examples/mirror_worker.py  ")
        env = environment(sandbox, url, INTEGRATIONS[0], DATABASE=str(path))
        added = start([*command, "add", *INTEGRATIONS], env)
        printed, _ = await to_thread.run_sync(lambda: added.communicate(timeout=60))
        assert (added.returncode, printed) == (0, b"")
        workers = [start(command, env) for _ in range(2)]
        try:

            async def all_there() -> bool:
                return len(rows(path, "candidates", "id")) == 3 * len(INTEGRATIONS)

            await until(all_there, seconds=60)
            workers[0].kill()
            world = sandbox.world(INTEGRATIONS[7])
            world.change("ats_candidates", world.table("ats_candidates")[0], first_name="Renamed")
            store = SqliteStore(path)
            await store.open([])
            await store.tell(INTEGRATIONS[7])
            await store.aclose()

            async def followed() -> bool:
                return "Renamed" in rows(path, "candidates", "first_name").values()

            await until(followed, seconds=_scheduler.LEASE + 30)
        finally:
            with anyio.CancelScope(shield=True):
                workers[0].kill()
                workers[0].communicate()
                shown = await to_thread.run_sync(end, workers[1])
    assert "Traceback" not in shown, shown
    health = json.loads(shown.splitlines()[0])
    assert health["integrations"] == 20
