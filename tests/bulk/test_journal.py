"""The journal: rows that are done are not sent again, and an unreliable file is refused."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from kombo_async import ats
from kombo_async.bulk import (
    JournalDamaged,
    JournalError,
    JournalLocked,
    JournalMismatch,
    Row,
    SqliteJournal,
    digest,
    read_journal,
)
from kombo_async.bulk.resolve import UnknownDoubt, open_doubts
from tests.bulk.conftest import CREATE, INTEGRATION, Bench, by_name
from tests.support.calls import until

pytestmark = pytest.mark.anyio
OPEN = """
import anyio, sys
from kombo_async.bulk import SqliteJournal

anyio.run(SqliteJournal(sys.argv[1]).open, "here")
"""


async def test_a_second_run_sends_nothing(bench: Bench, tmp_path: Path) -> None:
    """A second run skips rows that are done, with their IDs from the journal."""
    async with bench.client() as kombo:
        first = await by_name(kombo.bulk(bench.applications(20), journal=tmp_path / "j"))
        second = await by_name(kombo.bulk(bench.applications(20), journal=tmp_path / "j"))
    assert bench.asked == 20
    assert all(each.earlier and each.result == "done" for each in second.values())
    assert {name: each.ids for name, each in first.items()} == {name: each.ids for name, each in second.items()}


async def test_a_repeated_row_is_sent_once(bench: Bench, tmp_path: Path) -> None:
    """A row that comes twice in one input is sent once; the second is a duplicate."""
    rows = [bench.application("ada"), bench.application("ada")]
    async with bench.client() as kombo:
        results = sorted([each.result async for each in kombo.bulk(rows, journal=tmp_path / "j")])
    assert results == ["done", "duplicate"]
    assert bench.made == ["ada"]


async def test_refused_rows_are_retried_only_if_asked(bench: Bench, tmp_path: Path) -> None:
    """A refusal stands until `retry_refused`; what was unsent is sent anyway."""
    bench.sandbox.faults.add(CREATE, status=400, code="ATS.JOB_CLOSED", message="It is closed.", times=1)
    async with bench.client() as kombo:
        first = await by_name(kombo.bulk(bench.applications(1), journal=tmp_path / "j"))
        second = await by_name(kombo.bulk(bench.applications(1), journal=tmp_path / "j"))
        third = await by_name(kombo.bulk(bench.applications(1), journal=tmp_path / "j", retry_refused=True))
    assert (first["ada0"].result, first["ada0"].earlier) == ("refused", False)
    assert (second["ada0"].result, second["ada0"].earlier, second["ada0"].message) == ("refused", True, "It is closed.")
    assert (third["ada0"].result, bench.asked) == ("done", 2)


async def test_what_kombo_says_can_be_printed(bench: Bench, tmp_path: Path) -> None:
    """Control characters in Kombo's messages are kept as escapes, in outcomes and the journal."""
    bench.sandbox.faults.add(CREATE, status=400, code="ATS.JOB_CLOSED", message="It is\n \x1b[31mclosed.", times=1)
    async with bench.client() as kombo:
        for _ in range(2):
            (outcome,) = (await by_name(kombo.bulk(bench.applications(1), journal=tmp_path / "j"))).values()
            assert outcome.message == r"It is \x1b[31mclosed."


async def test_a_missing_file_that_was_put_there_is_sent(bench: Bench, tmp_path: Path) -> None:
    """A row whose file was missing is sent by the next run."""
    cv = tmp_path / "cv.pdf"
    person = bench.application("ada").candidate
    row = ats.CreateApplication(
        job_id=bench.job_id, candidate=person, attachments=[ats.AttachmentInput.from_path(cv, type="CV")]
    )
    async with bench.client() as kombo:
        assert (await by_name(kombo.bulk([row], journal=tmp_path / "j")))["ada"].result == "refused"
        cv.write_bytes(b"%PDF")
        assert (await by_name(kombo.bulk([row], journal=tmp_path / "j")))["ada"].result == "done"


async def test_a_journal_in_use_is_refused(bench: Bench, tmp_path: Path) -> None:
    """A second run on a journal in use is refused, also from another process, and sends nothing."""
    async with bench.client() as kombo, kombo.bulk(bench.applications(9), journal=tmp_path / "j") as outcomes:
        async for _ in outcomes:
            with pytest.raises(JournalLocked, match="in use by another run"):
                async for _ in kombo.bulk(bench.applications(9), journal=tmp_path / "j"):
                    pass
            other = await anyio.run_process([sys.executable, "-c", OPEN, str(tmp_path / "j")], check=False)
            assert "JournalLocked" in other.stderr.decode()
            break


async def test_a_journal_of_another_job_is_refused(bench: Bench, tmp_path: Path) -> None:
    """A journal of another input or another API address is refused."""
    async with bench.client() as kombo:
        await by_name(kombo.bulk(bench.applications(1), journal=SqliteJournal(tmp_path / "j", job="may.csv")))
        with pytest.raises(JournalMismatch, match=r"may\.csv"):
            await by_name(kombo.bulk(bench.applications(1), journal=SqliteJournal(tmp_path / "j", job="june.csv")))
    with pytest.raises(JournalMismatch, match="address"):
        await SqliteJournal(tmp_path / "j", job="may.csv").open("https://api.kombo.dev/v1")


@pytest.mark.parametrize("content", [b"name,email\n" * 100, b"SQLite format 3\x00" + b"\xff" * 5000])
async def test_what_is_no_journal_is_refused(tmp_path: Path, content: bytes) -> None:
    """A file that is not a journal, or damaged, is refused and left unchanged."""
    path = tmp_path / "j"
    path.write_bytes(content)
    with pytest.raises(JournalDamaged, match="is not a journal, or is damaged"):
        await SqliteJournal(path).open("here")
    assert path.read_bytes() == content


async def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    """Another program's SQLite file is refused and left unchanged."""
    path = tmp_path / "j"
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE t (a)")
    database.close()
    with pytest.raises(JournalDamaged, match="but not a journal"):
        await SqliteJournal(path).open("here")


async def test_a_journal_of_another_version_is_refused(bench: Bench, tmp_path: Path) -> None:
    """A journal of another version is refused, and nothing is sent."""
    async with bench.client() as kombo:
        await by_name(kombo.bulk(bench.applications(1), journal=tmp_path / "j"))
        with closing(sqlite3.connect(tmp_path / "j")) as database:
            database.execute("PRAGMA user_version = 1")
        with pytest.raises(JournalMismatch, match=r"another version.*finish it with that version"):
            await by_name(kombo.bulk(bench.applications(2), journal=tmp_path / "j"))
    assert bench.asked == 1


async def test_a_damaged_journal_is_refused(bench: Bench, tmp_path: Path) -> None:
    """A journal whose pages were overwritten is refused before anything is sent."""
    path = tmp_path / "j"
    async with bench.client() as kombo:
        await by_name(kombo.bulk(bench.applications(200), journal=path))
        content = bytearray(path.read_bytes())
        content[8192 : len(content) - 4096] = os.urandom(len(content) - 4096 - 8192)
        path.write_bytes(content)
        with pytest.raises(JournalDamaged):
            await by_name(kombo.bulk(bench.applications(200), journal=path))
    assert bench.asked == 200


async def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A path in a missing folder is an error that names it."""
    with pytest.raises(JournalError, match="nowhere"):
        await SqliteJournal(tmp_path / "nowhere" / "j").open("here")
    with pytest.raises(JournalError, match="does not exist"):
        list(read_journal(tmp_path / "nowhere"))


async def test_only_the_owner_can_read_it(bench: Bench, tmp_path: Path) -> None:
    """Only the owner can read a journal."""
    async with bench.client() as kombo:
        await by_name(kombo.bulk(bench.applications(1), journal=tmp_path / "j"))
    assert stat.S_IMODE((tmp_path / "j").stat().st_mode) == 0o600


def test_a_digest_tells_requests_apart_but_not_the_content_of_files(bench: Bench) -> None:
    """The digest depends on operation, integration and fields, but not on the content of files."""
    person = bench.application("ada").candidate
    files = [[ats.AttachmentInput.from_bytes(data, "cv.pdf", type="CV")] for data in (b"one", b"two")]
    one, two = (ats.CreateApplication(job_id="j", candidate=person, attachments=each) for each in files)
    assert digest(one, "a") == digest(two, "a")
    assert (
        len({digest(one, "a"), digest(one, "b"), digest(ats.CreateApplication(job_id="j", candidate=person), "a")}) == 3
    )


async def test_an_entry_that_is_damaged(bench: Bench, tmp_path: Path) -> None:
    """An unreadable entry is an error, not guessed at."""
    async with bench.client() as kombo:
        await by_name(kombo.bulk(bench.applications(1), journal=tmp_path / "j"))
    with closing(sqlite3.connect(tmp_path / "j")) as database, database:
        database.execute("""UPDATE rows SET entry = '{"state": 5}'""")
    with pytest.raises(JournalDamaged):
        list(read_journal(tmp_path / "j"))


def other_code(path: Path) -> None:
    """Open and close the file, as other code may: POSIX then drops the process's locks on it."""
    path.read_bytes()


async def test_no_other_code_drops_the_lock(bench: Bench, tmp_path: Path) -> None:
    """After other code of the process has opened and closed the file, another process is still refused."""
    async with bench.client() as kombo, kombo.bulk(bench.applications(9), journal=tmp_path / "j") as outcomes:
        async for _ in outcomes:
            other_code(tmp_path / "j")
            other = await anyio.run_process([sys.executable, "-c", OPEN, str(tmp_path / "j")], check=False)
            assert "JournalLocked" in other.stderr.decode()
            with pytest.raises(JournalLocked):
                list(read_journal(tmp_path / "j"))
            break


def delete(path: Path) -> None:
    """Remove the file."""
    path.unlink()


def empty(path: Path) -> None:
    """Leave the file without content."""
    os.truncate(path, 0)


def replace(path: Path) -> None:
    """Put another file in its place."""
    copy = path.with_name("copy")
    shutil.copy(path, copy)
    copy.replace(path)


def overwrite(path: Path) -> None:
    """Write something else into the same file."""
    path.write_bytes(path.read_bytes()[::-1])


def lose_the_newest(path: Path) -> None:
    """Remove the second file, which has the newest rows."""
    path.with_name(path.name + "-wal").unlink()


@pytest.mark.parametrize("happens", [delete, empty, replace, overwrite, lose_the_newest])
async def test_a_journal_that_is_gone_ends_the_run(
    bench: Bench, tmp_path: Path, happens: Callable[[Path], None]
) -> None:
    """If the file is no longer the one that was opened, the run ends with an error and sends nothing more."""
    asked = 0

    async def rows() -> AsyncIterator[ats.CreateApplication]:
        nonlocal asked
        for index, row in enumerate(bench.applications(60)):
            if index == 30:
                await until(lambda: len(bench.made) == 30)
                happens(tmp_path / "j")
                asked = bench.asked
            yield row

    async with bench.client() as kombo:
        with pytest.raises(JournalDamaged, match="while a run used it"):
            await by_name(kombo.bulk(rows(), journal=tmp_path / "j"))
    assert bench.asked == asked == 30


async def test_an_emptied_journal_is_not_begun_again(bench: Bench, tmp_path: Path) -> None:
    """An empty file may have been a journal, so it is refused: nobody is sent again."""
    async with bench.client() as kombo:
        await by_name(kombo.bulk(bench.applications(3), journal=tmp_path / "j"))
        empty(tmp_path / "j")
        with pytest.raises(JournalDamaged, match="is empty"):
            await by_name(kombo.bulk(bench.applications(3), journal=tmp_path / "j"))
    assert bench.asked == 3


async def test_a_journal_with_rows_removed_is_refused(bench: Bench, tmp_path: Path) -> None:
    """A journal whose rows were removed is refused on opening."""
    async with bench.client() as kombo:
        await by_name(kombo.bulk(bench.applications(3), journal=tmp_path / "j"))
        with closing(sqlite3.connect(tmp_path / "j")) as database, database:
            database.execute("DELETE FROM rows")
        with pytest.raises(JournalDamaged, match="has 0 rows, but had 3"):
            await by_name(kombo.bulk(bench.applications(3), journal=tmp_path / "j"))
    assert bench.asked == 3


KILLED = """
import anyio, os, sys
from kombo_async.bulk import Entry, RowKey, SqliteJournal

async def main():
    journal = SqliteJournal(sys.argv[1])
    await journal.open("here")
    await journal.record(RowKey("k", "o", "i"), Entry(state="sending", digest="d"))
    os._exit(9)

anyio.run(main)
"""


async def test_a_copy_without_its_second_file_is_refused(tmp_path: Path) -> None:
    """After a kill, the newest rows are in the second file; the first alone is refused."""
    path, whole, part = tmp_path / "j", tmp_path / "whole", tmp_path / "part"
    await anyio.run_process([sys.executable, "-c", KILLED, str(path)], check=False)
    for copy in (whole, part):
        shutil.copy(path, copy)
    shutil.copy(tmp_path / "j-wal", tmp_path / "whole-wal")
    with pytest.raises(JournalDamaged, match="part-wal, which is missing"):
        await SqliteJournal(part).open("here")
    with pytest.raises(JournalDamaged, match="part-wal, which is missing"):
        list(read_journal(part))
    journal = SqliteJournal(whole)
    await journal.open("here")
    assert [entry.state async for _, entry in journal.unfinished()] == ["sending"]
    await journal.aclose()
    assert [name for name in os.listdir(tmp_path) if name.startswith("whole")] == ["whole"]
    shutil.copy(whole, tmp_path / "copy")
    assert [entry.state for _, entry in read_journal(tmp_path / "copy")] == ["sending"]


async def test_a_full_disk_is_a_journal_error(bench: Bench, tmp_path: Path) -> None:
    """A full disk ends the run with `JournalError`, not with an error from closing."""
    journal = SqliteJournal(tmp_path / "j")

    def rows() -> Iterator[ats.CreateApplication]:
        for index, row in enumerate(bench.applications(2000)):
            if index == 10:
                assert journal._database is not None
                journal._database.execute("PRAGMA max_page_count = 1")
            yield row

    async with bench.client() as kombo:
        with pytest.raises(JournalError, match="full") as caught:
            await by_name(kombo.bulk(rows(), journal=journal))
    assert type(caught.value) is JournalError
    assert bench.asked < 2000


async def test_rows_are_settled_by_hand(bench: Bench, tmp_path: Path) -> None:
    """A person settles rows in doubt; the next run follows that."""
    bench.sandbox.faults.add(CREATE, status=500, code="PLATFORM.UNKNOWN_ERROR", times=3)
    path = tmp_path / "j"
    async with bench.client() as kombo:
        rows = [Row(row, key=f"key-{index}", tag=index) for index, row in enumerate(bench.applications(4))]
        await by_name(kombo.bulk(rows, journal=path, concurrency=1))
        async with open_doubts(path) as doubts:
            seen = {each.key: each async for each in doubts}
            assert set(seen) == {"key-0", "key-1", "key-2"}
            assert seen["key-0"].about == f"ada0 Lovelace <ada0@example.com>, job {bench.job_id}"
            assert (seen["key-1"].row, "was not found" in seen["key-1"].why) == ("1", True)
            assert seen["key-0"].sent is not None
            with pytest.raises(UnknownDoubt, match="no row in doubt has the key 'key'"):
                await doubts.get("key")
            with pytest.raises(ValueError, match="another row"):
                await doubts.found("key-0", bench.sandbox.performed(CREATE)[0].result["id"])
            await doubts.found("key-0", "by-hand")
            await doubts.send_again("key-1")
            await doubts.give_up("key-2")
            assert [each async for each in doubts] == []
        outcomes = await by_name(kombo.bulk(rows, journal=path, retry_refused=True))
    assert {name: each.result for name, each in outcomes.items()} == {
        "ada0": "done",
        "ada1": "done",
        "ada2": "refused",
        "ada3": "done",
    }
    assert (outcomes["ada0"].ids, outcomes["ada0"].entry.proof) == ({"id": "by-hand"}, "person")
    assert bench.made == ["ada3", "ada1"]
    assert all(not entry.about for _, entry in read_journal(path))


async def test_a_finished_journal_knows_no_people(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names, addresses and tags are deleted with the answer, and their bytes overwritten, however SQLite is built."""
    connect = sqlite3.connect

    def not_secure(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        database: sqlite3.Connection = connect(*args, **kwargs)
        database.execute("PRAGMA secure_delete = OFF")
        return database

    monkeypatch.setattr(sqlite3, "connect", not_secure)
    bench.sandbox.faults.add(CREATE, status=500, code="PLATFORM.UNKNOWN_ERROR", times=1)
    rows = [Row(request, tag=f"{number} tagged") for number, request in enumerate(bench.applications(50))]
    async with bench.client() as kombo:
        first = [each async for each in kombo.bulk(rows, journal=tmp_path / "j")]
        assert b"tagged" in (tmp_path / "j").read_bytes()
        second = [each async for each in kombo.bulk(rows, journal=tmp_path / "j", resend_after=timedelta())]
    assert [Counter(each.result for each in outcomes) for outcomes in (first, second)] == [
        {"done": 49, "in_doubt": 1},
        {"done": 50},
    ]
    kept = (tmp_path / "j").read_bytes()
    assert [word for word in (b"tagged", b"Lovelace", b"example.com") if word in kept] == []


async def test_rows_in_doubt_are_named_without_mistakes(bench: Bench, tmp_path: Path) -> None:
    """The beginning of a digest is enough, and never of a key of the caller's; one key may be that of several rows."""
    other = "lever:bulk"
    bench.sandbox.add_integration(other)
    bench.sandbox.faults.add(CREATE, status=500, code="PLATFORM.UNKNOWN_ERROR")
    rows = [
        Row(bench.application("ada0"), key="10"),
        Row(bench.application("ada1"), key="7"),
        Row(bench.application("ada1"), key="7", integration_id=other),
        Row(bench.application("ada2")),
    ]
    async with bench.client() as kombo:
        outcomes = [each async for each in kombo.bulk(rows, journal=tmp_path / "j")]
    key = next(each.key for each in outcomes if len(each.key) > 2)
    async with open_doubts(tmp_path / "j") as doubts:
        with pytest.raises(UnknownDoubt, match="no row in doubt has the key '1'"):
            await doubts.send_again("1")
        with pytest.raises(UnknownDoubt, match=f"give one of 7@{INTEGRATION}@application, 7@{other}@application"):
            await doubts.send_again("7")
        await doubts.send_again(f"7@{other}@application")
        assert [each.integration_id async for each in doubts if each.key == "7"] == [INTEGRATION]
        for doubt in [each async for each in doubts if each.key == "7"]:
            await doubts.give_up(doubt)
        assert (await doubts.get(key[:6])).short_key == key[:12]
        assert (await doubts.get("10")).short_key == "10"
        for nothing in ("", "7"):
            with pytest.raises(UnknownDoubt):
                await doubts.get(nothing)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
async def test_only_files_are_journals(bench: Bench, tmp_path: Path, kind: str) -> None:
    """A pipe, a folder and a device are refused at once."""
    path = tmp_path / "j"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path = Path(os.devnull)
    async with bench.client() as kombo:
        with pytest.raises(JournalError, match="is not a file"):
            await by_name(kombo.bulk([bench.application("ada")], journal=path))
    assert bench.asked == 0
