"""A record's creation time shows whether it can be a row's: only certainty is proof."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from kombo_async import RetryPolicy
from kombo_async.bulk import Entry, Look, RowKey, SqliteJournal
from kombo_async.bulk._reconcile import is_before
from tests.bulk.conftest import CREATE, INTEGRATION, Bench, by_name
from tests.bulk.lists import applications, client, people

pytestmark = pytest.mark.anyio
NOW = timedelta(0)
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
LOST: dict[str, Any] = {"status": 500, "code": "PLATFORM.TASK_TIMED_OUT", "after_performing": True}
NOT_DONE: dict[str, Any] = {"status": 500, "code": "PLATFORM.TASK_TIMED_OUT"}

BUSY: dict[str, Any] = {"status": 429, "code": "PLATFORM.RATE_LIMIT_EXCEEDED", "headers": {"retry-after": "20"}}


@pytest.fixture
def bench(timed_bench: Bench) -> Bench:
    """Actions take time."""
    return timed_bench


async def apply_as_somebody(bench: Bench) -> str:
    """The ID of an application of Ada's that does not come from us."""
    async with bench.client() as other:
        return (await other.send(bench.application("ada"))).unwrap().id


def look(first: datetime | None, by: datetime | None) -> Look:
    """A search for a row that was first sent between these two times."""
    entry = Entry(state="in_doubt", digest="d", first_sent=first, first_sent_by=by)
    nothing: Any = None
    return Look(kombo=nothing, request=nothing, identity=None, integration_id=None, entry=entry, owners=nothing)


@pytest.mark.parametrize(
    ("created", "is_new", "is_close"),
    [
        (NOON - timedelta(seconds=1), False, False),
        (NOON - timedelta(milliseconds=1), False, False),
        (NOON + timedelta(milliseconds=1), None, True),
        (NOON + timedelta(milliseconds=499), None, True),
        (NOON + timedelta(milliseconds=500), True, False),
        (NOON + timedelta(hours=1), True, False),
        (NOON.replace(tzinfo=None), None, False),
        (None, None, False),
        ("last week", None, False),
    ],
)
def test_only_what_was_certainly_made_since_is_new(created: Any, is_new: bool | None, is_close: bool) -> None:
    """A record created between the earliest and latest time of the first sending is uncertain."""
    since = look(NOON, NOON + timedelta(milliseconds=500))
    assert (since.is_new(created), since.is_close(created)) == (is_new, is_close)
    assert look(None, None).is_new(created) is None
    assert look(NOON, None).is_new(created) is (None if is_new else is_new)


@pytest.mark.parametrize(
    ("moment", "is_old"),
    [
        (NOON - timedelta(days=1, milliseconds=1), True),
        (NOON - timedelta(days=1) + timedelta(milliseconds=1), False),
        (NOON - timedelta(hours=8), False),
        (None, False),
    ],
)
def test_what_is_old_is_older_than_any_clock_is_behind(moment: datetime | None, is_old: bool) -> None:
    """A record is ignored only if it was there even by a clock that shows another time zone's time."""
    assert look(NOON, NOON).is_old(moment) is is_old
    assert not look(None, None).is_old(moment)


@pytest.mark.parametrize(
    ("moment", "cut"),
    [
        (NOON + timedelta(microseconds=123_456), timedelta(microseconds=1)),
        (NOON + timedelta(milliseconds=123), timedelta(milliseconds=1)),
        (NOON + timedelta(seconds=7), timedelta(seconds=1)),
        (NOON + timedelta(minutes=7), timedelta(minutes=1)),
        (NOON, timedelta(days=1)),
        (NOON - timedelta(hours=12), timedelta(days=1)),
        (NOON - timedelta(hours=6, minutes=30), timedelta(days=1)),
    ],
)
def test_a_time_that_is_cut_is_before_only_what_comes_after_all_of_it(moment: datetime, cut: timedelta) -> None:
    """A record of 12:00:07 may be made at any moment of that second, one of a day at any of that day."""
    assert is_before(moment, moment + cut)
    assert not is_before(moment, moment + cut - timedelta(microseconds=1))


@pytest.mark.parametrize(
    ("ago", "why"), [(0.0, "it was created (at about|before)"), (0.3, "created"), (3.0, "created before this row")]
)
async def test_what_somebody_else_made_just_before_is_not_ours(bench: Bench, ago: float, why: str) -> None:
    """A record that somebody else created right before our first attempt is reported, and not taken."""
    async with bench.client() as kombo:
        theirs = (await kombo.send(bench.application("ada"))).unwrap().id
        await bench.sandbox.clock.sleep(ago)
        bench.sandbox.faults.add(CREATE, **NOT_DONE, times=1)
        outcomes = await by_name(kombo.bulk([bench.application("ada")], resend_after=NOW))
    outcome = outcomes["ada"]
    assert (outcome.result, [match.ids["id"] for match in outcome.found]) == ("in_doubt", [theirs])
    assert re.search(why, outcome.message)
    assert bench.made == ["ada"]


async def test_what_was_made_soon_after_is_found_once_the_time_is_known_better(bench: Bench) -> None:
    """A record created within the second of its sending is found once the server's time is known more exactly."""
    bench.sandbox.set_latency(actions=0.3)
    await bench.sandbox.clock.sleep(-bench.sandbox.clock.time() % 1)
    bench.sandbox.faults.add(CREATE, **LOST, times=1)
    async with bench.client() as kombo:
        outcomes = await by_name(kombo.bulk([bench.application("ada")]))
    assert (outcomes["ada"].result, outcomes["ada"].entry.proof) == ("done", "look")


class Recorder(SqliteJournal):
    """A journal that keeps the entries of rows about to be sent."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.sending: list[Entry] = []
        self.states: list[str] = []

    async def record(self, key: RowKey, entry: Entry, *, hold: bool = False) -> bool:
        """Write it down."""
        self.states.append(entry.state)
        if entry.state == "sending":
            self.sending.append(entry)
        return await super().record(key, entry, hold=hold)


async def test_a_run_learns_the_time_beside_its_rows(bench: Bench, tmp_path: Path) -> None:
    """The first row waits for one response with the time; later rows are recorded with better bounds."""
    bench.sandbox.set_latency(actions=5)
    journal = Recorder(tmp_path / "j")
    async with bench.client() as kombo:
        await by_name(kombo.bulk(bench.applications(2), journal=journal, concurrency=1))
    widths = []
    for entry in journal.sending:
        assert entry.first_sent is not None
        assert entry.first_sent_by is not None
        widths.append((entry.first_sent_by - entry.first_sent).total_seconds())
    assert widths[0] == pytest.approx(1, abs=0.1)
    assert widths[1] < 0.15
    assert len(bench.sandbox.requests("GetCheckApiKey")) > 1


@pytest.mark.parametrize(
    "refusal",
    [
        {"status": 429, "code": "PLATFORM.RATE_LIMIT_EXCEEDED", "headers": {"retry-after": "20"}},
        {"status": 503},
    ],
)
async def test_what_was_refused_is_not_in_doubt_while_it_waits(
    bench: Bench, tmp_path: Path, refusal: dict[str, Any]
) -> None:
    """A run that is killed while it waits to try again leaves no doubt: the journal says that nothing was done."""
    bench.sandbox.faults.add(CREATE, **refusal, times=1)
    journal = Recorder(tmp_path / "j")
    client = bench.sandbox.client(INTEGRATION, retry=RetryPolicy(attempts=3, initial_delay=0.01))
    async with client as kombo:
        outcomes = await by_name(kombo.bulk([bench.application("ada")], journal=journal))
    assert outcomes["ada"].result == "done"
    assert journal.states == ["sending", "unsent", "sending", "done"]


async def test_nothing_is_asked_where_nothing_is_sent(bench: Bench, tmp_path: Path) -> None:
    """A run that finds all its rows done does not ask for the time."""
    async with bench.client() as kombo:
        await by_name(kombo.bulk(bench.applications(2), journal=tmp_path / "j"))
        asked = len(bench.sandbox.requests())
        await by_name(kombo.bulk(bench.applications(2), journal=tmp_path / "j"))
    assert len(bench.sandbox.requests()) == asked


async def test_a_first_attempt_that_was_clearly_refused_does_not_count(bench: Bench) -> None:
    """A record from between a clearly refused attempt and the one in doubt is somebody else's."""
    bench.sandbox.faults.add(
        CREATE, status=429, code="PLATFORM.RATE_LIMIT_EXCEEDED", headers={"retry-after": "20"}, times=1
    )

    async def somebody() -> None:
        await bench.sandbox.clock.sleep(5)
        async with bench.client() as other:
            (await other.send(bench.application("ada"))).unwrap()
        bench.sandbox.faults.add(CREATE, **NOT_DONE, times=1)

    async with bench.client() as kombo, anyio.create_task_group() as tasks:
        tasks.start_soon(somebody)
        outcomes = await by_name(kombo.bulk([bench.application("ada")]))
    assert (outcomes["ada"].result, bench.made) == ("in_doubt", ["ada"])
    assert "created before this row was first sent" in outcomes["ada"].message


async def test_what_came_before_a_row_was_sent_again_is_not_ours(bench: Bench) -> None:
    """The first sending is proven not to have been done, so what others make before the second one is theirs."""
    bench.sandbox.faults.add(CREATE, **NOT_DONE, times=1)
    busy = bench.sandbox.faults.add(CREATE, **BUSY, times=1)
    theirs: list[str] = []

    async def somebody() -> None:
        while not busy.struck:
            await bench.sandbox.clock.sleep(1)
        await bench.sandbox.clock.sleep(5)
        theirs.append(await apply_as_somebody(bench))
        bench.sandbox.faults.add(CREATE, **NOT_DONE, times=1)

    async with bench.client() as kombo, anyio.create_task_group() as tasks:
        tasks.start_soon(somebody)
        outcome = (await by_name(kombo.bulk([bench.application("ada")], resend_after=timedelta(seconds=30))))["ada"]
    assert (outcome.result, [match.ids["id"] for match in outcome.found]) == ("in_doubt", theirs)
    assert "created before this row was first sent" in outcome.message


async def test_what_came_before_the_next_run_sent_a_row_again_is_not_ours(bench: Bench, tmp_path: Path) -> None:
    """A refusal after that proof changes nothing: the row counts as sent for the first time with the next run."""
    bench.sandbox.faults.add(CREATE, **NOT_DONE, times=1)
    bench.sandbox.faults.add(CREATE, **BUSY, times=3)
    async with bench.client() as kombo:
        rows = [bench.application("ada")]
        first = await by_name(kombo.bulk(rows, journal=tmp_path / "j", resend_after=NOW))
        await bench.sandbox.clock.sleep(60)
        theirs = await apply_as_somebody(bench)
        await bench.sandbox.clock.sleep(60)
        bench.sandbox.faults.add(CREATE, **NOT_DONE, times=1)
        second = await by_name(kombo.bulk(rows, journal=tmp_path / "j", resend_after=NOW))
    assert (first["ada"].result, second["ada"].result) == ("unsent", "in_doubt")
    assert [match.ids["id"] for match in second["ada"].found] == [theirs]
    assert "created before this row was first sent" in second["ada"].message


async def test_a_record_that_was_there_already_is_no_proof(bench: Bench) -> None:
    """Somebody applied before our second sending, which is refused for it; that it shows only then changes nothing."""
    bench.sandbox.faults.add(CREATE, **NOT_DONE, times=1)
    theirs: list[str] = []

    def copy(records: list[Any]) -> list[Any]:
        return records if bench.asked == 3 else []

    async def somebody() -> None:
        await bench.sandbox.clock.sleep(10)
        theirs.append(await apply_as_somebody(bench))
        bench.sandbox.faults.add(CREATE, status=400, code="ATS.APPLICATION_ALREADY_EXISTS")

    async with client(bench.sandbox, copy) as kombo, anyio.create_task_group() as tasks:
        tasks.start_soon(somebody)
        outcome = (await by_name(kombo.bulk([bench.application("ada")], resend_after=timedelta(seconds=30))))["ada"]
    assert bench.asked == 3
    assert (outcome.result, [match.ids["id"] for match in outcome.found]) == ("in_doubt", theirs)
    assert "created before this row was first sent" in outcome.message


@pytest.mark.parametrize(("ago", "result"), [(timedelta(hours=8), "in_doubt"), (timedelta(days=2), "done")])
@pytest.mark.parametrize("what", ["a namesake's application", "a candidate without one", "a deleted one"])
async def test_what_seems_to_be_made_before_may_come_from_a_clock_that_is_behind(
    bench: Bench, ago: timedelta, result: str, what: str
) -> None:
    """What may be this row's but for its time is told to a person, unless it is older than any clock is behind."""
    made = (bench.sandbox.clock.now() - ago).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def copy(records: list[Any]) -> list[Any]:
        match what:
            case "a namesake's application":
                for person in people(records):
                    person["email_addresses"] = [{"email_address": "namesake@example.com", "type": None}]
            case "a candidate without one":
                return [{**each, "remote_created_at": made, "applications": []} for each in records if "tags" in each]
            case _:
                for each in records:
                    each["remote_deleted_at"] = made
        for each in applications(records):
            each["remote_created_at"] = made
        return records

    bench.sandbox.faults.add(CREATE, status=500, code="PLATFORM.TASK_TIMED_OUT", after_performing=True, times=1)
    async with client(bench.sandbox, copy) as kombo:
        outcomes = await by_name(kombo.bulk([bench.application("ada")], resend_after=NOW))
    assert outcomes["ada"].result == result
    assert bool(outcomes["ada"].found) is (result == "in_doubt")
