"""A journal's file is written in a thread, while other tasks read and check it."""

from __future__ import annotations

from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from kombo_async.bulk import Entry, JournalDamaged, RowKey, SqliteJournal, sqlite
from kombo_async.bulk._file_guard import FileGuard


def test_a_write_of_our_own_is_not_taken_for_somebody_elses(tmp_path: Path) -> None:
    """A check during our own write passes; one after somebody else's write fails."""
    path = tmp_path / "j"
    path.write_bytes(b"one")
    guard = FileGuard(path)
    try:
        with guard.writing():
            path.write_bytes(b"one, two")
            guard.check()
        guard.check()
        path.write_bytes(b"one, two, three")
        with pytest.raises(JournalDamaged, match="written to by something else"):
            guard.check()
    finally:
        guard.release()


def test_a_file_that_is_replaced_during_a_write_is_noticed(tmp_path: Path) -> None:
    """During our own write, only the file's size and time may change."""
    path = tmp_path / "j"
    path.write_bytes(b"one")
    guard = FileGuard(path)
    try:
        with guard.writing():
            (tmp_path / "other").write_bytes(b"one")
            (tmp_path / "other").replace(path)
            with pytest.raises(JournalDamaged, match="replaced"):
                guard.check()
    finally:
        guard.release()


@pytest.mark.anyio
async def test_reading_and_checking_never_disturb_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading and checking work during writes and checkpoints."""
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 1)
    journal = SqliteJournal(tmp_path / "j")
    await journal.open("here")
    all_written = anyio.Event()
    looks = 0

    async def write(writer: int) -> None:
        for number in range(25):
            key = RowKey(f"{writer}-{number}", "application", "i")
            await journal.record(key, Entry(state="sending", digest="d"))
            await journal.record(key, Entry(state="done", digest="d", proof="look", ids={"id": f"id-{key.key}"}))

    async def look(writer: int) -> None:
        nonlocal looks
        while not all_written.is_set():
            owners = await journal.owners([f"id-{writer}-{number}" for number in range(25)])
            assert all(id == f"id-{owner.key}" for id, owner in owners.items())
            looks += 1

    async def leave() -> None:
        while not all_written.is_set():
            journal.check()
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        for writer in range(4):
            tasks.start_soon(look, writer)
        tasks.start_soon(leave)
        async with anyio.create_task_group() as writers:
            for writer in range(4):
                writers.start_soon(write, writer)
        all_written.set()
    assert looks
    assert len([key async for key, _ in journal.unfinished()]) == 0
    await journal.aclose()
