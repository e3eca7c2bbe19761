"""PostgreSQL only: migrations by another role, indexes on long texts, errors that name what is missing."""

from __future__ import annotations

import json
import traceback
from typing import Any

import pytest

pytest.importorskip("asyncpg")

import anyio
import asyncpg  # type: ignore[import-untyped]
import attrs
import httpx

from kombo_async import InvalidInput, ats
from kombo_async.mirror import Mirror, Nested, Record, Table, Turn
from kombo_async.mirror.postgres import PostgresStore
from tests.mirror.source import Source
from tests.support.postgres_server import needs_postgres
from tests.support.wire import INTEGRATION, mock_client, page

pytestmark = [pytest.mark.anyio, needs_postgres]

TAGS = Table("tags", ats.GetTags(), columns=["name"])


@pytest.fixture
def anyio_backend() -> str:
    """asyncpg is for asyncio."""
    return "asyncio"


async def run_sql(address: str, sql: str, *values: Any) -> list[Any]:
    """Rows of a statement, or of the last of several."""
    connection: Any = await asyncpg.connect(address)
    try:
        if values:
            return list(await connection.fetch(sql, *values))
        await connection.execute(sql)
        return []
    finally:
        await connection.close()


async def test_a_role_that_may_make_nothing(postgres_address: str) -> None:
    """Another role can run the printed SQL any number of times; the app's role only reads and writes."""
    source = Source()
    source.put("t0", "Tag")
    store = PostgresStore(postgres_address.replace("kombo@", "app@"), schema="guarded", migrate=False)
    mirror = Mirror(mock_client(source), store, [TAGS])
    await run_sql(postgres_address, "CREATE ROLE app LOGIN")
    with pytest.raises(RuntimeError, match="run the SQL that sql"):
        await mirror.open()
    for _ in range(2):
        await run_sql(postgres_address, store.sql(mirror.all_tables))
    await run_sql(
        postgres_address,
        "GRANT USAGE ON SCHEMA guarded TO app; GRANT USAGE ON ALL SEQUENCES IN SCHEMA guarded TO app; "
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA guarded TO app",
    )
    async with mirror:
        (update,) = await mirror.update(INTEGRATION)
    assert update.changed == 1
    more = Table("tags", ats.GetTags(), columns=["name", "remote_id"])
    with pytest.raises(RuntimeError, match="'tags' has no column 'remote_id': run the SQL that sql"):
        await Mirror(mock_client(source), store, [more]).open()
    await store.aclose()


async def test_a_text_that_is_too_long_for_an_index(postgres_address: str) -> None:
    """A text that is too long drops its column's index, once; the column keeps the whole text. So do nested ones."""
    store = PostgresStore(postgres_address, schema="long_texts")
    text = "".join(chr(0x4E00 + number % 20000) for number in range(5000))  # compresses badly
    emails = Nested("emails", "email_addresses", columns=["email_address"])
    table = Table("candidates", ats.GetCandidates(), columns=["first_name"], nested=[emails])
    record = {"id": "a", "first_name": text, "email_addresses": [{"email_address": text}]}
    for tables in ([attrs.evolve(table, columns=[], nested=[])], [table], [table]):  # filled, and written
        await store.open(tables)
        await store.add(INTEGRATION)
        turn = await store.take("test", INTEGRATION, 60)
        assert turn is not None
        await store.write(turn, tables[0], [Record("a", json.dumps({**record, "columns": len(tables[0].columns)}))], [])
        await store.renew("test", -1)
        await store.aclose()
    rows = await run_sql(postgres_address, "SELECT first_name FROM long_texts.candidates WHERE id = $1", "a")
    assert rows[0][0] == text
    rows = await run_sql(postgres_address, "SELECT email_address FROM long_texts.emails WHERE parent_id = $1", "a")
    assert rows[0][0] == text


async def test_what_postgres_cannot_store(postgres_address: str) -> None:
    """U+FFFD stands for NUL and for half of a character, in the record and its column."""
    record = json.dumps({"id": "a", "name": "a\0b\ud83dc", "changed_at": "2026-05-19T08:00:00Z"})
    body = f'{{"status": "success", "data": {{"results": [{record}], "next": null}}}}'
    client = mock_client(lambda request: httpx.Response(200, content=body.encode()))
    async with Mirror(client, PostgresStore(postgres_address, schema="odd"), [TAGS]) as mirror:
        await mirror.update(INTEGRATION)
    ((name, data),) = await run_sql(postgres_address, "SELECT name, data ->> 'name' FROM odd.tags WHERE id = $1", "a")
    assert (name, data) == ("a\ufffdb\ufffdc", "a\ufffdb\ufffdc")


async def test_a_record_of_many_megabytes(postgres_address: str) -> None:
    """The size of a record does not matter."""
    text = "x" * 3_000_000
    client = mock_client(lambda request: page({"id": "a", "name": text, "changed_at": "2026-05-19T08:00:00Z"}))
    async with Mirror(client, PostgresStore(postgres_address, schema="large"), [TAGS]) as mirror:
        await mirror.update(INTEGRATION)
    ((length,),) = await run_sql(postgres_address, "SELECT length(name) FROM large.tags WHERE id = $1", "a")
    assert length == len(text)


@pytest.mark.parametrize(
    ("sql", "back", "message"),
    [
        (
            "REVOKE INSERT ON broken.tags FROM worker",
            "GRANT INSERT ON broken.tags TO worker",
            "permission denied for table tags .*grant it to the app's role",
        ),
        (
            "ALTER TABLE broken.tags RENAME TO labels",
            "ALTER TABLE broken.labels RENAME TO tags",
            r"broken.tags.* does not exist .*renamed or dropped",
        ),
        (
            "ALTER TABLE broken.tags RENAME name TO title",
            "ALTER TABLE broken.tags RENAME title TO name",
            r"column .name. .*does not exist .*renamed or dropped",
        ),
        (
            "ALTER TABLE broken.tags ADD CHECK (name <> 'Frank Doe')",
            "ALTER TABLE broken.tags DROP CONSTRAINT tags_name_check",
            "CheckViolationError in tags.tags_name_check",
        ),
    ],
    ids=["a right", "a table", "a column", "a constraint"],
)
async def test_what_people_do_to_tables(sql: str, back: str, message: str, postgres_address: str) -> None:
    """What is wrong is said, without what was to be written; once it is right again, all goes on."""
    await run_sql(postgres_address, "DROP SCHEMA IF EXISTS broken CASCADE; DROP ROLE IF EXISTS worker")
    source = Source()
    store = PostgresStore(postgres_address, schema="broken")
    await store.open(Mirror(mock_client(source), store, [TAGS]).all_tables)
    await store.aclose()
    await run_sql(
        postgres_address,
        "CREATE ROLE worker LOGIN; GRANT USAGE ON SCHEMA broken TO worker; "
        "GRANT USAGE ON ALL SEQUENCES IN SCHEMA broken TO worker; "
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA broken TO worker",
    )
    theirs = PostgresStore(postgres_address.replace("kombo@", "worker@"), schema="broken", migrate=False)
    async with Mirror(mock_client(source), theirs, [TAGS], now=lambda: source.now) as mirror:
        await mirror.update(INTEGRATION)
        source.put("t0", "Frank Doe")
        await run_sql(postgres_address, sql)
        with pytest.raises(RuntimeError, match=message) as caught:
            await mirror.update(INTEGRATION)
        assert "Frank" not in "".join(traceback.format_exception(caught.value))
        await run_sql(postgres_address, back)
        await mirror.update(INTEGRATION)
    ((name,),) = await run_sql(postgres_address, "SELECT name FROM broken.tags WHERE id = $1", "t0")
    assert name == "Frank Doe"


async def test_a_table_of_somebody_else(postgres_address: str) -> None:
    """A table that is not the mirror's is refused by name, and left unchanged."""
    await run_sql(postgres_address, "CREATE SCHEMA other; CREATE TABLE other.tags (id integer)")
    with pytest.raises(RuntimeError, match="'tags' is not the mirror's; choose another name"):
        await PostgresStore(postgres_address, schema="other").open([TAGS])


async def test_a_column_whose_type_changed(postgres_address: str) -> None:
    """A column with another type than its field is refused by name."""
    store = PostgresStore(postgres_address, schema="types")
    await store.open([TAGS])
    await store.aclose()
    await run_sql(postgres_address, "ALTER TABLE types.tags ALTER name TYPE numeric USING NULL")
    with pytest.raises(RuntimeError, match=r"tags.name is numeric, but must be text"):
        await store.open([TAGS])
    await store.aclose()


def test_the_sql_names_everything() -> None:
    """The printed SQL has the schema, typed columns, nested tables and indexes."""
    nested = [Nested("emails", "email_addresses", columns=["email_address"])]
    table = Table("candidates", ats.GetCandidates(), columns=["remote_created_at", "location.city"], nested=nested)
    sql = PostgresStore("postgresql://x", schema="app").sql([table])
    assert 'CREATE SCHEMA IF NOT EXISTS "app";' in sql
    assert 'ADD COLUMN IF NOT EXISTS "remote_created_at" timestamptz;' in sql
    assert '"app"."emails"' in sql
    assert 'CREATE INDEX IF NOT EXISTS "candidates_location.city_idx"' in sql


@pytest.mark.parametrize("schema", ["", "a b", 'x"; DROP', "x" * 64])
def test_a_schema_that_is_none(schema: str) -> None:
    """An invalid schema name is refused at once; no message shows the address."""
    with pytest.raises(InvalidInput, match="schema"):
        PostgresStore(schema=schema)
    assert "secret" not in repr(PostgresStore("postgresql://app:secret@db/x"))


async def test_no_turn_is_taken_while_its_holder_writes(postgres_address: str) -> None:
    """A write that has begun ends before another process gets the turn, even if the lease ends meanwhile."""
    store, other = (PostgresStore(postgres_address, schema="busy") for _ in range(2))
    ended: list[str] = []

    async def write(turn: Turn) -> None:
        await store.write(turn, TAGS, [Record("a", json.dumps({"id": "a", "name": "old"}))], [])
        ended.append("write")

    async def take() -> None:
        assert await other.take("other", INTEGRATION, 60) is not None
        ended.append("take")

    await store.open([TAGS])
    await other.open([TAGS])
    await store.add(INTEGRATION)
    turn = await store.take("test", INTEGRATION, -1)
    assert turn is not None
    reader: Any = await asyncpg.connect(postgres_address)
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks, reader.transaction():
            await reader.execute("LOCK TABLE busy.tags IN EXCLUSIVE MODE")  # the write has to wait for this
            tasks.start_soon(write, turn)
            waits = "SELECT true FROM pg_locks WHERE NOT granted AND relation = 'busy.tags'::regclass"
            for _ in range(1000):
                if await reader.fetchval(waits):
                    break
                await anyio.sleep(0.01)
            tasks.start_soon(take)
            await anyio.sleep(0.3)
            assert ended == [], "while the write waits, nobody takes its turn"
    assert sorted(ended) == ["take", "write"]
    await reader.close()
    await store.aclose()
    await other.aclose()
