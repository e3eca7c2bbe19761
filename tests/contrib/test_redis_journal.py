"""The journal in Redis, against a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import anyio
import attrs
import pytest

pytest.importorskip("redis")

from redis.asyncio import Redis

from kombo_async import ats
from kombo_async.bulk import Entry, JournalError, JournalLocked, JournalMismatch, Row, RowKey
from kombo_async.bulk.redis import RedisJournal
from kombo_async.sandbox import Sandbox
from tests.support.redis_server import needs_redis, redis_server

pytestmark = [pytest.mark.anyio, needs_redis]

ADDRESS = "https://api.kombo.dev/v1"
KEY = RowKey("7", "PostAtsCandidates", "lever:demo")
SENDING = Entry(state="sending", digest="d", first_sent=datetime(2026, 5, 19, tzinfo=UTC))
DONE = attrs.evolve(SENDING, state="done", ids={"id": "abc"}, message="ÄÖ\n\x00")


@pytest.fixture
def anyio_backend() -> str:
    """Redis's own client needs asyncio."""
    return "asyncio"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server."""
    with redis_server() as url:
        yield url


@asynccontextmanager
async def run_of(server: str, job: str, lease: float = 30.0, **settings: Any) -> AsyncIterator[RedisJournal]:
    """A run that is open."""
    journal = RedisJournal(server, job=job, lease=lease, **settings)
    await journal.open(ADDRESS)
    try:
        yield journal
    finally:
        await journal.aclose()


async def die(journal: RedisJournal) -> None:
    """End a run as `kill -9` would: it renews its lease no more, and gives nothing back."""
    assert journal._renewing is not None
    journal._renewing.cancel()
    await anyio.sleep(journal._lease + 0.05)


async def test_a_row_from_run_to_run(server: str) -> None:
    """What is recorded of a row comes back whole in the next run."""
    async with run_of(server, "rows") as first:
        assert await first.claim(KEY) == (await first.claim(RowKey("8", "x", "y")))
        await first.record(KEY, SENDING)
        await first.record(KEY, DONE)
        assert (await first.claim(KEY)).status == "met"
    async with run_of(server, "rows") as second:
        claim = await second.claim(KEY)
        assert (claim.entry, claim.status) == (DONE, "ours")
        await second.release(KEY)
        assert (await second.claim(KEY)).entry == DONE
        assert await second.look_up([KEY, RowKey("9", "x", "y")]) == [DONE, None]
        assert [each async for each in second.entries()] == [(KEY, DONE)]


async def test_a_row_is_one_workers_at_a_time(server: str) -> None:
    """A row that a living run has is taken for all others; a row given back, or recorded, is free."""
    async with run_of(server, "one") as first, run_of(server, "one") as second:
        assert (await first.claim(KEY)).status == "ours"
        assert (await second.claim(KEY)).status == "held"
        await first.record(KEY, SENDING)
        assert (await second.claim(KEY)).status == "held"
        await first.record(KEY, attrs.evolve(SENDING, state="unsent"))
        assert (await second.claim(KEY)).status == "ours"
        await second.release(KEY)
        assert (await first.claim(KEY)).status == "ours"


async def test_the_rows_of_a_dead_run(server: str) -> None:
    """Once a run's lease has lapsed, what it was sending comes to others as `sending`: it is in doubt."""
    dead = RedisJournal(server, job="dead", lease=0.2)
    await dead.open(ADDRESS)
    await dead.claim(KEY)
    await dead.record(KEY, SENDING)
    await dead.claim(RowKey("8", "x", "y"))
    async with run_of(server, "dead") as living:
        assert (await living.claim(KEY)).status == "held"
        await die(dead)
        claim = await living.claim(KEY)
        assert (claim.entry, claim.status) == (SENDING, "ours")
        assert (await living.claim(RowKey("8", "x", "y"))).status == "ours"
    await dead.aclose()


async def test_a_run_that_was_held_up(server: str) -> None:
    """A run whose lease has lapsed sends nothing more; what it knows to be done is recorded all the same."""
    async with run_of(server, "held", lease=0.2) as slow, run_of(server, "held") as other:
        await slow.claim(KEY)
        await slow.record(KEY, SENDING)
        await die(slow)
        assert (await other.claim(KEY)).status == "ours"
        with pytest.raises(JournalLocked, match="not heard of"):
            await slow.record(KEY, SENDING)
        with pytest.raises(JournalLocked):
            await slow.claim(RowKey("new", "x", "y"))
        await slow.record(KEY, attrs.evolve(SENDING, state="in_doubt"))
        assert await other.look_up([KEY]) == [SENDING]
        await slow.record(KEY, DONE)
        assert await other.look_up([KEY]) == [DONE]
        with pytest.raises(JournalLocked):
            await other.record(KEY, SENDING)


async def test_a_lease_is_renewed(server: str) -> None:
    """A run that lives for longer than its lease keeps its rows."""
    async with run_of(server, "renewed", lease=0.2) as first, run_of(server, "renewed") as second:
        await first.claim(KEY)
        await anyio.sleep(0.6)
        assert (await second.claim(KEY)).status == "held"
        await first.record(KEY, SENDING)


async def test_another_address(server: str) -> None:
    """A journal of uploads to another address is refused."""
    async with run_of(server, "address"):
        pass
    journal = RedisJournal(server, job="address")
    with pytest.raises(JournalMismatch, match="address"):
        await journal.open("https://api.us.kombo.dev/v1")
    await journal.aclose()


async def test_a_redis_that_evicts() -> None:
    """A Redis that may forget rows to make room is refused."""
    with redis_server("--maxmemory-policy", "allkeys-lru") as url:
        journal = RedisJournal(url, job="evicted")
        with pytest.raises(JournalError, match="evicts"):
            await journal.open(ADDRESS)
        await journal.aclose()


async def test_a_redis_that_is_away() -> None:
    """A Redis that cannot be reached is a `JournalError`, and nothing is sent."""
    sandbox = Sandbox(integrations=False)
    sandbox.add_integration("lever:demo")
    with redis_server() as url:
        journal = RedisJournal(url, job="away")
        await journal.open(ADDRESS)
        await journal.claim(KEY)
    with pytest.raises(JournalError, match="cannot be used"):
        await journal.record(KEY, SENDING)
    with pytest.raises(JournalError):
        await journal.aclose()
    async with sandbox.client("lever:demo") as kombo:
        with pytest.raises(JournalError):
            async for _ in kombo.bulk([ats.GetJobs()], journal=RedisJournal(url, job="away")):
                pass
    assert sandbox.requests() == []


@pytest.mark.parametrize("decode", [False, True])
async def test_a_bulk_run(server: str, decode: bool) -> None:
    """A bulk run works on it, with a client of the caller's, too: what is done is not sent again."""
    sandbox = Sandbox(integrations=False)
    sandbox.add_integration("lever:demo")
    job = next(row.id for row in sandbox.world("lever:demo").table("ats_jobs") if row.data["status"] == "OPEN")
    rows = [
        Row(
            ats.CreateApplication(
                job_id=job,
                candidate=ats.CandidateInput(
                    first_name="Ada", last_name=str(number), email_address=f"{number}@example.com"
                ),
            ),
            key=str(number),
        )
        for number in range(40)
    ]
    redis = Redis.from_url(server, decode_responses=decode)
    async with redis, sandbox.client("lever:demo") as kombo:
        for earlier in (False, True):
            journal = RedisJournal(redis, job=f"bulk {decode}")
            outcomes = [outcome async for outcome in kombo.bulk(rows, journal=journal)]
            assert {(outcome.result, outcome.earlier) for outcome in outcomes} == {("done", earlier)}
            assert len(outcomes) == 40
    assert len(sandbox.performed("PostAtsJobsJobIdApplications")) == 40
