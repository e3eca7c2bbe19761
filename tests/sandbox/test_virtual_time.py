"""Time with the fixtures: no wait takes real time, and deadlines still work."""

from __future__ import annotations

from datetime import timedelta
from importlib.util import find_spec
from typing import Any

import anyio
import pytest

from kombo_async import AsyncKomboClient, RateLimited, RetryPolicy, Success
from kombo_async.errors import ServerError, SyncPending, TimedOut
from kombo_async.sandbox import GREENHOUSE, Sandbox, default_id
from kombo_async.sandbox._state.clock import Clock

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def no_real_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of these tests would sleep from ten seconds to hours if its waits were real."""
    sleep = anyio.sleep

    async def sleep_briefly(seconds: float) -> None:
        assert seconds < 1, "this wait is real"
        await sleep(seconds)

    monkeypatch.setattr(anyio, "sleep", sleep_briefly)


def passed(sandbox: Sandbox, since: float) -> float:
    return sandbox.clock.time() - since


async def test_retries_and_retry_after(kombo: AsyncKomboClient, kombo_sandbox: Sandbox) -> None:
    """The client waits for `Retry-After` by the sandbox's clock."""
    start = kombo_sandbox.clock.time()
    kombo_sandbox.faults.add(status=429, code="PLATFORM.RATE_LIMIT_EXCEEDED", headers={"Retry-After": "20"}, times=2)
    assert isinstance(await kombo.ats.get_tags(), Success)
    assert 40 <= passed(kombo_sandbox, start) < 45


@pytest.mark.kombo(rate_limit=(5, 60), employees=30, read_latency=0.2, retry=RetryPolicy.none())
async def test_a_rate_limit_is_never_met(kombo: AsyncKomboClient, kombo_sandbox: Sandbox) -> None:
    """A client that reads many pages, of several integrations, waits before it would be refused."""
    kombo_sandbox.add_integration("workday:other")
    start = kombo_sandbox.clock.time()
    read = [
        employee.id
        for integration in (default_id("workday"), "workday:other")
        async for employee in kombo.for_integration(integration).hris.get_employees(page_size=2).items()
    ]
    assert len({*read}) == 60
    kombo_sandbox.assert_sent("GetHrisEmployees", times=30, performed=True)
    kombo_sandbox.assert_sent("GetHrisEmployees", times=0, status=429)
    assert 300 <= passed(kombo_sandbox, start) < 320  # five waits of a minute for 30 pages


async def test_backoff_without_retry_after(kombo: AsyncKomboClient, kombo_sandbox: Sandbox) -> None:
    """Backoff moves the sandbox's clock."""
    kombo_sandbox.faults.add("GetAtsTags", status=503, html=True, times=2)
    assert isinstance(await kombo.ats.get_tags(), Success)
    kombo_sandbox.assert_sent("GetAtsTags", times=3)


@pytest.mark.kombo(retry=RetryPolicy(sync_wait=3600))
async def test_a_first_sync_of_half_an_hour(kombo: AsyncKomboClient, kombo_sandbox: Sandbox) -> None:
    """A first sync of half an hour takes no real time, and all of its virtual time."""
    kombo_sandbox.add_integration("lever:new", sync_pending=1800.0)
    start = kombo_sandbox.clock.time()
    assert isinstance(await kombo.for_integration("lever:new").ats.get_jobs(), Success)
    assert 1800 <= passed(kombo_sandbox, start) < 2000


@pytest.mark.kombo(deadline=30)
async def test_deadlines_count_on_the_same_clock(kombo: AsyncKomboClient, kombo_sandbox: Sandbox) -> None:
    """Deadlines use the same clock: a first sync that takes too long ends the call."""
    kombo_sandbox.add_integration("lever:new", sync_pending=1800.0)
    start = kombo_sandbox.clock.time()
    assert isinstance(await kombo.for_integration("lever:new").ats.get_jobs(), SyncPending)
    assert passed(kombo_sandbox, start) <= 30


@pytest.mark.kombo(timeout=20, retry=RetryPolicy.none())
@pytest.mark.parametrize("settings", [{"connection": "hang"}, {"delay": 60.0}, {"slow": 60.0}])
async def test_timeouts_of_attempts(kombo: AsyncKomboClient, kombo_sandbox: Sandbox, settings: dict[str, Any]) -> None:
    """Timeouts of attempts use the same clock: for no response, a late one, or one that trickles in."""
    kombo_sandbox.faults.add("GetAtsTags", **settings)
    start = kombo_sandbox.clock.time()
    with pytest.raises(TimedOut):
        await kombo.ats.get_tags()
    assert passed(kombo_sandbox, start) == pytest.approx(20, abs=0.1)


@pytest.mark.kombo(latency=(5.0, 60.0), read_latency=2.0)
async def test_the_latency_of_the_sandbox(kombo: AsyncKomboClient, kombo_sandbox: Sandbox) -> None:
    """Fifty concurrent calls take as long as the longest."""
    start = kombo_sandbox.clock.time()

    async def read() -> None:
        (await kombo.ats.get_tags()).unwrap()

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(read)
    assert 2 <= passed(kombo_sandbox, start) < 3
    candidate = kombo_sandbox.world(GREENHOUSE).table("ats_candidates")[0].id
    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(lambda: kombo.ats.get_candidate_attachments(candidate))
    assert kombo_sandbox.concurrency.most[GREENHOUSE] > 20
    assert passed(kombo_sandbox, start) > 10


async def test_waits_at_once_pass_together(kombo_sandbox: Sandbox) -> None:
    """Concurrent waits end in order, each at its time."""
    clock = kombo_sandbox.clock
    start = clock.time()
    woken: list[tuple[int, float]] = []

    async def wait(seconds: int) -> None:
        await clock.sleep(seconds)
        woken.append((seconds, round(clock.time() - start, 6)))

    async with anyio.create_task_group() as tasks:
        for seconds in (300, 5, 60, 1, 60, 7200):
            tasks.start_soon(wait, seconds)
    assert woken == [(1, 1), (5, 5), (60, 60), (60, 60), (300, 300), (7200, 7200)]


async def test_a_sleeper_who_is_cancelled_holds_nobody_up(kombo_sandbox: Sandbox) -> None:
    """A cancelled sleeper holds nobody up, even if it was the one that moved time."""
    clock = kombo_sandbox.clock
    start = clock.time()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clock.sleep, 100)
        with clock.until(start + 10) as scope:
            await clock.sleep(50)
        assert scope.cancelled_caught
        assert clock.time() - start == 10
    assert clock.time() - start == 100


async def test_a_wait_in_real_time_beside_it(kombo_sandbox: Sandbox) -> None:
    """A wait for something real still completes."""
    event = anyio.Event()

    async def later() -> None:
        await anyio.sleep(0.05)
        event.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(later)
        tasks.start_soon(kombo_sandbox.clock.sleep, 1e6)
        await event.wait()


async def test_bulk_waits_by_the_same_clock(kombo: AsyncKomboClient, kombo_sandbox: Sandbox) -> None:
    """A bulk run waits out a rate limit by the same clock."""
    from kombo_async import ats

    job = next(row.id for row in kombo_sandbox.world(GREENHOUSE).table("ats_jobs"))
    kombo_sandbox.faults.add(
        "PostAtsJobsJobIdApplications",
        status=429, code="PLATFORM.RATE_LIMIT_EXCEEDED", headers={"Retry-After": "60"}, skip=3, times=2,
    )  # fmt: skip
    start = kombo_sandbox.clock.time()
    rows = [
        ats.CreateApplication(
            job_id=job,
            candidate=ats.CandidateInput(first_name="A", last_name="B", email_address=f"a{number}@example.com"),
        )
        for number in range(40)
    ]
    outcomes = [outcome async for outcome in kombo.bulk(rows)]
    assert {outcome.result for outcome in outcomes} == {"done"}
    assert 60 <= passed(kombo_sandbox, start) < 300
    kombo_sandbox.assert_sent("PostAtsJobsJobIdApplications", times=40, performed=True)


async def test_requests_come_one_after_the_other(kombo: AsyncKomboClient, kombo_sandbox: Sandbox) -> None:
    """Later requests have later times, so `updated_after` can tell them apart."""
    candidate = kombo_sandbox.world(GREENHOUSE).table("ats_candidates")[0].id
    from kombo_async import ats

    (await kombo.ats.add_candidate_tag(candidate, tag=ats.TagInput(name="a"))).unwrap()
    since = kombo_sandbox.clock.now() + timedelta(milliseconds=1)
    assert (await kombo.ats.get_candidates(updated_after=since)).unwrap().results == []
    (await kombo.ats.add_candidate_tag(candidate, tag=ats.TagInput(name="b"))).unwrap()
    assert len((await kombo.ats.get_candidates(updated_after=since)).unwrap().results) == 1


@pytest.mark.kombo(virtual_time=False)
async def test_real_time_can_be_had(kombo_sandbox: Sandbox) -> None:
    """The marker can turn real time back on."""
    assert not kombo_sandbox.clock.is_virtual


@pytest.mark.kombo(candidates=3, retry=RetryPolicy.none(), integration_id="lever:other")
async def test_the_marker_takes_settings_of_both(kombo: AsyncKomboClient, kombo_sandbox: Sandbox) -> None:
    """The marker takes settings of the sandbox and of the client."""
    kombo_sandbox.add_integration("lever:other")
    kombo_sandbox.faults.add(status=429, code="PLATFORM.RATE_LIMIT_EXCEEDED", times=1)
    assert isinstance(await kombo.ats.get_candidates(), RateLimited)
    assert len((await kombo.ats.get_candidates()).unwrap().results) == 3
    kombo_sandbox.assert_sent("GetAtsCandidates", times=2, integration="lever:other")


async def test_an_assertion_shows_what_was_sent(kombo: AsyncKomboClient, kombo_sandbox: Sandbox) -> None:
    """A failed assertion shows each request with its status and body."""
    from kombo_async import ats

    candidate = kombo_sandbox.world(GREENHOUSE).table("ats_candidates")[0].id
    kombo_sandbox.faults.add("PostAtsCandidatesCandidateIdTags", status=500, times=1)
    answer = await kombo.ats.add_candidate_tag(candidate, tag=ats.TagInput(name="Star"))
    assert isinstance(answer, ServerError)
    (sent,) = kombo_sandbox.assert_sent("PostAtsCandidatesCandidateIdTags", body={"tag": {"name": "Star"}}, status=500)
    assert not sent.performed
    with pytest.raises(AssertionError) as raised:
        kombo_sandbox.assert_sent("PostAtsCandidatesCandidateIdTags", times=2, body={"tag": {"name": "Moon"}})
    message = str(raised.value)
    assert "PostAtsCandidatesCandidateIdTags with body={'tag': {'name': 'Moon'}}" in message
    assert "2 times, but was sent 0 times" in message
    assert f"/ats/candidates/{candidate}/tags -> 500" in message
    assert '{"tag":{"name":"Star"}}' in message
    with pytest.raises(AssertionError, match="none at all"):
        Sandbox().assert_sent("GetAtsTags")
    with pytest.raises(ValueError, match="GetAtsTags"):
        kombo_sandbox.assert_sent("GetAtsTag")
    with pytest.raises(ValueError, match="the method create_candidate is PostAtsCandidates"):
        kombo_sandbox.assert_sent("create_candidate")
    with pytest.raises(ValueError, match="the method create_candidate is PostAtsCandidates"):
        kombo_sandbox.faults.add("create_candidate", status=500)


def test_a_wrong_marker_is_told(pytester: pytest.Pytester) -> None:
    """With the name of the setting."""
    pytester.makepyfile("""
        import pytest
        @pytest.mark.kombo(candidate=3)
        def test_it(kombo): pass
        @pytest.mark.kombo(scene="outag")
        def test_scene(kombo): pass
        @pytest.mark.kombo("outage")
        def test_position(kombo): pass
    """)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(errors=3)
    result.stdout.fnmatch_lines(
        [
            "candidate: neither Sandbox nor AsyncKomboClient has this setting; did you mean candidates*",
            "scene: unknown scene 'outag'; did you mean outage*",
            "the marker kombo takes settings by name, such as kombo(candidates=5)",
        ]
    )
    result.stdout.no_fnmatch_line("*fixtures.py*")


def test_stale_deadlines_do_not_pile_up() -> None:
    """Old deadlines do not pile up or move the clock."""
    clock = Clock(virtual=True)

    async def main() -> None:
        for _ in range(5000):
            with clock.until(clock.time() + 3600):
                pass
        assert len(clock._deadlines) < 3000
        start = clock.time()
        await clock.sleep(5)
        assert clock.time() - start == 5

    anyio.run(main)


FRAMEWORKS = """
    import asyncio, pytest, time, trio

    async def call(kombo, kombo_sandbox):
        started = time.monotonic()
        kombo_sandbox.faults.add(status=429, headers={"Retry-After": "59"}, times=1)
        assert (await kombo.ats.get_tags()).unwrap().results
        assert time.monotonic() - started < 59

    @pytest.mark.anyio
    async def test_anyio(kombo, kombo_sandbox):
        await call(kombo, kombo_sandbox)

    def test_asyncio_run(kombo, kombo_sandbox):
        asyncio.run(call(kombo, kombo_sandbox))

    def test_trio_run(kombo, kombo_sandbox):
        trio.run(call, kombo, kombo_sandbox)
"""
PYTEST_ASYNCIO = """
    @pytest.mark.asyncio
    async def test_pytest_asyncio(kombo, kombo_sandbox):
        await call(kombo, kombo_sandbox)
"""


def test_any_test_framework_will_do(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fixtures work with any test framework."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # the other plugins take seconds to load
    plugins = ["kombo_async.sandbox.fixtures", "anyio.pytest_plugin"]
    has_it = find_spec("pytest_asyncio") is not None
    if has_it:
        plugins.append("pytest_asyncio.plugin")
    pytester.makepyfile(FRAMEWORKS + (PYTEST_ASYNCIO if has_it else ""))
    result = pytester.runpytest_subprocess(
        "-p", "no:cacheprovider", *(part for name in plugins for part in ("-p", name))
    )
    result.assert_outcomes(passed=4 + has_it)  # anyio's plugin runs its test on asyncio and on trio
