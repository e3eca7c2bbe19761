"""The journal in Redis, against a real server."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from email.utils import formatdate
from functools import partial
from typing import Any

import anyio
import attrs
import httpx
import pytest

pytest.importorskip("redis")

from redis.asyncio import Redis

from kombo_async import ats
from kombo_async.bulk import (
    ApplicationReconciler,
    Entry,
    JournalDamaged,
    JournalError,
    JournalLocked,
    JournalMismatch,
    Row,
    RowKey,
    redis,
)
from kombo_async.bulk._identity import subject_of
from kombo_async.bulk._redis_clients import CONNECTIONS
from kombo_async.bulk.redis import RedisJournal
from kombo_async.sandbox import Sandbox
from tests.support.redis_server import needs_redis, redis_server
from tests.support.wire import APPLICATION, mock_client, sent_json

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
    """End a run as `kill -9` would: without renewing its lease or giving anything back."""
    assert journal._renewing is not None
    journal._renewing.cancel()
    await anyio.sleep(journal._lease + 0.05)


async def test_a_row_from_run_to_run(server: str) -> None:
    """Everything recorded for a row is there in the next run."""
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
    """A row that a live run has is held; once released or recorded, it is free."""
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
    """Once a run's lease has lapsed, others get the rows it was sending as `sending`: they are in doubt."""
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
    """A run whose lease has lapsed sends nothing more, but still records what it knows to be done."""
    async with run_of(server, "held", lease=0.2) as slow, run_of(server, "held") as other:
        await slow.claim(KEY)
        await slow.record(KEY, SENDING)
        await die(slow)
        assert (await other.claim(KEY)).status == "ours"
        with pytest.raises(JournalLocked, match="lease was not renewed"):
            await slow.record(KEY, SENDING)
        with pytest.raises(JournalLocked):
            await slow.claim(RowKey("new", "x", "y"))
        with pytest.raises(JournalLocked):
            await slow.record(KEY, attrs.evolve(SENDING, state="in_doubt"))
        assert await other.look_up([KEY]) == [SENDING]
        await slow.record(KEY, DONE)
        assert await other.look_up([KEY]) == [DONE]
        with pytest.raises(JournalLocked):
            await other.record(KEY, SENDING)


async def test_a_row_in_doubt_is_held_while_its_run_looks_for_it(server: str) -> None:
    """Another run gets a row in doubt only when the first has finished with it."""
    doubt = attrs.evolve(SENDING, state="in_doubt")
    async with run_of(server, "looking") as first, run_of(server, "looking") as second:
        await first.claim(KEY)
        await first.record(KEY, SENDING)
        await first.record(KEY, doubt, hold=True)
        assert (await second.claim(KEY)).status == "held"
        await first.record(KEY, SENDING)
        await first.record(KEY, doubt, hold=True)
        await first.record(KEY, attrs.evolve(doubt, message="nothing was found"))
        claim = await second.claim(KEY)
    assert claim.status == "ours"
    assert claim.entry is not None
    assert claim.entry.message == "nothing was found"


async def test_a_lease_is_renewed(server: str) -> None:
    """A run that lives for longer than its lease keeps its rows."""
    async with run_of(server, "renewed", lease=0.2) as first, run_of(server, "renewed") as second:
        await first.claim(KEY)
        await anyio.sleep(0.6)
        assert (await second.claim(KEY)).status == "held"
        await first.record(KEY, SENDING)


async def test_a_cancellation_that_is_swallowed(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run ends even if the Redis client swallows a cancellation."""
    renewing = anyio.Event()

    async def swallow(*_: object) -> None:
        renewing.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)

    with anyio.fail_after(30):
        async with run_of(server, "swallowed", lease=0.4) as journal:
            with monkeypatch.context() as patch:
                patch.setattr(journal._connection, "evalsha", swallow)
                await renewing.wait()


async def test_another_address(server: str) -> None:
    """A journal of uploads to another address is refused."""
    async with run_of(server, "address"):
        pass
    journal = RedisJournal(server, job="address")
    with pytest.raises(JournalMismatch, match="address"):
        await journal.open("https://api.us.kombo.dev/v1")
    await journal.aclose()


async def test_a_redis_that_evicts() -> None:
    """A Redis that may evict rows is refused."""
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
    """A bulk run works with it, also with the caller's own Redis client: what is done is not sent again."""
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


async def test_a_repeated_claim_is_no_duplicate(server: str) -> None:
    """Repeating a claim or a record, because the reply was lost, does no harm."""
    async with run_of(server, "repeated") as journal:
        for _ in range(2):
            assert (await journal._do_with("claim", KEY, "", "token"))[0] == "ours"
        assert (await journal._do_with("claim", KEY, "", "another"))[0] == "met"
        for _ in range(2):
            assert await journal.record(KEY, SENDING)
        for _ in range(2):
            assert await journal.record(KEY, DONE)
        assert await journal.look_up([KEY]) == [DONE]


@pytest.mark.parametrize("state", ["in_doubt", "unsent", "refused"])
async def test_a_record_that_is_repeated_late_does_no_harm(server: str, state: Any) -> None:
    """The reply is lost, another run takes the row, and the Redis client repeats the command: both runs go on."""
    entry = Entry(state=state, digest="d")
    async with run_of(server, "late") as journal, run_of(server, "late") as other:
        await journal.claim(KEY)
        assert await journal.record(KEY, entry)
        assert (await other.claim(KEY)).entry == entry
        assert await journal.record(KEY, entry)
        assert await other.record(KEY, SENDING)
        assert await other.look_up([KEY]) == [SENDING]


def test_the_clock_of_a_lease_runs_on_while_the_machine_is_suspended() -> None:
    """Python's monotonic clock stands still in that time on Linux, while the lease lapses in Redis."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    clock = time.monotonic if boot is None else partial(time.clock_gettime, boot)
    assert clock() <= redis._now() <= clock()


async def test_a_lease_is_checked_by_the_monotonic_clock(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Right before sending, a run whose lease may have lapsed stops, whatever Redis says."""
    async with run_of(server, "monotonic", lease=20) as journal:
        journal.check()
        now = redis._now()
        monkeypatch.setattr(redis, "_now", lambda: now + 19)
        with pytest.raises(JournalLocked, match="lease was not renewed"):
            journal.check()


async def test_a_proof_is_one_rows(server: str) -> None:
    """A found record proves only one row; a response from Kombo takes it from a row that only found it."""
    other = RowKey("8", KEY.kind, KEY.integration_id)
    found = attrs.evolve(DONE, proof="look")
    async with run_of(server, "proofs") as journal:
        await journal.claim(KEY)
        await journal.claim(other)
        assert await journal.record(KEY, found)
        assert await journal.owners(["abc", "nobody's"]) == {"abc": KEY}
        assert not await journal.record(other, found)
        assert await journal.look_up([other]) == [None]
        assert await journal.record(other, attrs.evolve(DONE, proof="answer"))
        assert await journal.owners(["abc"]) == {"abc": other}
        before = (await journal.look_up([KEY]))[0]
        assert before is not None
        assert (before.state, dict(before.ids)) == ("in_doubt", {})
        assert [key async for key, _ in journal.unfinished()] == [KEY]


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-random", "allkeys-lfu"])
async def test_eviction_is_seen_where_settings_cannot_be_read(policy: str) -> None:
    """A Redis that may evict rows is refused, also by a user who may not read its settings."""
    with redis_server("--maxmemory-policy", policy) as url:
        admin = Redis.from_url(url)
        await admin.acl_setuser(
            "worker", enabled=True, passwords=["+secret"], keys=["*"], categories=["+@all"], commands=["-config"]
        )
        await admin.aclose()
        journal = RedisJournal(url.replace("redis://", "redis://worker:secret@"), job="evicted")
        with pytest.raises(JournalError, match="evicts"):
            await journal.open(ADDRESS)
        await journal.aclose()


async def test_a_redis_that_forgets_at_a_restart_is_refused() -> None:
    """A Redis without an append-only file is refused, unless the caller accepts the risk."""
    with redis_server("--appendonly", "no") as url:
        journal = RedisJournal(url, job="rdb")
        with pytest.raises(JournalError, match="appendonly yes"):
            await journal.open(ADDRESS)
        await journal.aclose()
        async with run_of(url, "rdb", require_aof=False) as risky:
            assert (await risky.claim(KEY)).status == "ours"


@pytest.mark.parametrize("what", ["rows", "proofs", "counts", "about", "rows proofs counts", "one row"])
async def test_rows_that_are_gone_are_missed(server: str, what: str) -> None:
    """Rows that expired or were removed are an error, during a run and on opening."""
    job = f"gone {what}"
    client = Redis.from_url(server)

    async def lose() -> None:
        if what == "one row":
            keys = [key async for key in client.scan_iter(f"kombo:{{{job}}}:rows:*")]
            await client.hdel(keys[0], *(await client.hkeys(keys[0])))
        else:
            patterns = [f"kombo:{{{job}}}:{each}*" for each in what.split()]
            await client.delete(*[key for pattern in patterns async for key in client.scan_iter(pattern)])

    async with client:
        async with run_of(server, job) as journal:
            await journal.claim(KEY)
            await journal.record(KEY, attrs.evolve(DONE, proof="answer"))
            await lose()
            if what != "proofs":
                with pytest.raises(JournalDamaged):
                    await journal.claim(KEY)
        with pytest.raises(JournalDamaged):
            async with run_of(server, job):
                pass


async def test_a_redis_that_lost_writes_is_noticed(server: str) -> None:
    """A run stops if Redis shows an older state than it has seen."""
    client = Redis.from_url(server)
    async with client, run_of(server, "older") as journal:
        await journal.claim(KEY)
        await client.hincrby("kombo:{older}:about", "sequence", -1)
        with pytest.raises(JournalDamaged, match="lost writes"):
            await journal.record(KEY, SENDING)


async def test_a_journal_is_forgotten(server: str) -> None:
    """`forget` removes all of a journal, and refuses while a run is alive."""
    client = Redis.from_url(server)
    async with client:
        async with run_of(server, "forgotten") as journal:
            for number in range(50):
                key = RowKey(str(number), "x", "y")
                await journal.claim(key)
                await journal.record(key, attrs.evolve(DONE, ids={"id": str(number)}, proof="answer"))
            with pytest.raises(JournalLocked, match="in use"):
                await journal.forget()
        await journal.forget()
        assert [key async for key in client.scan_iter("kombo:{forgotten}:*")] == []
        await journal.aclose()


async def test_rows_that_come_together_are_one_command(server: str) -> None:
    """Commands for many rows go to Redis in scripts of up to 200, and each gets its own reply."""
    keys = [RowKey(str(number), "x", "y") for number in range(450)]
    async with (
        Redis.from_url(server) as client,
        run_of(server, "together") as journal,
        run_of(server, "together") as other,
    ):
        await other.claim(keys[1])
        await client.config_resetstat()

        async def work(key: RowKey) -> str:
            claim = await journal.claim(key)
            if claim.status == "ours":
                await journal.record(key, SENDING)
                await journal.record(key, attrs.evolve(DONE, ids={"id": key.key}))
            return claim.status

        statuses = await asyncio.gather(*map(work, keys))
        assert statuses == ["ours", "held", *["ours"] * 448]
        commands: Any = await client.info("commandstats")
        assert commands["cmdstat_evalsha"]["calls"] <= 3 * 3
        assert [entry and entry.ids["id"] for entry in await journal.look_up(keys)] == [
            None if key is keys[1] else key.key for key in keys
        ]


@pytest.mark.timeout(300)
async def test_two_hundred_uploads_in_one_process(server: str) -> None:
    """Two hundred tasks of fifty rows, each with a journal, do every row once over a few connections."""
    sent = Counter[str]()

    async def answer(request: httpx.Request) -> httpx.Response:
        email = sent_json(request)["candidate"]["email_address"] if request.method == "POST" else ""
        sent[email] += 1
        headers = {"Date": formatdate(usegmt=True), "Concurrency-Limit": "1000", "Concurrency-Remaining": "900"}
        made = {**APPLICATION, "id": email}
        return httpx.Response(200, json={"status": "success", "data": made, "warnings": []}, headers=headers)

    def rows(task: int) -> Iterator[ats.CreateApplication]:
        for number in range(50):
            address = f"{task}.{number}@example.com"
            person = ats.CandidateInput(first_name="Ada", last_name="Doe", email_address=address)
            yield ats.CreateApplication(job_id="job", candidate=person)

    async with mock_client(answer) as kombo, Redis.from_url(server) as client:
        before = len(await client.client_list())

        async def upload(task: int) -> int:
            outcomes = kombo.bulk(rows(task), journal=RedisJournal(server, job="two hundred"))
            return sum([outcome.result == "done" async for outcome in outcomes])

        running = asyncio.gather(*map(upload, range(200)))
        most = 0
        while not running.done():
            most = max(most, len(await client.client_list()) - before)
            await asyncio.sleep(0.1)
        assert sum(running.result()) == 200 * 50
    del sent[""]
    assert (len(sent), max(sent.values())) == (200 * 50, 1)
    assert 0 < most <= CONNECTIONS


async def test_many_journals_of_a_process_share_connections(server: str) -> None:
    """Two hundred tasks with a journal each take no more connections than one."""
    async with Redis.from_url(server) as client:
        before = len(await client.client_list())
        async with AsyncExitStack() as stack:
            journals = [await stack.enter_async_context(run_of(server, f"shared {number}")) for number in range(200)]

            async def work(journal: RedisJournal) -> None:
                for number in range(5):
                    await journal.claim(RowKey(str(number), "x", "y"))

            async with anyio.create_task_group() as tasks:
                for journal in journals:
                    tasks.start_soon(work, journal)
            assert len(await client.client_list()) - before <= CONNECTIONS


async def test_what_another_run_has_is_held(server: str) -> None:
    """A row of another live run is waited for, then reported as held; once that run is dead, it is settled."""
    sandbox = Sandbox(integrations=False, candidates=0)
    sandbox.add_integration("lever:demo")
    job = next(row.id for row in sandbox.world("lever:demo").table("ats_jobs") if row.data["status"] == "OPEN")
    person = ats.CandidateInput(first_name="Ada", last_name="Doe", email_address="ada@example.com")
    row = ats.CreateApplication(job_id=job, candidate=person)
    async with sandbox.client("lever:demo") as kombo:
        other = RedisJournal(server, job="held rows", lease=3)
        await other.open(kombo._base_url)

        async def outcome(**settings: Any) -> Any:
            journal = RedisJournal(server, job="held rows")
            (one,) = [each async for each in kombo.bulk([row], journal=journal, **settings)]
            return one

        identity = ApplicationReconciler().identity(row)
        assert identity is not None
        key = RowKey(subject_of(identity, "lever:demo"), "application", "lever:demo")
        assert (await other.claim(key)).status == "ours"
        assert (await outcome(settle_wait=0.3)).result == "held"
        assert sandbox.requests("PostAtsJobsJobIdApplications") == []
        assert other._renewing is not None
        other._renewing.cancel()  # killed
        assert (await outcome(settle_wait=20)).result == "done"
        await other.aclose()
    assert len(sandbox.performed("PostAtsJobsJobIdApplications")) == 1
