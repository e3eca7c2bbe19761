"""Tables as they are declared: columns, nested lists, AI Apply; and what is refused, by name."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from kombo_async import InvalidInput, ai_apply, ats, hris
from kombo_async.mirror import Mirror, Nested, Table
from kombo_async.mirror.sqlite import SqliteStore
from kombo_async.webhooks import parse
from tests.mirror.source import Source, rows
from tests.mirror.stores import Place
from tests.support.wire import CANDIDATE, INTEGRATION, mock_client, page

pytestmark = pytest.mark.anyio

COLUMNS = ["first_name", "confidential", "remote_created_at", "location.city", "tags_of_ours"]


def candidate(id: str, **fields: Any) -> dict[str, Any]:
    """A candidate with some fields of its own."""
    return {**CANDIDATE, "id": id, **fields}


class Candidates:
    """A list of candidates."""

    def __init__(self, *records: dict[str, Any]) -> None:
        self.records = list(records)
        self.requests: list[httpx.URL] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """All of them, or those with the IDs asked for."""
        self.requests.append(request.url)
        ids = request.url.params.get("ids")
        return page(*(each for each in self.records if ids is None or each["id"] in ids.split(",")))


async def test_typed_columns(place: Place) -> None:
    """Columns have the types of the fields; a value that does not fit is null there, and complete in `data`."""
    source = Candidates(
        candidate("a", confidential=True, location={"city": "Berlin", "country": "DE"}),
        candidate("b", confidential="maybe", remote_created_at="soon", location=None),
        candidate("c", first_name=7, remote_created_at="2026-05-19"),
    )
    columns = ["first_name", "confidential", "remote_created_at", "location.city", "custom_fields", "tags"]
    table = Table("candidates", ats.GetCandidates(), columns=columns)
    assert [each.type for each in table.typed_columns] == ["text", "boolean", "timestamptz", "text", "jsonb", "jsonb"]
    async with Mirror(mock_client(source), place.store(), [table]) as mirror:
        await mirror.update(INTEGRATION)
    sql = 'SELECT id, first_name, confidential, remote_created_at, "location.city" FROM candidates ORDER BY id'
    found = [tuple(map(_plain, row)) for row in place.query(sql)]
    assert found == [
        ("a", "Frank", True, "2026-05-19T08:30:00.000Z", "Berlin"),
        ("b", "Frank", None, None, None),
        ("c", "7", False, "2026-05-19T00:00:00.000Z", None),
    ]
    assert place.records("candidates")[INTEGRATION, "b"]["confidential"] == "maybe"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value


async def test_columns_are_indexed(tmp_path: Path) -> None:
    """A query on a column uses its index."""
    table = Table("candidates", ats.GetCandidates(), columns=["first_name", "location.city"])
    async with Mirror(mock_client(Candidates()), tmp_path / "mirror.db", [table]):
        pass
    import sqlite3

    database = sqlite3.connect(tmp_path / "mirror.db")
    for column in ("first_name", '"location.city"'):
        plan = database.execute(f"EXPLAIN QUERY PLAN SELECT id FROM candidates WHERE {column} = 'x'").fetchall()
        assert "USING INDEX" in plan[0][3]
    database.close()


async def test_nested_lists(place: Place) -> None:
    """A nested list becomes a table that follows: items are added, changed, moved and removed with their record."""
    phones = [{"phone_number": "1", "type": "HOME"}, {"phone_number": "2", "type": "MOBILE"}]
    source = Candidates(candidate("a", phone_numbers=phones), candidate("b", phone_numbers=phones[:1]))
    nested = [Nested("phones", "phone_numbers", columns=["phone_number"])]
    table = Table("candidates", ats.GetCandidates(), nested=nested)
    async with Mirror(mock_client(source), place.store(), [table]) as mirror:
        await mirror.update(INTEGRATION)
        sql = "SELECT parent_id, position, phone_number FROM phones ORDER BY parent_id, position"
        assert place.query(sql) == [("a", 0, "1"), ("a", 1, "2"), ("b", 0, "1")]
        source.records[:] = [candidate("a", phone_numbers=phones[1:])]
        await mirror.update(INTEGRATION, full=True)
        assert place.query(sql) == [("a", 0, "2")]
        await mirror.forget(INTEGRATION)
        assert place.query(sql) == []


async def test_another_question(place: Place) -> None:
    """With another filter, the list is read again, and records outside the filter are removed."""
    source = Candidates(candidate("a"), candidate("b"))
    async with Mirror(mock_client(source), place.store(), [Table("candidates", ats.GetCandidates())]) as mirror:
        await mirror.update(INTEGRATION)
    table = Table("candidates", ats.GetCandidates(ids=["a"]))
    async with Mirror(mock_client(source), place.store(), [table]) as mirror:
        (update,) = await mirror.update(INTEGRATION)
        assert (update.full, update.deleted) == (True, 1)
        assert list(place.records("candidates")) == [(INTEGRATION, "a")]


async def test_ai_apply(place: Place) -> None:
    """Postings of AI Apply belong to the environment; they are read when `ai-apply-data-changed` comes."""
    posting = {"id": "p1", "url": "https://example.com/1", "job_code": "J1", "updated_at": "2026-11-01T00:00:00.000Z"}
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return page({**posting, "job_code": f"J{len(seen)}"})

    table = Table("postings", ai_apply.GetJobPostings(), columns=["job_code"])
    mirror = Mirror(mock_client(answer), place.store(), [table])
    async with mirror, anyio.create_task_group() as tasks:
        tasks.start_soon(mirror.run)
        await _until(place, [("environment", "J")])
        event = {"id": "e", "type": "ai-apply-data-changed", "data": {"changed_models": []}}
        count = len(seen)
        await mirror.handle(parse(json.dumps(event).encode()))
        with anyio.fail_after(10):
            while True:
                await anyio.sleep(0.02)
                if len(seen) > count:
                    break
        tasks.cancel_scope.cancel()
    assert {request.url.path for request in seen} == {"/v1/ai-apply/postings"}


async def _until(place: Place, expected: list[tuple[str, str]]) -> None:
    with anyio.fail_after(10):
        while True:
            await anyio.sleep(0.02)
            found = place.query("SELECT integration_id, substr(job_code, 1, 1) FROM postings")
            if found == expected:
                return


async def test_changes(place: Place) -> None:
    """A subscriber gets each insertion, change and deletion, once more after a crash."""
    source = Candidates(candidate("a"), candidate("b"))
    table = Table("candidates", ats.GetCandidates())
    async with Mirror(mock_client(source), place.store(), [table], keep_changes=timedelta(days=7)) as mirror:
        await mirror.update(INTEGRATION)
        source.records[0] = candidate("a", first_name="Franka")
        del source.records[1]
        await mirror.update(INTEGRATION, full=True)
        told = []
        async with mirror.changes("mailer") as changes:
            async for change in changes:
                told.append((change.id, change.kind, change.fields, change.before))
                if len(told) == 4:
                    break
        assert sorted(told[:2]) == [("a", "inserted", (), {}), ("b", "inserted", (), {})]
        assert told[2:] == [("a", "changed", ("first_name",), {"first_name": "Frank"}), ("b", "deleted", (), {})]
        async with mirror.changes("mailer") as changes:  # the last one was not done: nothing was asked for after it
            async for change in changes:
                assert (change.id, change.kind, change.record) == ("b", "deleted", None)
                break


async def test_changes_have_to_be_kept(tmp_path: Path) -> None:
    """Without `keep_changes`, subscribing is refused at once."""
    mirror = Mirror(mock_client(Source()), tmp_path / "mirror.db", [Table("tags", ats.GetTags())])
    with pytest.raises(InvalidInput, match="keep_changes"):
        async with mirror.changes("mailer"):
            pass


async def test_a_deletion_that_was_missed(place: Place) -> None:
    """A record that was deleted more than two weeks ago is removed, though Kombo no longer reports it."""
    source = Source()
    source.put("t0", "Stays")
    source.put("t1", "Goes")
    table = Table("tags", ats.GetTags())
    settings: dict[str, Any] = {"now": lambda: source.now, "full_every": timedelta(days=3650)}
    async with Mirror(mock_client(source), place.store(), [table], **settings) as mirror:
        await mirror.update(INTEGRATION)
        source.vanish("t1")
        source.now += timedelta(days=15)
        (update,) = await mirror.update(INTEGRATION)
        assert update.full
        assert list(place.records("tags")) == [(INTEGRATION, "t0")]


async def test_an_emptied_record(tmp_path: Path) -> None:
    """A record whose fields have all become null counts as deleted."""
    source = Candidates(candidate("a"), candidate("b"))
    async with Mirror(
        mock_client(source), tmp_path / "mirror.db", [Table("candidates", ats.GetCandidates())]
    ) as mirror:
        await mirror.update(INTEGRATION)
        source.records[0] = dict.fromkeys(CANDIDATE) | {"id": "a"}
        await mirror.update(INTEGRATION)
    assert list(rows(tmp_path / "mirror.db", "candidates")) == ["b"]


async def test_a_full_read_that_misses_records(place: Place) -> None:
    """A record that a full sync did not see is removed only once Kombo confirms that it is gone."""
    source = Source()
    for number in range(6):
        source.put(f"t{number}", "Tag")
    async with Mirror(
        mock_client(source), place.store(), [Table("tags", ats.GetTags())], now=lambda: source.now
    ) as mirror:
        await mirror.update(INTEGRATION)
        hidden = source.records["t3"]
        number = len(source.requests)

        def hide() -> None:
            del source.records["t3"]

        def show() -> None:
            source.records["t3"] = hidden

        source.between += [(number, hide), (number + 3, show)]
        (update,) = await mirror.update(INTEGRATION, full=True)
        assert update.deleted == 0
        assert len(place.records("tags")) == 6


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: Table("t", hris.GetEmployees(), columns=["work_emial"]), "columns.*work_emial.*'work_email'"),
        (lambda: Table("t", hris.GetEmployees(), columns=["home_address.cty"]), "'home_address.city'"),
        (lambda: Table("t", hris.GetEmployees(), columns=["groups.name"]), "'groups' is a list.*Nested"),
        (lambda: Table("t", hris.GetEmployees(), columns=[""]), r"columns\[0\].*must not be empty"),
        (lambda: Table("t", hris.GetEmployees(), columns=["id"]), "mirror table already"),
        (lambda: Table("t", hris.GetEmployees(), columns=["Data"]), "mirror table already"),
        (lambda: Table("t", hris.GetEmployees(), columns=["ssn", "ssn"]), "twice"),
        (lambda: Table("t", hris.GetEmployees(), nested=[Nested("g", "group")]), r"nested\[0\].path.*'groups'"),
        (lambda: Table("t", hris.GetEmployees(), nested=[Nested("g", "first_name")]), "is not a list"),
        (lambda: Table("t", hris.GetEmployees(), nested=[Nested("g", "groups", columns=["nam"])]), "'name'"),
        (lambda: Table("t", hris.GetEmployees(), nested=[Nested("kombo_g", "groups")]), "kombo_"),
        (lambda: Table("pg_class", hris.GetEmployees()), "pg_"),
        (lambda: Table("x" * 64, hris.GetEmployees()), "at most 63"),
    ],
)
def test_what_is_refused(declare: Any, message: str) -> None:
    """Mistakes in a declaration are reported at once: where, what, and the nearest names."""
    with pytest.raises(InvalidInput, match=message):
        declare()


@pytest.mark.parametrize("names", [("tags", "Tags"), ("tags", "tags"), ("users", "phones")])
async def test_names_that_are_the_same(names: tuple[str, str], tmp_path: Path) -> None:
    """Two tables with the same name are refused, even if only case differs or one is nested."""
    nested = [Nested("Phones", "phone_numbers")]
    tables = [Table(names[0], ats.GetTags()), Table(names[1], ats.GetCandidates(), nested=nested)]
    with pytest.raises(InvalidInput, match="same name"):
        Mirror(mock_client(Source()), tmp_path / "mirror.db", tables)


@pytest.mark.parametrize("began", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "soon", 7, None, {"a": 1}])
async def test_a_nonsense_sync(began: Any, place: Place) -> None:
    """An invalid `sync_started_at` does no harm: the integration is checked, and no watermark moves."""
    source = Source()
    source.put("t0", "Tag")
    async with Mirror(
        mock_client(source), place.store(), [Table("tags", ats.GetTags())], now=lambda: source.now
    ) as mirror:
        await mirror.update(INTEGRATION)
        data = {
            "sync_id": "s",
            "sync_started_at": began,
            "integration_id": INTEGRATION,
            "integration_category": "ATS",
        }
        await mirror.handle(parse(json.dumps({"id": "e", "type": "sync-finished", "data": data}).encode()))
        assert (await mirror.store.watermarks(INTEGRATION))["tags"].rewind is None
        (state,) = await mirror.store.integrations()
        assert state.told_at is not None


async def test_the_file_is_its_owners(tmp_path: Path) -> None:
    """Only its owner can read the SQLite file."""
    store = SqliteStore(tmp_path / "mirror.db")
    await store.open([])
    assert stat.S_IMODE((tmp_path / "mirror.db").stat().st_mode) == 0o600
    await store.aclose()
