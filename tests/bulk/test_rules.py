"""What a row is, what counts as done, and whose fault a fault is."""

from __future__ import annotations

import errno
import gc
import io
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import anyio
import anyio.lowlevel
import httpx
import pytest

from kombo_async import AsyncKomboClient, RetryPolicy, ats
from kombo_async._clock import Clock
from kombo_async.bulk import (
    EXPLANATIONS,
    Entry,
    JournalLocked,
    NoJournal,
    Result,
    Row,
    RowKey,
    SqliteJournal,
    read_journal,
)
from kombo_async.errors import ConfigurationError
from tests.bulk.conftest import CREATE, Bench, by_name
from tests.bulk.lists import client
from tests.support.calls import until
from tests.support.loopback import Received, loopback, raw_answer

pytestmark = pytest.mark.anyio
NOW = timedelta(0)


@pytest.mark.parametrize(
    "body",
    [
        b'{"ok": true}',
        b"[]",
        b"0",
        b'"done"',
        b"null",
        b'{"status": "success"}',
        b'{"status": "success", "data": null}',
        b'{"status": "success", "data": {}}',
        b'{"status": "success", "data": {"id": null}}',
        b'{"status": "success", "data": {"id": ""}}',
        b'{"status": "success", "data": {"id": 7}}',
        b'{"status": "success", "data": {"remote_id": "r"}}',
        b'{"status": "error", "data": {"id": "a"}}',
        b'{"data": {"id": "a"}}',
    ],
)
@pytest.mark.parametrize("performed", [True, False])
async def test_a_success_without_an_id_proves_nothing(timed_bench: Bench, body: bytes, performed: bool) -> None:
    """A 2xx that is not Kombo's, or has no ID, is in doubt until the record is found."""
    bench = timed_bench
    answers = [httpx.Response(200, content=body, headers={"content-type": "application/json"})]
    if not performed:
        bench.sandbox.faults.add(CREATE, status=500, code="PLATFORM.UNKNOWN_ERROR", times=1)
    async with client(bench.sandbox, answer=lambda: answers.pop() if answers else None) as kombo:
        outcomes = await by_name(kombo.bulk([bench.application("ada")]))
    if performed:
        assert (outcomes["ada"].result, outcomes["ada"].entry.proof) == ("done", "look")
        assert outcomes["ada"].ids["id"] == bench.sandbox.performed(CREATE)[0].result["id"]
    else:
        assert outcomes["ada"].result == "in_doubt"
        assert outcomes["ada"].ids == {}


async def test_an_action_whose_answer_has_no_id_is_done(bench: Bench) -> None:
    """For operations whose responses have no ID, Kombo's own success is enough."""
    row = ats.AddCandidateResultLink(candidate_id="c", label="Score", url="https://example.com/1")
    others = [b"null", b"false", b"0", b'"ok"', b"[]"]
    bodies = [b'{"ok": true}', *(b'{"status": "success", "data": %s}' % each for each in others)]
    bodies.append(b'{"status": "success", "data" : {}}')
    async with client(bench.sandbox, answer=lambda: httpx.Response(200, content=bodies.pop())) as kombo:
        results = [[each.result async for each in kombo.bulk([row])] for _ in range(7)]
    assert results == [["done"], *[["in_doubt"]] * 6]


async def test_warnings_are_kept(bench: Bench, tmp_path: Path) -> None:
    """Kombo's warnings are in the outcome, also in later runs."""
    body = (
        b'{"status": "success", "data": {"id": "a", "candidate_id": "c"}, '
        b'"warnings": [{"message": "The attachment could not be uploaded \\ud800"}]}'
    )
    async with client(bench.sandbox, answer=lambda: httpx.Response(200, content=body)) as kombo:
        for earlier in (False, True):
            outcomes = await by_name(kombo.bulk([bench.application("ada")], journal=tmp_path / "j"))
            assert (outcomes["ada"].result, outcomes["ada"].earlier) == ("done", earlier)
            assert outcomes["ada"].warnings[0].startswith("The attachment could not be uploaded")


@pytest.mark.parametrize(
    "detail",
    [
        {"phone_number": "+49 30 1234"},
        {"title": "Dr"},
        {"email_address": "ADA@example.com "},
        {"email_address": "ada@example.com"},
    ],
)
async def test_other_details_are_the_same_row(bench: Bench, tmp_path: Path, detail: dict[str, str]) -> None:
    """A row that is done with other details is reported as changed, with its IDs, and not sent again."""
    row = bench.application("ada")
    new = row.evolve(candidate=row.candidate.evolve(**detail))
    async with bench.client() as kombo:
        first = await by_name(kombo.bulk([row], journal=tmp_path / "j"))
        second = await by_name(kombo.bulk([new, bench.application("eve")], journal=tmp_path / "j"))
    same = detail == {"email_address": "ada@example.com"}
    assert second["ada"].result == ("done" if same else "changed")
    assert second["ada"].ids == first["ada"].ids
    assert bench.made == ["ada", "eve"]


async def test_another_cv_is_the_same_row(bench: Bench, tmp_path: Path) -> None:
    """A renamed or added CV does not send a row again."""
    row = bench.application("ada")
    cvs = [ats.AttachmentInput.from_bytes(b"%PDF", name, type="CV") for name in ("cv.pdf", "cv-new.pdf")]
    async with bench.client() as kombo:
        results = []
        for attachments in (None, [cvs[0]], [cvs[1]], cvs):
            new = row.evolve(attachments=attachments) if attachments else row
            results += [each.result async for each in kombo.bulk([new], journal=tmp_path / "j")]
    assert results == ["done", "changed", "changed", "changed"]
    assert bench.asked == 1


async def test_a_corrected_row_that_was_refused_is_sent(bench: Bench, tmp_path: Path) -> None:
    """A refused row is sent again if its details have changed."""
    row = bench.application("ada")
    bench.sandbox.faults.add(CREATE, status=400, code="REMOTE.INPUT_INVALID", times=1)
    async with bench.client() as kombo:
        first = await by_name(kombo.bulk([row], journal=tmp_path / "j"))
        new = row.evolve(candidate=row.candidate.evolve(phone_number="+49 30 1234"))
        second = await by_name(kombo.bulk([new], journal=tmp_path / "j"))
    assert (first["ada"].result, second["ada"].result) == ("refused", "done")


async def test_both_ways_to_apply_are_one_row(bench: Bench, tmp_path: Path) -> None:
    """`create_candidate` after `create_application` for the same person and job is the same application."""
    row = bench.application("ada")
    as_candidate = ats.CreateCandidate(
        candidate=row.candidate, application=ats.CandidateApplicationInput(job_id=row.job_id)
    )
    async with bench.client() as kombo:
        await by_name(kombo.bulk([row], journal=tmp_path / "j"))
        second = await by_name(kombo.bulk([as_candidate], journal=tmp_path / "j"))
    assert second["ada"].result == "changed"


@pytest.mark.parametrize("same_run", [True, False])
async def test_a_key_of_another_person_is_refused(bench: Bench, tmp_path: Path, same_run: bool) -> None:
    """A key that comes back with another person or job is refused, and the journal keeps the first."""
    rows = [Row(bench.application("ada"), key="1"), Row(bench.application("eve"), key="1")]
    async with bench.client() as kombo:
        if same_run:
            outcomes = await by_name(kombo.bulk(rows, journal=tmp_path / "j", concurrency=1))
        else:
            outcomes = await by_name(kombo.bulk(rows[:1], journal=tmp_path / "j"))
            outcomes |= await by_name(kombo.bulk(rows[1:], journal=tmp_path / "j"))
        again = await by_name(kombo.bulk(rows[:1], journal=tmp_path / "j"))
    assert (outcomes["ada"].result, outcomes["eve"].result) == ("done", "refused")
    assert "another person or job" in outcomes["eve"].message
    assert outcomes["eve"].ids == {}
    assert again["ada"].ids == outcomes["ada"].ids
    assert bench.made == ["ada"]


class Later(datetime):
    """A datetime of another library."""


class Text(str):
    """A text of another library."""


def raises(error: Exception) -> Any:
    """A stream that raises when it is opened."""

    def open() -> Any:
        raise error

    return open


def bad_rows(bench: Bench) -> dict[str, ats.CreateApplication]:
    """Rows that cannot be sent as they are, by what is wrong with them."""
    row = bench.application("bad")

    def person(**fields: Any) -> ats.CreateApplication:
        return row.evolve(candidate=row.candidate.evolve(**fields))

    def file(**fields: Any) -> ats.CreateApplication:
        return row.evolve(attachments=[ats.AttachmentInput.from_stream(**fields, type="CV")])

    return {
        "a lone surrogate": person(last_name="\ud800"),
        "a lone surrogate in the address": person(email_address="\udc00@example.com"),
        "no address": person(email_address=None),
        "a number for an address": person(email_address=5),
        "bytes": person(title=b"Dr"),
        "bytes in the name": person(first_name=b"bad"),
        "an object": person(title=object()),
        "no job": row.evolve(job_id=None),
        "a stream that raises": file(open=raises(RuntimeError("boom")), size=3, name="cv.pdf"),
        "a stream that has no permission": file(open=raises(PermissionError(13, "denied")), size=3, name="cv.pdf"),
        "a stream of text": file(open=lambda: io.StringIO("abc"), size=3, name="cv.pdf"),
        "a stream that is shorter": file(open=lambda: io.BytesIO(b"a"), size=30, name="cv.pdf"),
        "a file name that is not UTF-8": file(open=lambda: io.BytesIO(b"abc"), size=3, name="cv-\udce4.pdf"),
        "a dict for a person": row.evolve(candidate={"first_name": "bad"}),
    }


BAD = [
    *("a lone surrogate", "a lone surrogate in the address", "no address", "a number for an address", "bytes"),
    *("bytes in the name", "an object", "no job", "a stream that raises", "a stream that has no permission"),
    *("a stream of text", "a stream that is shorter", "a file name that is not UTF-8", "a dict for a person"),
]


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("place", [0, 3])
async def test_a_rows_own_fault_is_the_rows(bench: Bench, tmp_path: Path, kind: str, place: int) -> None:
    """A row that cannot be sent is refused in each run; all others are done."""
    rows = list(bench.applications(6))
    rows.insert(place, bad_rows(bench)[kind])
    async with bench.client() as kombo:
        for _ in range(2):
            run = kombo.bulk([Row(row, tag=index) for index, row in enumerate(rows)], journal=tmp_path / "j")
            outcomes = {each.tag: each async for each in run}
            assert outcomes.pop(place).result == "refused"
            assert {each.result for each in outcomes.values()} == {"done"}
            assert len(outcomes) == 6
    assert sorted(bench.made) == [f"ada{number}" for number in range(6)]


async def test_values_of_other_libraries_are_no_fault(bench: Bench, tmp_path: Path) -> None:
    """Subclasses of plain types are sent as plain values."""
    row = bench.application("ada")
    odd = row.evolve(
        candidate=row.candidate.evolve(
            availability_date=Later(2026, 5, 1, tzinfo=UTC), last_name=Text("Doe"), first_name=Text("x")
        )
    )
    async with bench.client() as kombo:
        outcomes = [each async for each in kombo.bulk([odd], journal=tmp_path / "j")]
    assert [each.result for each in outcomes] == ["done"], outcomes[0].message


async def test_a_key_function_that_raises_refuses_its_row(bench: Bench) -> None:
    """A `key=` that raises, or returns an invalid key, refuses that row."""
    rows = [bench.application("ada"), bench.application("eve"), bench.application("bob")]

    def key(request: Any) -> Any:
        name = request.candidate.first_name
        return None if name == "bob" else {"ada": "1"}[name]

    async with bench.client() as kombo:
        outcomes = await by_name(kombo.bulk(rows, key=key))
    assert {name: each.result for name, each in outcomes.items()} == {"ada": "done", "eve": "refused", "bob": "done"}


@pytest.mark.parametrize(
    ("key", "why"), [("", "must not be empty"), (7, "must be text, not int"), ("\ud800", "Unicode")]
)
async def test_what_is_no_key_is_refused_by_name(bench: Bench, key: Any, why: str) -> None:
    """The row's message says what is wrong with the key."""
    async with bench.client() as kombo:
        outcomes = [each async for each in kombo.bulk([Row(bench.application("ada"), key=key)])]
    assert [each.result for each in outcomes] == ["refused"]
    assert outcomes[0].message.startswith("key: ")
    assert why in outcomes[0].message


@pytest.mark.parametrize("runs", [1, 2])
async def test_keys_with_null_characters_are_refused(bench: Bench, tmp_path: Path, runs: int) -> None:
    """A journal in SQLite would cut them there, and take rows for each other, or for new ones."""
    rows = [Row(bench.application(f"ada{number}"), key=f"list\0{number}") for number in range(2)]
    rows.append(Row(bench.application("eve"), integration_id="greenhouse:bulk\0eve"))
    async with bench.client() as kombo:
        for _ in range(runs):
            outcomes = await by_name(kombo.bulk(rows, journal=tmp_path / "j"))
    assert outcomes["ada0"].message == "key: must not contain null characters"
    assert {each.result for each in outcomes.values()} == {"refused"}
    assert list(read_journal(tmp_path / "j")) == []
    assert bench.made == []


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.ENOMEM])
async def test_a_fault_of_the_machine_ends_the_run(bench: Bench, tmp_path: Path, code: int) -> None:
    """Without file handles, disk or memory, the run ends with that error, and the next run sends its rows."""
    failing = True

    def open() -> Any:
        if failing:
            raise OSError(code, "the machine's fault")
        return io.BytesIO(b"abc")

    cv = ats.AttachmentInput.from_stream(open, 3, "cv.pdf", type="CV")
    row = bench.application("ada").evolve(attachments=[cv])
    async with bench.client() as kombo:
        with pytest.raises(OSError, match="the machine's fault") as caught:
            await by_name(kombo.bulk([row], journal=tmp_path / "j"))
        assert caught.value.errno == code
        assert [entry.state for _, entry in read_journal(tmp_path / "j")] == ["unsent"]
        failing = False
        assert (await by_name(kombo.bulk([row], journal=tmp_path / "j")))["ada"].result == "done"


NO_HANDLES = """
import errno, os, resource, sys
import anyio
from kombo_async import AsyncKomboClient, RetryPolicy, ats
from kombo_async.bulk import read_journal

def row(name):
    person = ats.CandidateInput(first_name=name, last_name="b", email_address=name + "@example.com")
    return ats.CreateApplication(job_id="j", candidate=person)

def rows():
    yield row("a")
    used = max(int(name) for name in os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used, 1000))
    yield row("b")

async def main(url, journal):
    retry = RetryPolicy.none()
    async with AsyncKomboClient("k", integration_id="a:b", base_url=url, retry=retry) as kombo:
        try:
            async for outcome in kombo.bulk(rows(), journal=journal, concurrency=1):
                print(outcome.result, flush=True)
        except OSError as error:
            print(errno.errorcode[error.errno])
    resource.setrlimit(resource.RLIMIT_NOFILE, (1000, 1000))
    print(sorted(entry.state for _, entry in read_journal(journal)))

anyio.run(main, *sys.argv[1:])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts its handles in /proc")
def test_no_handles_for_connections_end_the_run(tmp_path: Path) -> None:
    """A connection without a file handle ends the run; no row is refused or in doubt."""
    body = b'{"status": "success", "data": {"id": "a", "candidate_id": "c"}, "warnings": []}'
    with loopback(lambda request: raw_answer(200, body)) as url:
        process = subprocess.run(
            [sys.executable, "-c", NO_HANDLES, url, str(tmp_path / "j")],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert process.stdout.split("\n")[:2] == ["done", "EMFILE"], process.stdout + process.stderr
    assert process.stdout.split("\n")[2] in ("['done', 'unsent']", "['done']")


async def test_a_proxy_that_cannot_work_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An invalid `ALL_PROXY` ends the run, by name, before any row."""
    monkeypatch.setenv("ALL_PROXY", "socks://nowhere:1")
    row = ats.CreateApplication(
        job_id="j", candidate=ats.CandidateInput(first_name="a", last_name="b", email_address="a@example.com")
    )
    kombo = AsyncKomboClient("k", integration_id="a:b", base_url="https://kombo.invalid/v1")
    with pytest.raises(ConfigurationError, match="ALL_PROXY"):
        _ = [each async for each in kombo.bulk([row], journal=tmp_path / "j")]
    assert not (tmp_path / "j").exists()
    await kombo.aclose()


def tasks() -> int:
    """How many tasks there are beside this one."""
    return len(anyio.get_running_tasks()) - 1


async def test_leaving_the_loop_leaves_nothing(bench: Bench, tmp_path: Path) -> None:
    """After a bare `break`, without `async with`, tasks and lock are soon gone, and the journal is complete."""
    bench.sandbox.set_latency(actions=0.01)
    before = tasks()

    async def leave() -> None:
        async for _ in kombo.bulk(bench.applications(1000), journal=tmp_path / "j"):
            break

    async with bench.client() as kombo:
        await leave()
        gc.collect()
        await until(lambda: tasks() <= before)
        journal = SqliteJournal(tmp_path / "j")
        await journal.open(None)
        await journal.aclose()
    assert {entry.state for _, entry in read_journal(tmp_path / "j")} <= {"done", "unsent"}
    assert len(bench.made) < 1000


async def test_an_async_source_is_stepped_from_one_task_and_closed(bench: Bench) -> None:
    """A source may hold a cancel scope across its rows, and is closed when the run ends, early or not."""
    stepped: set[int] = set()
    closed = 0

    async def rows() -> AsyncIterator[ats.CreateApplication]:
        nonlocal closed
        try:
            with anyio.CancelScope():
                for row in bench.applications(60):
                    stepped.add(anyio.get_current_task().id)
                    await anyio.lowlevel.checkpoint()
                    yield row
        finally:
            closed += 1

    async with bench.client() as kombo:
        assert len([each async for each in kombo.bulk(rows())]) == 60
        assert (len(stepped), closed) == (1, 1)
        stepped.clear()
        async with kombo.bulk(rows(), concurrency=3) as outcomes:
            async for _ in outcomes:
                break
        assert (len(stepped), closed) == (1, 2)


async def test_a_plain_generator_is_closed(bench: Bench) -> None:
    """A generator that is left early runs its `finally`."""
    closed = False

    def rows() -> Iterator[ats.CreateApplication]:
        nonlocal closed
        try:
            yield from bench.applications(1000)
        finally:
            closed = True

    source = rows()
    async with bench.client() as kombo:
        run = kombo.bulk(source, concurrency=3)
        async with run as outcomes:
            async for _ in outcomes:
                break
        assert closed
        assert not run.is_complete


async def test_a_run_that_was_stopped_is_not_complete(bench: Bench) -> None:
    """Only a run whose rows have all had their outcomes is complete."""
    async with bench.client() as kombo:
        whole, stopped = kombo.bulk(bench.applications(3)), kombo.bulk(bench.applications(500), concurrency=3)
        _ = [each async for each in whole]
        async for _ in stopped:
            stopped.stop()
    assert (whole.is_complete, stopped.is_complete) == (True, False)


def test_each_result_has_a_sentence() -> None:
    """Each result has an explanation for people."""
    assert set(EXPLANATIONS) == set(get_args(Result))


class Watched(NoJournal):
    """A journal that calls a function right before anything is sent."""

    def __init__(self, check: Callable[[], None] = lambda: None, recorded: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self._check = check
        self._recorded = recorded
        self.sendings: list[datetime | None] = []

    def check(self) -> None:
        """Do it."""
        self._check()

    async def record(self, key: RowKey, entry: Entry, *, hold: bool = False) -> bool:
        """Count rows about to be sent."""
        if entry.state == "sending":
            self.sendings.append(entry.last_sent)
            self._recorded()
        return await super().record(key, entry, hold=hold)


ANSWER = b'{"status": "success", "data": {"id": "a", "candidate_id": "c"}, "warnings": []}'


async def test_nothing_leaves_without_the_journals_leave(bench: Bench) -> None:
    """If the lease has lapsed since the row was recorded, no byte of its request is sent, over a real socket."""
    received: list[str] = []

    def lapsed() -> None:
        raise JournalLocked("another has the rows")

    def answer(request: Received) -> bytes:
        received.append(request.method)
        return raw_answer(200, ANSWER)

    with loopback(answer) as url:
        async with AsyncKomboClient("k", integration_id="a:b", base_url=url, retry=RetryPolicy.none()) as kombo:
            with pytest.raises(JournalLocked, match="another has the rows"):
                await by_name(kombo.bulk([bench.application("ada")], journal=Watched(lapsed)))
            assert received == []
            outcomes = await by_name(kombo.bulk([bench.application("ada")], journal=Watched()))
    assert (outcomes["ada"].result, received) == ("done", ["POST"])


class Jumping(Clock):
    """A clock that jumps, as after a process was stopped for a while."""

    def __init__(self) -> None:
        self.ahead: float = 0.0

    def time(self) -> float:
        """The time now."""
        return super().time() + self.ahead


async def test_a_row_that_was_held_up_is_written_down_again(bench: Bench) -> None:
    """A row that is sent much later than recorded is recorded again first."""
    clock = Jumping()
    jumps = [7200.0]

    def stopped() -> None:
        clock.ahead += jumps.pop() if jumps else 0.0

    date = {"date": "Fri, 27 Nov 2026 12:00:00 GMT"}
    with loopback(lambda request: raw_answer(200, ANSWER, date)) as url:
        async with AsyncKomboClient("k", integration_id="a:b", base_url=url, clock=clock) as kombo:
            journal = Watched(recorded=stopped)
            await by_name(kombo.bulk([bench.application("ada")], journal=journal))
            assert len(journal.sendings) == 2
            journal = Watched(stopped)
            jumps.append(7200.0)
            outcomes = await by_name(kombo.bulk([bench.application("eve")], journal=journal))
    assert outcomes["eve"].result == "done"
    assert len(journal.sendings) == 2
