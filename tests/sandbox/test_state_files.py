"""State in a file is kept; a file that is damaged, newer, in use or something else is refused by name."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kombo_async import ats
from kombo_async.sandbox import GREENHOUSE, Sandbox, default_id
from tests.sandbox.test_recruiting import CV, create

pytestmark = pytest.mark.anyio


async def test_a_file_keeps_the_state(tmp_path: Path) -> None:
    """Records, deletions, files and integrations are there again; the seed and sizes are the file's."""
    path = tmp_path / "state.db"
    first = Sandbox(seed=4, candidates=3, state=path)
    kombo = first.client(GREENHOUSE)
    attachment = ats.AttachmentInput.from_bytes(CV, "cv.pdf", type="CV")
    created = (await create(kombo, first, attachments=[attachment])).unwrap()
    gone = first.world(GREENHOUSE).table("ats_candidates")[0].id
    first.delete_record(GREENHOUSE, "ats_candidates", gone)
    first.add_integration("lever:demo", sync_pending=True)
    before = (await kombo.ats.get_candidates(include_deleted=True)).unwrap()
    first.close()
    second = Sandbox(seed=9, candidates=50, state=path)
    assert second.integrations["lever:demo"].state == "sync pending"
    client = second.client(GREENHOUSE)
    assert (await client.ats.get_candidates(include_deleted=True)).unwrap() == before
    (file,) = (await client.ats.get_candidate_attachments(created.id)).unwrap().results
    kept = second.file(file.id)
    assert kept is not None
    assert kept.data == CV
    second.close()


async def test_a_file_keeps_what_changed_in_nested_records(tmp_path: Path) -> None:
    """Employees whose manager, location or legal entity changed are in `updated_after` after a restart, too."""
    path = tmp_path / "state.db"
    first = Sandbox(employees=30, state=path)
    workday = default_id("workday")
    first.clock.advance(86_400)
    since = datetime.now(UTC) + timedelta(hours=12)
    world = first.world(workday)
    world.change("hris_locations", world.table("hris_locations")[0], name="Porto")
    world.change("hris_employees", world.table("hris_employees")[3], first_name="Ada")

    async def changed(sandbox: Sandbox) -> set[str]:
        page = (await sandbox.client(workday).hris.get_employees(updated_after=since)).unwrap()
        return {each.id for each in page.results}

    before = await changed(first)
    assert 1 < len(before) < 30
    first.close()
    second = Sandbox(state=path)
    assert await changed(second) == before
    second.reset()
    assert await changed(second) == set()
    second.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A state file that somebody has used."""
    path = tmp_path / "state.db"
    Sandbox(employees=3, state=path).close()
    return path


def with_sql(*statements: str) -> Callable[[Path], None]:
    """Change the file as another program could."""

    def change(path: Path) -> None:
        database = sqlite3.connect(path)
        for statement in statements:
            database.execute(statement)
        database.commit()
        database.close()

    return change


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5_000])


def other_text(path: Path) -> None:
    path.write_text("my notes, which are long enough to be no header of a database " * 20)


DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "newer": (with_sql("UPDATE meta SET value = '99' WHERE name = 'version'"), "written by another version"),
    "seed": (with_sql("UPDATE meta SET value = 'x' WHERE name = 'seed'"), "damaged"),
    "born": (with_sql("UPDATE meta SET value = 'x' WHERE name = 'born'"), "damaged"),
    "sizes": (with_sql("UPDATE meta SET value = '{' WHERE name = 'sizes'"), "damaged"),
    "integration": (with_sql("UPDATE integrations SET data = '{}'"), "damaged"),
    "no JSON": (with_sql("UPDATE integrations SET data = 'x'"), "damaged"),
    "columns": (with_sql("DROP TABLE records", "CREATE TABLE records (a)"), "cannot be opened"),
    "touches": (with_sql("DROP TABLE touches", "CREATE TABLE touches (a)"), "cannot be opened"),
    "cut short": (cut_short, "damaged"),
    "text": (other_text, "is not a state file"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_refused_by_its_name(path: Path, damage: str) -> None:
    """A damaged file is refused by name, and left unchanged."""
    harm, why = DAMAGE[damage]
    harm(path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=rf"^state: {path}.*{why}"):
        Sandbox(state=path)
    assert path.read_bytes() == before


def test_somebody_elses_database_is_left_alone(tmp_path: Path) -> None:
    """Another program's database is refused, and left unchanged."""
    path = tmp_path / "people.db"
    with_sql("CREATE TABLE people (name)")(path)
    with pytest.raises(ValueError, match="is not a state file"):
        Sandbox(state=path)
    database = sqlite3.connect(path)
    assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("people",)]
    database.close()


def test_a_file_is_for_one_sandbox_at_a_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state file is refused while another sandbox uses it."""
    monkeypatch.setattr("kombo_async.sandbox._state.database.PATIENCE", 0.1)
    first = Sandbox(state=path)
    with pytest.raises(ValueError, match="is in use by another sandbox"):
        Sandbox(state=path)
    first.close()
    Sandbox(state=path).close()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A missing folder is reported with the path and SQLite's message."""
    with pytest.raises(ValueError, match=r"nowhere.*unable to open"):
        Sandbox(state=tmp_path / "nowhere" / "state.db")
