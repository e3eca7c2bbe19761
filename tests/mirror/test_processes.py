"""Several processes for one store, killed at random: in the end, the tables equal Kombo's lists."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest

from kombo_async import AsyncKomboClient
from kombo_async.mirror import Mirror
from kombo_async.sandbox import Sandbox, serve
from tests.examples.running import environment
from tests.mirror.follower import TABLES
from tests.mirror.stores import Place

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
INTEGRATIONS = [f"lever:{number}" for number in range(12)]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The sandbox is served by asyncio; the processes have loops of their own."""
    return "asyncio", {"use_uvloop": False}


def start(place: Place, env: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a process."""
    at = str(place.path) if place.address is None else f"{place.address}#{place.schema}"
    command = [sys.executable, "-m", "tests.mirror.follower", at, "2"]
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def expected(kombo: AsyncKomboClient) -> dict[str, dict[tuple[str, str], Any]]:
    """All records of all lists, by table, integration and ID."""
    found: dict[str, dict[tuple[str, str], Any]] = {}
    for table in TABLES:
        found[table.name] = {}
        for integration_id in INTEGRATIONS:
            reply = await kombo.send(table.request.evolve(page_size=250), integration_id=integration_id)
            data = reply.raw_response.json()["data"]
            assert data["next"] is None
            found[table.name] |= {(integration_id, each["id"]): each for each in data["results"]}
    return found


def mirrored(place: Place) -> dict[str, dict[tuple[str, str], Any]]:
    """All records of all tables."""
    return {table.name: place.records(table.name) for table in TABLES}


@pytest.mark.parametrize("seed", [1])
async def test_killed_at_random(seed: int, place: Place) -> None:
    """Three processes are killed and paused at random while records change; the tables soon equal the lists."""
    random = Random(seed)
    sandbox = Sandbox(integrations=False, candidates=12)
    for integration_id in INTEGRATIONS:
        sandbox.add_integration(integration_id)
    async with serve(sandbox) as url, AsyncKomboClient(sandbox.api_key, base_url=url) as kombo:
        env = environment(sandbox, url, INTEGRATIONS[0])
        async with Mirror(kombo, place.store(), TABLES) as teller:
            for integration_id in INTEGRATIONS:
                await teller.store.add(integration_id, "ATS")
            processes = [start(place, env) for _ in range(3)]
            try:
                await disturb(sandbox, teller, processes, random, place, env)
                begin = time.monotonic()
                with anyio.move_on_after(45):
                    while True:
                        if mirrored(place) == await expected(kombo):
                            break
                        await anyio.sleep(0.5)
                assert mirrored(place) == await expected(kombo)
                assert time.monotonic() - begin < 45
            finally:
                for process in processes:
                    process.kill()
                    process.wait()


async def disturb(
    sandbox: Sandbox,
    teller: Mirror,
    processes: list[subprocess.Popen[bytes]],
    random: Random,
    place: Place,
    env: dict[str, str],
) -> None:
    """Ten seconds of changes, kills and pauses."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        await anyio.sleep(0.15)
        for _ in range(5):
            world = sandbox.world(random.choice(INTEGRATIONS))
            change(world, random)
        integration_id = random.choice(INTEGRATIONS)
        if random.random() < 0.7:
            await teller.store.tell(integration_id)
        number = random.randrange(3)
        chance = random.random()
        if chance < 0.1:
            processes[number].kill()
            processes[number].wait()
            processes[number] = start(place, env)
        elif chance < 0.15:
            os.kill(processes[number].pid, signal.SIGSTOP)
            await anyio.sleep(2.5)
            os.kill(processes[number].pid, signal.SIGCONT)


def change(world: Any, random: Random) -> None:
    """Change or delete a record, or rename what others nest."""
    model, field = random.choice(
        [("ats_candidates", "first_name")] * 3 + [("ats_application_stages", "name"), ("ats_jobs", "name")]
    )
    rows = [row for row in world.table(model) if not row.deleted]
    if model == "ats_candidates" and random.random() < 0.1 and len(rows) > 5:
        world.delete(model, random.choice(rows))
    elif rows:
        world.change(model, random.choice(rows), **{field: f"Name {random.random()}"})
