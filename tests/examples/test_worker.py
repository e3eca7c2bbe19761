"""The worker example: one upload by eight worker processes that share a journal in a real Redis.

One of them is killed, one stands still for longer than its lease.
"""

from __future__ import annotations

import csv
import importlib
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import anyio
import pytest

from kombo_async.bulk.redis import RedisJournal
from kombo_async.sandbox import Sandbox, serve
from tests.examples.running import ROOT, documented, environment, until
from tests.support.redis_server import needs_redis, redis_server

pytest.importorskip("taskiq_redis")
pytestmark = [pytest.mark.anyio, needs_redis, pytest.mark.timeout(240)]

INTEGRATIONS = ("greenhouse:demo", "lever:demo", "teamtailor:demo", "ashby:demo")
WORKERS = 8
ROWS = 2_000
CREATE = "PostAtsJobsJobIdApplications"


@pytest.fixture
def anyio_backend() -> str:
    """uvicorn, which serves the sandbox, needs asyncio."""
    return "asyncio"


def write_rows(path: Path, sandbox: Sandbox, count: int) -> None:
    """The input: applications in turn for each integration."""
    jobs = {
        integration: next(
            row.id for row in sandbox.world(integration).table("ats_jobs") if row.data["status"] == "OPEN"
        )
        for integration in INTEGRATIONS
    }
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "integration_id", "job_id", "first_name", "last_name", "email"])
        for number in range(count):
            integration = INTEGRATIONS[number % len(INTEGRATIONS)]
            email = f"ada.{number}@example.com"
            writer.writerow([number, integration, jobs[integration], "Ada", f"Doe {number}", email])


def start(command: list[str], env: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a process in a group of its own, so that it can be killed with all that it has started."""
    with log.open("wb") as output:
        return subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=output, start_new_session=True)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill *process* and its children as `kill -9` does."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=20)


WORKER = documented("taskiq worker")
SCHEDULER = [*documented("taskiq scheduler"), "--update-interval", "1"]
UPLOAD = documented("python examples/worker/upload.py")[:-1]


async def ended(process: subprocess.Popen[bytes], seconds: float) -> int:
    """The exit code of *process*."""
    with anyio.fail_after(seconds):
        while process.poll() is None:  # noqa: ASYNC110 - another process has no event to wait for
            await anyio.sleep(0.05)
    code: int = process.returncode
    return code


def test_an_idle_worker_keeps_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing limits how long a worker waits for its next task: redis-py limits a read to 5 s, unless told."""
    monkeypatch.syspath_prepend(str(ROOT / "examples" / "worker"))
    tasks = importlib.import_module("tasks")
    monkeypatch.delitem(sys.modules, "tasks")
    assert tasks.broker.connection_pool.connection_kwargs["socket_timeout"] is None


async def settled_by_looking(redis: str, job: str) -> int:
    """How many rows are done because their applications were found."""
    journal = RedisJournal(redis, job=job)
    found = [entry.proof == "look" async for _, entry in journal.entries()]
    await journal.aclose()
    return sum(found)


async def test_eight_workers_of_which_two_fail(tmp_path: Path) -> None:
    """2,000 rows for four integrations go through eight workers, one killed, one stopped for longer than its lease.

    Each is performed exactly once, no integration ever has more than 30 actions in flight, and a second run of the same
    command sends nothing. Of what the two had just sent, some may stay in doubt: what is found counts as theirs only
    if it is certainly no older than that.
    """
    # A row that is sent twice would be made twice here, and not be refused.
    sandbox = Sandbox(integrations=False, candidates=0, jobs=3, latency=0.1, allow_duplicates=True)
    for integration in INTEGRATIONS:
        sandbox.add_integration(integration)
    rows = tmp_path / "applications.csv"
    write_rows(rows, sandbox, ROWS)
    processes: list[subprocess.Popen[bytes]] = []

    async def a_third_is_done() -> bool:
        return len(sandbox.performed(CREATE)) >= ROWS / 3

    with redis_server() as redis:
        async with serve(sandbox) as url:
            env = environment(sandbox, url, INTEGRATIONS[0], REDIS_URL=redis, LEASE="3", AGAIN="6", RESEND_AFTER="2")
            try:
                for number in range(WORKERS):
                    command = [*WORKER, "--max-async-tasks", "3"]
                    processes.append(start(command, env, tmp_path / f"worker{number}.log"))
                first = start([*UPLOAD, str(rows)], env, tmp_path / "upload.log")
                processes.append(first)
                await until(a_third_is_done, seconds=60)
                in_flight = {each: sandbox.concurrency.in_flight(each) for each in INTEGRATIONS}
                kill(processes[0])
                os.killpg(processes[1].pid, signal.SIGSTOP)
                await anyio.sleep(5)
                os.killpg(processes[1].pid, signal.SIGCONT)
                assert await ended(first, 150) in (0, 3), (tmp_path / "upload.log").read_text()
                performed = len(sandbox.performed(CREATE))
                again = start([*UPLOAD, str(rows)], env, tmp_path / "again.log")
                processes.append(again)
                assert await ended(again, 60) in (0, 3)
            finally:
                for process in reversed(processes):
                    kill(process)
        found = await settled_by_looking(redis, rows.name)
    applicants = Counter(call.body["candidate"]["email_address"] for call in sandbox.performed(CREATE))
    refused = len(sandbox.requests(CREATE, status=429))
    most = max(sandbox.concurrency.most.values())
    sys.stdout.write(f"refused {refused}, most at once {most}, in flight {in_flight}, settled by looking {found}\n")
    assert sum(in_flight.values()) > 0
    assert len(applicants) == ROWS
    assert set(applicants.values()) == {1}
    assert len(sandbox.performed(CREATE)) == performed == ROWS
    assert most <= 30
    assert refused < 0.1 * ROWS  # what the stopped worker had in flight no longer counts as a place
    last = (tmp_path / "again.log").read_text().splitlines()[-1]
    states = {state: int(number) for number, state in (each.split() for each in last.split(", "))}
    assert states["done"] + states.get("in_doubt", 0) == ROWS
    assert states.get("in_doubt", 0) <= 2 * 30  # what two of eight workers can have in flight


async def test_a_first_sync_in_progress(tmp_path: Path) -> None:
    """Rows of an integration whose first sync still runs are sent later, by the scheduler; no worker waits for it."""
    sandbox = Sandbox(integrations=False, candidates=0, jobs=3, allow_duplicates=True)
    for integration in INTEGRATIONS:
        sandbox.add_integration(integration)
    sandbox.faults.add(
        operation=CREATE,
        integration="lever:demo",
        status=409,
        code="INTEGRATION.SETUP_SYNC_PENDING",
        headers={"Retry-After": "2"},
        times=20,
    )
    rows = tmp_path / "applications.csv"
    write_rows(rows, sandbox, 60)
    processes: list[subprocess.Popen[bytes]] = []
    with redis_server() as redis:
        async with serve(sandbox) as url:
            env = environment(sandbox, url, INTEGRATIONS[0], REDIS_URL=redis, AGAIN="600")
            try:
                processes.append(start(WORKER, env, tmp_path / "worker.log"))
                processes.append(start(SCHEDULER, env, tmp_path / "scheduler.log"))
                upload = start([*UPLOAD, str(rows)], env, tmp_path / "upload.log")
                processes.append(upload)
                assert await ended(upload, 60) == 0
            finally:
                for process in reversed(processes):
                    kill(process)
    applicants = Counter(call.body["candidate"]["email_address"] for call in sandbox.performed(CREATE))
    assert (len(applicants), set(applicants.values())) == (60, {1})
    assert len(sandbox.requests(CREATE, status=409)) == 20
