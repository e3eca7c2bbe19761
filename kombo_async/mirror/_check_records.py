"""Checks of a store's records and its log of changes."""

from __future__ import annotations

import json
from typing import Any

from kombo_async.mirror._checks import (
    CANDIDATES,
    ID,
    SINCE,
    TAGS,
    MakeStore,
    finish_sync,
    opened,
    plain_tag,
    promise,
    refused,
    tag,
    take_turn,
)
from kombo_async.mirror._records import Record
from kombo_async.mirror._store import Watermark


async def keeps_records(make: MakeStore) -> None:
    """Records are inserted, replaced and removed by ID; unchanged ones are not counted; everything persists."""
    async with opened(make) as store:
        turn = await take_turn(store)
        await store.begin(turn, TAGS, full=True)
        written = await store.write(turn, TAGS, [tag("a", "1"), tag("b", "1"), tag("c", "1")], [], full=True)
        promise("new records count as inserted", (written.inserted, written.changed, written.deleted) == (3, 0, 0))
        written = await store.write(turn, TAGS, [tag("a", "1"), tag("b", "2")], ["c", "d"], full=True)
        promise("unchanged records are not counted", (written.inserted, written.changed, written.deleted) == (0, 1, 1))
    async with opened(make) as store:
        turn = await take_turn(store)
        written = await store.write(turn, TAGS, [tag("a", "1"), tag("b", "2"), tag("c", "1")], [])
        promise("records are still there after reopening", (written.inserted, written.changed) == (1, 0))


async def keeps_any_text(make: MakeStore) -> None:
    """Any record can be written, whatever it contains: NUL, lone surrogates, quotes, long texts, wrong types."""
    odd = [
        '"\\u0000"',
        '"half \\ud83d of a character"',
        '"😀 \\" \' \\\\ $1 ? %s"',
        f'"{"long " * 3000}"',
        "12345678901234567890123",
        "1e40",
        "[1, [2, [3]]]",
        '{"a": "\\u0000"}',
        "null",
        "true",
    ]
    async with opened(make) as store:
        turn = await take_turn(store)
        records = [
            Record(
                f"r{number}",
                f'{{"id": "r{number}", "first_name": {text}, "confidential": {text}, "remote_created_at": {text}, '
                f'"location": {text}, "custom_fields": {text}, "email_addresses": [{text}]}}',
            )
            for number, text in enumerate(odd)
        ]
        written = await store.write(turn, CANDIDATES, records, [])
        promise("any record can be inserted", written.inserted == len(odd))
        written = await store.write(turn, CANDIDATES, records, [])
        promise("a record written again unchanged is not counted", written.changed == 0)
        again = [Record(each.id, each.json.replace("{", '{"x": 1, ', 1)) for each in records]
        written = await store.write(turn, CANDIDATES, again, [])
        promise("any record can be replaced", written.changed == len(odd))


async def keeps_integrations_apart(make: MakeStore) -> None:
    """Integrations share tables, but nothing else."""
    async with opened(make) as store:
        one, two = await take_turn(store, "lever:1"), await take_turn(store, "lever:2")
        await store.write(one, TAGS, [tag("a", "1")], [])
        written = await store.write(two, TAGS, [tag("a", "1")], ["b"])
        promise("integrations may have records with the same ID", written.inserted == 1)
        await finish_sync(store, one, Watermark(since=SINCE))
        promise("each integration has its own watermarks", not await store.watermarks("lever:2"))
        await store.remove("lever:2")
        written = await store.write(one, TAGS, [tag("a", "1")], [])
        promise("removing an integration does not touch others", written.inserted == 0)


async def logs_changes(make: MakeStore) -> None:
    """The log has each insertion, change and deletion in order, with the fields that changed."""
    async with opened(make, changes=True) as store:
        turn = await take_turn(store)
        await store.write(turn, TAGS, [tag("a", "1"), tag("b", "1")], [])
        await store.write(turn, TAGS, [tag("a", "2"), tag("b", "1")], [])
        await store.write(turn, TAGS, [Record("b", json.dumps(plain_tag("b", "1"), indent=1))], ["a"])
        changes = await store.changes(0, 99)
        told = [(each.id, each.kind, each.fields, dict(each.before)) for each in changes]
        inserted: list[Any] = [("a", "inserted", (), {}), ("b", "inserted", (), {})]
        changed: list[Any] = [("a", "changed", ("name",), {"name": "1"}), ("a", "deleted", (), {})]
        promise("changes() returns all changes, in order", sorted(told[:2]) == inserted and told[2:] == changed)
        promise(
            "positions in the log increase",
            [each.position for each in changes] == sorted({each.position for each in changes}),
        )
        promise(
            "a change has the current record",
            [each.record and each.record["id"] for each in changes[1:]] == ["b", None, None],
        )
        promise("the log can be read from a position", len(await store.changes(changes[1].position, 1)) == 1)
        promise("a new subscriber starts at position 0", await store.subscribe("mail", "one", 60) == 0)
        await store.acknowledge("mail", "one", changes[1].position)
        promise("only one process at a time reads for a subscriber", await store.subscribe("mail", "two", 60) is None)
        await store.subscribe("mail", "one", -1)
        promise(
            "a subscriber resumes at its last position", await store.subscribe("mail", "two", 60) == changes[1].position
        )
        await refused("acknowledge", store.acknowledge("mail", "one", changes[2].position))
        await store.prune(3600)
        promise("prune() removes what all subscribers have acknowledged", len(await store.changes(0, 99)) == 2)
        await store.remove(ID)
        (*_, last) = await store.changes(0, 99)
        promise("remove() logs the deletion of the records", (last.id, last.kind) == ("b", "deleted"))
        await store.prune(-1)
        promise("prune() removes what is older", await store.changes(0, 99) == [])
