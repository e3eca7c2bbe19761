"""When what does not show is surely not there: learned from the rows that were done."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import anyio
import attrs
import httpx
import pytest

from kombo_async import AsyncKomboClient, RetryPolicy, Timeout
from kombo_async.bulk import ApplicationReconciler, NotSure, RowKey, SqliteJournal, _visibility
from kombo_async.sandbox import BASE_URL, Latency, Sandbox, SandboxTransport, serve
from tests.bulk.conftest import CREATE, INTEGRATION, Bench, by_name
from tests.bulk.test_doubts import leave_in_doubt

pytestmark = pytest.mark.anyio


@attrs.define
class Copy(SandboxTransport):
    """Lists that show what *change* makes of them."""

    _sandbox: Sandbox
    change: Callable[[list[Any]], list[Any]]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer *request*."""
        response = await super().handle_async_request(request)
        if request.method == "GET" and response.is_success:
            answer = json.loads(response.content)
            answer["data"]["results"] = self.change(answer["data"]["results"])
            response = httpx.Response(200, json=answer, request=request)
        return response


def behind(seconds: float) -> Callable[[list[Any]], list[Any]]:
    """What was done shows so many seconds later."""

    def change(records: list[Any]) -> list[Any]:
        newest = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()
        return [each for each in records if each["remote_created_at"] < newest]

    return change


def client(bench: Bench, change: Callable[[list[Any]], list[Any]] = list) -> AsyncKomboClient:
    """A client of the sandbox whose lists are changed so."""
    return AsyncKomboClient(
        bench.sandbox.api_key,
        integration_id=INTEGRATION,
        transport=Copy(bench.sandbox, change),
        base_url=BASE_URL,
        retry=RetryPolicy.none(),
    )


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a minute is too long for tests."""
    monkeypatch.setattr(_visibility, "AT_LEAST", timedelta(seconds=0.2))
    monkeypatch.setattr(_visibility, "LOOK_EVERY", timedelta(seconds=0.05))


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("fault", [{"status": 500, "code": "PLATFORM.UNKNOWN_ERROR"}, {"connection": "reset"}])
async def test_what_would_show_by_now_is_sent_again(bench: Bench, fault: dict[str, Any]) -> None:
    """The other rows show how soon, so the run itself finishes the row: nobody has to come back tomorrow."""
    bench.sandbox.faults.add(CREATE, times=1, **fault)
    async with client(bench) as kombo:
        outcomes = await by_name(kombo.bulk(bench.applications(5)))
    assert {each.result for each in outcomes.values()} == {"done"}
    assert sorted(bench.made) == sorted(outcomes)


@pytest.mark.usefixtures("soon")
async def test_the_row_in_doubt_waits_for_others_to_learn_from(bench: Bench) -> None:
    """A doubt that comes while all others are still being sent is not put off until tomorrow."""
    bench.sandbox.faults.add(CREATE, status=500, times=1)
    bench.sandbox.set_latency(actions=0.5)
    async with client(bench) as kombo:
        outcomes = await by_name(kombo.bulk(bench.applications(2)))
    assert {each.result for each in outcomes.values()} == {"done"}


@pytest.mark.usefixtures("soon")
async def test_rows_of_a_dead_run_are_sent_by_what_its_journal_tells(bench: Bench, tmp_path: Path) -> None:
    """Where nothing but rows in doubt is left, the done rows of the journal are what is learned from."""
    async with client(bench) as kombo:
        await by_name(kombo.bulk(bench.applications(3), journal=tmp_path / "j"))
        await leave_in_doubt(bench, tmp_path / "j", "grace", timedelta(0))
        rows = [*bench.applications(3), bench.application("grace")]
        outcomes = await by_name(kombo.bulk(rows, journal=tmp_path / "j"))
    assert {each.result for each in outcomes.values()} == {"done"}
    assert bench.made.count("grace") == 1


@pytest.mark.usefixtures("soon")
async def test_a_copy_that_is_behind_makes_no_second_application(bench: Bench) -> None:
    """A row whose answer was lost is found once the copy has caught up, however soon the others were answered."""
    bench.sandbox.faults.add(CREATE, status=500, after_performing=True, times=1)
    async with client(bench, behind(1.5)) as kombo:
        outcomes = await by_name(kombo.bulk(bench.applications(5)))
    assert {each.result for each in outcomes.values()} == {"done"}
    assert sum(each.entry.found for each in outcomes.values()) == 1
    assert sorted(bench.made) == sorted(outcomes)


@pytest.mark.usefixtures("soon")
async def test_a_copy_that_does_not_catch_up_leaves_the_row_in_doubt(bench: Bench) -> None:
    """Nothing is sent again while even the rows that were done do not show."""
    bench.sandbox.faults.add(CREATE, status=500, times=1)
    async with client(bench, behind(3600)) as kombo:
        outcomes = await by_name(kombo.bulk(bench.applications(3), settle_wait=1.0))
    assert sorted(each.result for each in outcomes.values()) == ["done", "done", "in_doubt"]
    assert bench.asked == 3


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_row_may_be_much_slower_than_the_others(bench: Bench) -> None:
    """What is done long after the client has given it up is not done twice: ten times as long is waited for it."""
    seconds = chain([1.0], repeat(0.01))
    bench.sandbox.set_latency(actions=Latency(lambda _: next(seconds)))
    async with serve(bench.sandbox) as url:
        kombo = AsyncKomboClient(bench.sandbox.api_key, base_url=url, timeout=Timeout(action=0.3))
        async with kombo:
            rows = bench.applications(5)
            outcomes = await by_name(kombo.for_integration(INTEGRATION).bulk(rows))
    assert {each.result for each in outcomes.values()} == {"done"}
    assert sum(each.entry.found for each in outcomes.values()) == 1
    assert sorted(bench.made) == sorted(outcomes)


@pytest.mark.usefixtures("soon")
async def test_what_may_be_done_in_part_waits_for_a_full_sync(bench: Bench) -> None:
    """`REMOTE.*` means that the connected system failed in the middle: its part shows a day later for sure."""
    bench.sandbox.faults.add(CREATE, status=400, code="REMOTE.UNKNOWN_HTTP_ERROR", times=1)
    async with client(bench) as kombo:
        outcomes = await by_name(kombo.bulk(bench.applications(5), concurrency=1))
    doubt = outcomes["ada0"]
    assert doubt.result == "in_doubt"
    assert doubt.entry.last_sent is not None
    assert f"after {doubt.entry.last_sent + timedelta(hours=24):%Y-%m-%d %H:%M}" in doubt.message
    assert bench.asked == 5


async def test_a_row_seen_late_says_little_of_how_soon_others_show(bench: Bench) -> None:
    """The copy may have been behind all the time since it was sent, and be twice as much behind for another row."""
    async with client(bench) as kombo:
        done = (await by_name(kombo.bulk(bench.applications(1))))["ada0"].entry
        learned = _visibility.Visibility()
        assert await learned.sure_after(kombo) is None
        ago = datetime.now(UTC) - timedelta(seconds=1000)
        learned.learn("ada0@example.com", attrs.evolve(done, last_sent=ago, finished=ago + timedelta(seconds=1)))
        sure_after = await learned.sure_after(kombo)
    assert sure_after is not None
    assert 2000 <= sure_after.total_seconds() < 2010


async def test_after_a_day_nothing_has_to_be_learned(bench: Bench, tmp_path: Path) -> None:
    """An old journal is gone on with at once, even where its done rows have been deleted since."""
    old = datetime.now(UTC) - timedelta(days=2)
    async with client(bench) as kombo:
        (done,) = (await by_name(kombo.bulk(bench.applications(1)))).values()
        bench.sandbox.delete_record(INTEGRATION, "ats_candidates", done.ids["candidate_id"])
        journal = SqliteJournal(tmp_path / "j")
        await journal.open(BASE_URL)
        key = RowKey(done.key, CREATE, INTEGRATION)
        await journal.record(key, attrs.evolve(done.entry, last_sent=old, finished=old + timedelta(seconds=1)))
        await journal.aclose()
        await leave_in_doubt(bench, tmp_path / "j", "grace", timedelta(days=2))
        rows = [*bench.applications(1), bench.application("grace")]
        outcomes = await by_name(kombo.bulk(rows, journal=tmp_path / "j", settle_wait=0))
    assert {each.result for each in outcomes.values()} == {"done"}
    assert bench.made == ["ada0", "grace"]


async def test_a_day_is_the_most(bench: Bench) -> None:
    """However long ago the newest done row was sent when it was first looked for."""
    async with client(bench) as kombo:
        done = (await by_name(kombo.bulk(bench.applications(1))))["ada0"]
        old = datetime.now(UTC) - timedelta(hours=20)
        reconciler = ApplicationReconciler()
        reconciler.learn(done.request, attrs.evolve(done.entry, last_sent=old, finished=old), INTEGRATION)
        sent = datetime.now(UTC) - timedelta(hours=19)
        doubt = attrs.evolve(done.entry, state="sending", first_sent=sent, last_sent=sent)
        verdict = await reconciler(kombo, bench.application("grace"), doubt, INTEGRATION)
    assert isinstance(verdict, NotSure)
    assert verdict.look_again == sent + timedelta(hours=24)


async def test_what_is_known_to_be_there_is_not_waited_for(bench: Bench, tmp_path: Path) -> None:
    """The answer "already there" settles a row; for its ID it is looked once."""
    rows = [bench.application("grace"), bench.application("ada")]
    async with client(bench) as kombo:
        await by_name(kombo.bulk(rows[:1], journal=tmp_path / "j"))
        await leave_in_doubt(bench, tmp_path / "j", "ada", timedelta(days=2))
        bench.sandbox.faults.add(CREATE, status=400, code="ATS.APPLICATION_ALREADY_EXISTS", times=1)
        with anyio.fail_after(10):
            outcomes = await by_name(kombo.bulk(rows, journal=tmp_path / "j"))
    assert {each.result for each in outcomes.values()} == {"done"}


async def test_half_a_minute_is_the_least(bench: Bench) -> None:
    """However soon everything is answered and shows."""
    bench.sandbox.faults.add(CREATE, status=500, times=1)
    async with client(bench) as kombo:
        outcomes = await by_name(kombo.bulk(bench.applications(3), concurrency=1, settle_wait=1.0))
    doubt = outcomes["ada0"]
    assert doubt.result == "in_doubt"
    assert doubt.entry.last_sent is not None
    assert f"after {doubt.entry.last_sent + timedelta(seconds=30):%Y-%m-%d %H:%M}" in doubt.message


async def test_a_row_alone_teaches_nothing(bench: Bench) -> None:
    """Without a done row to learn from, what was done surely shows after a day."""
    bench.sandbox.faults.add(CREATE, status=500, times=1)
    async with client(bench) as kombo:
        outcomes = await by_name(kombo.bulk(bench.applications(1)))
    doubt = outcomes["ada0"]
    assert doubt.result == "in_doubt"
    assert doubt.entry.last_sent is not None
    assert f"after {doubt.entry.last_sent + timedelta(hours=24):%Y-%m-%d %H:%M}" in doubt.message


async def test_what_a_person_nests_may_be_behind_the_list_of_applications(bench: Bench) -> None:
    """A candidate without applications is not done in part where the list of applications has one."""
    bench.sandbox.faults.add(CREATE, status=500, after_performing=True, times=1)

    def without_applications(records: list[Any]) -> list[Any]:
        return [{**each, "applications": []} if "applications" in each else each for each in records]

    async with client(bench, without_applications) as kombo:
        (outcome,) = (await by_name(kombo.bulk(bench.applications(1)))).values()
    assert (outcome.result, outcome.entry.found) == ("done", True)
    assert outcome.ids["id"] == bench.sandbox.performed(CREATE)[0].result["id"]
