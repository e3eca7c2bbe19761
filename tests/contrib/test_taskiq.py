"""The client in taskiq's tasks."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

pytest.importorskip("taskiq")

from taskiq import InMemoryBroker, ScheduledTask, ScheduleSource, TaskiqScheduler

from kombo_async import AsyncKomboClient, SyncPending, ats
from kombo_async.contrib.taskiq import WORKER_CLIENT, SyncPendingLater, use_kombo
from kombo_async.sandbox import Sandbox, SandboxTransport

pytestmark = pytest.mark.anyio
LEVER = "lever:demo"


@pytest.fixture
def anyio_backend() -> str:
    """taskiq is for asyncio."""
    return "asyncio"


class Schedules(ScheduleSource):
    """Tasks for later, in a list."""

    def __init__(self) -> None:
        self.tasks: list[ScheduledTask] = []

    async def get_schedules(self) -> list[ScheduledTask]:
        """All of them."""
        return self.tasks

    async def add_schedule(self, schedule: ScheduledTask) -> None:
        """Keep one more."""
        self.tasks.append(schedule)


def worker(sandbox: Sandbox, later: SyncPendingLater | None = None, **settings: Any) -> tuple[InMemoryBroker, Any]:
    """A broker whose worker is this process, and a task that counts jobs."""
    broker = InMemoryBroker(await_inplace=True).with_middlewares(*([later] if later else []))
    use_kombo(
        broker,
        api_key=sandbox.api_key,
        base_url="http://sandbox.localhost/v1",
        transport=SandboxTransport(sandbox),
        integration_id=LEVER,
        **settings,
    )

    @broker.task
    async def count_jobs(kombo: AsyncKomboClient = WORKER_CLIENT) -> int:
        return len((await kombo.send(ats.GetJobs())).unwrap().results)

    return broker, count_jobs


def sandbox_of(**settings: Any) -> Sandbox:
    """A sandbox with one integration."""
    sandbox = Sandbox(integrations=False, jobs=3)
    sandbox.add_integration(LEVER, **settings)
    return sandbox


async def test_the_client_of_a_worker() -> None:
    """A task gets the client of its worker, which is opened and closed with it."""
    broker, count_jobs = worker(sandbox_of())
    await broker.startup()
    result = await (await count_jobs.kiq()).wait_result(timeout=5)
    assert result.return_value == 3
    kombo = broker.state.kombo
    await broker.shutdown()
    with pytest.raises(RuntimeError, match="closed"):
        await kombo.send(ats.GetJobs(), integration_id=LEVER)


async def test_a_worker_without_client() -> None:
    """A task of a broker that has no client says what to do."""
    broker = InMemoryBroker(await_inplace=True)

    @broker.task
    async def task(kombo: AsyncKomboClient = WORKER_CLIENT) -> None:
        raise AssertionError("this must not run")

    await broker.startup()
    result = await (await task.kiq()).wait_result(timeout=5)
    with pytest.raises(RuntimeError, match="use_kombo"):
        result.raise_for_error()
    await broker.shutdown()


async def test_a_first_sync_in_progress() -> None:
    """A task that gets `SyncPending` holds no worker: it is sent again later, and has its result then."""
    broker, count_jobs = worker(sandbox_of(calls=2), SyncPendingLater(initial_delay=timedelta(milliseconds=20)))
    await broker.startup()
    task = await count_jobs.kiq()
    assert not await task.is_ready()
    result = await task.wait_result(timeout=5)
    assert result.return_value == 3
    await broker.shutdown()


async def test_a_task_for_later_in_a_schedule() -> None:
    """With a schedule, the task waits there, under its own ID and with its labels; waits get longer."""
    schedules = Schedules()
    sandbox = sandbox_of(sync_pending=True)
    broker, count_jobs = worker(sandbox, SyncPendingLater(schedules))
    scheduler = TaskiqScheduler(broker, [schedules])
    await broker.startup()
    now = datetime.now(UTC)
    task = await count_jobs.kicker().with_labels(mine="1").kiq()
    (first,) = schedules.tasks
    await scheduler.on_ready(schedules, first)
    second = schedules.tasks[-1]
    assert [each.task_id for each in schedules.tasks] == [task.task_id] * 2
    waits = [each.time - now for each in (first, second) if each.time is not None]
    assert timedelta(minutes=1) <= waits[0] < timedelta(minutes=1.5) < waits[1] < timedelta(minutes=2.5)
    assert second.labels["mine"] == "1"
    sandbox.integrations[LEVER].sync.finish()
    await scheduler.on_ready(schedules, second)
    assert (await task.wait_result(timeout=5)).return_value == 3
    await broker.shutdown()


async def test_giving_up() -> None:
    """After `give_up`, the failure is the task's result."""
    broker, count_jobs = worker(sandbox_of(sync_pending=True), SyncPendingLater(give_up_after=timedelta()))
    await broker.startup()
    result = await (await count_jobs.kiq()).wait_result(timeout=5)
    assert isinstance(result.error, SyncPending)
    await broker.shutdown()


async def test_other_failures() -> None:
    """Any other failure is the task's result at once."""
    sandbox = sandbox_of(active=False)
    broker, count_jobs = worker(sandbox, SyncPendingLater())
    await broker.startup()
    result = await (await count_jobs.kiq()).wait_result(timeout=5)
    with pytest.raises(Exception, match=r"INTEGRATION\.INACTIVE"):
        result.raise_for_error()
    assert len(sandbox.requests()) == 1
    await broker.shutdown()


async def test_what_waits_when_a_worker_ends() -> None:
    """A worker that ends leaves no waiting task behind."""
    broker, count_jobs = worker(sandbox_of(sync_pending=True), SyncPendingLater())
    await broker.startup()
    await count_jobs.kiq()
    before = asyncio.all_tasks()
    await broker.shutdown()
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) < len(before)
