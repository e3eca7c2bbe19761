"""An outage, a first sync or a busy integration affects only that integration's rows."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from kombo_async import RetryPolicy, ats
from kombo_async.bulk import Claim, Entry, JournalLocked, NoJournal, Outcome, Row, RowKey
from kombo_async.sandbox import Sandbox
from tests.bulk.conftest import CREATE

pytestmark = pytest.mark.anyio
NONE = RetryPolicy.none()


def sandbox_of(*integrations: str, latency: float = 0.0, virtual_time: bool = False) -> Sandbox:
    """A sandbox with these integrations."""
    sandbox = Sandbox(
        candidates=0,
        jobs=3,
        allow_duplicates=True,
        integrations=False,
        latency=latency,
        virtual_time=virtual_time,
    )
    for integration in integrations:
        sandbox.add_integration(integration)
    return sandbox


def row(sandbox: Sandbox, integration: str, number: int) -> Row:
    """An application for a job of that integration."""
    jobs = sandbox.world(integration).table("ats_jobs")
    job_id = next(each.id for each in jobs if each.data["status"] == "OPEN")
    person = ats.CandidateInput(first_name="Ada", last_name=str(number), email_address=f"{number}@example.com")
    return Row(ats.CreateApplication(job_id=job_id, candidate=person), integration_id=integration, tag=number)


def count(outcomes: list[Outcome]) -> dict[str | None, Counter[str]]:
    """The results, by integration."""
    counted: dict[str | None, Counter[str]] = {}
    for each in outcomes:
        counted.setdefault(each.integration_id, Counter())[each.result] += 1
    return counted


@pytest.mark.parametrize("fault", [{"status": 500, "code": "REMOTE.SERVICE_UNAVAILABLE"}, {"connection": "reset"}])
async def test_an_outage_leaves_few_doubts(fault: dict[str, str], tmp_path: Path) -> None:
    """An outage leaves at most a few dozen rows in doubt, the rest unsent, and other integrations unaffected."""
    sandbox = sandbox_of("greenhouse:down", "lever:up")
    sandbox.faults.add(CREATE, integration="greenhouse:down", **fault)  # type: ignore[arg-type]
    integrations = ("greenhouse:down", "lever:up")
    rows = [row(sandbox, integrations[number % 2], number) for number in range(600)]
    async with sandbox.client(retry=NONE) as kombo:
        counted = count([each async for each in kombo.bulk(rows, journal=tmp_path / "j")])
        assert counted["lever:up"] == {"done": 300}
        down = counted["greenhouse:down"]
        assert down["in_doubt"] <= 35
        assert down["in_doubt"] + down["unsent"] == 300
        asked = len(sandbox.requests(CREATE))
        sandbox.faults.clear()
        counted = count([each async for each in kombo.bulk(rows, journal=tmp_path / "j")])
    assert counted["greenhouse:down"]["done"] == down["unsent"]
    assert len(sandbox.requests(CREATE)) - asked == down["unsent"]


async def test_one_row_finds_out_that_an_outage_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a pause, one row is sent alone; once it is done, the others follow."""
    monkeypatch.setattr("kombo_async.bulk._gate.REST", 0.2)
    sandbox = sandbox_of("greenhouse:down")
    sandbox.faults.add(CREATE, status=500, code="REMOTE.SERVICE_UNAVAILABLE", times=5)

    def rows() -> Iterator[Row]:
        for number in range(400):
            if number == 100:
                time.sleep(0.3)
            yield row(sandbox, "greenhouse:down", number)

    async with sandbox.client(retry=NONE) as kombo:
        run = kombo.bulk(rows(), concurrency=1)
        results = [each.result async for each in run]
    assert results.count("in_doubt") == 5
    assert results.count("unsent") == 95
    assert results.count("done") == 300


async def test_a_pending_first_sync_is_asked_about_once() -> None:
    """Rows of an integration in its first sync do not hold up others, and are not tried one by one."""
    sandbox = sandbox_of("greenhouse:new", *(f"lever:{number}" for number in range(9)))
    sandbox.faults.add(CREATE, integration="greenhouse:new", status=409, code="INTEGRATION.SETUP_SYNC_PENDING")
    integrations = list(sandbox.integrations)
    rows = [row(sandbox, integrations[number % 10], number) for number in range(1000)]
    async with sandbox.client(retry=RetryPolicy(sync_wait=1.0, initial_delay=0.1)) as kombo:
        start = time.monotonic()
        outcomes = [each async for each in kombo.bulk(rows)]
        seconds = time.monotonic() - start
    counted = count(outcomes)
    assert counted.pop("greenhouse:new") == {"unsent": 100}
    assert all(each == {"done": 100} for each in counted.values())
    assert len(sandbox.requests(CREATE, status=409)) < 100
    assert seconds < 20


async def test_a_first_sync_that_ends_lets_all_rows_go() -> None:
    """While one row waits for the first sync, others of its integration wait for it, then are sent."""
    sandbox = sandbox_of("greenhouse:new")
    sandbox.faults.add(CREATE, status=409, code="INTEGRATION.SETUP_SYNC_PENDING", times=6)
    rows = [row(sandbox, "greenhouse:new", number) for number in range(200)]
    async with sandbox.client(retry=RetryPolicy(sync_wait=5.0, initial_delay=0.1)) as kombo:
        outcomes = [each async for each in kombo.bulk(rows)]
    assert count(outcomes)["greenhouse:new"] == {"done": 200}


async def test_sorted_input_keeps_several_integrations_busy() -> None:
    """Sorted input keeps several integrations busy, since the run reads ahead."""
    sandbox = sandbox_of(*(f"lever:{number}" for number in range(6)), latency=0.2)
    rows = [row(sandbox, integration, number) for integration in sandbox.integrations for number in range(100)]
    async with sandbox.client() as kombo:
        assert {each.result async for each in kombo.bulk(rows)} == {"done"}
    order = [each.integration for each in sandbox.requests(CREATE)]
    at_a_time = [len(set(order[start : start + 60])) for start in range(0, len(order), 60)]
    assert sum(at_a_time) / len(at_a_time) > 2.5  # 1.4 without looking ahead


async def test_looking_ahead_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading ahead is bounded, whatever waits."""
    monkeypatch.setattr("kombo_async.bulk._source.LOOK_AHEAD", 50)
    sandbox = sandbox_of("lever:slow", latency=0.05)
    read = 0
    taken = 0

    def rows() -> Iterator[Row]:
        nonlocal read
        for number in range(500):
            read += 1
            yield row(sandbox, "lever:slow", number)

    async with sandbox.client() as kombo:
        async for _ in kombo.bulk(rows(), concurrency=60):
            taken += 1
            assert read <= taken + 60 + 50 + 1
            await anyio.lowlevel.checkpoint()
    assert taken == 500


class Strict(NoJournal):
    """A journal as strict as the one in Redis: a row that is no longer this run's cannot be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: set[RowKey] = set()

    async def claim(self, key: RowKey) -> Claim:
        """Take the row."""
        self.taken.add(key)
        return await super().claim(key)

    async def record(self, key: RowKey, entry: Entry, *, hold: bool = False) -> bool:
        """Raise what a lease that has lapsed raises."""
        if entry.state == "sending" and key not in self.taken:
            raise JournalLocked("another run may have this row")
        if entry.state != "sending" and not hold:
            self.taken.discard(key)
        return await super().record(key, entry, hold=hold)


async def test_a_row_that_waits_for_its_integration_stays_this_runs() -> None:
    """Rows about to be sent when a first sync is noticed wait for it, and are sent once it is over."""
    sandbox = sandbox_of("lever:new", latency=0.5, virtual_time=True)
    sandbox.faults.add(CREATE, status=429, code="PLATFORM.RATE_LIMIT_EXCEEDED", times=20)
    sandbox.faults.add(CREATE, status=409, code="INTEGRATION.SETUP_SYNC_PENDING", times=3)
    retry = RetryPolicy(attempts=30, initial_delay=0.001, max_delay=0.01)
    async with sandbox.client(retry=retry) as kombo:
        rows = [row(sandbox, "lever:new", number) for number in range(40)]
        outcomes = [each async for each in kombo.bulk(rows, journal=Strict())]
    assert Counter(each.result for each in outcomes) == {"done": 40}
