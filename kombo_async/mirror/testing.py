"""The checks that a store of a mirror must pass, for your own `Store` as for ours.

::

    @pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
    async def test_my_store(check, tmp_path):
        await check(lambda: MyStore(tmp_path / "mirror"))

Each check gets a function that makes a store, not yet opened, over one place that is empty at first: what one of them
writes, the others read, as those of several processes do. A promise that is not kept is an `AssertionError` naming it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import anyio

from kombo_async import ats
from kombo_async.mirror._records import Record
from kombo_async.mirror._store import BlindSpot, Ending, LeaseLost, Store, Turn, Watermark
from kombo_async.mirror._table import Nested, Table

MakeStore: TypeAlias = Callable[[], Store]
Check: TypeAlias = Callable[[MakeStore], Awaitable[None]]

_ID = "lever:1"
_SINCE = datetime(2026, 5, 19, 8, 30, tzinfo=UTC)
_TAGS = Table("tags", ats.GetTags(), columns=["name"])
_CANDIDATES = Table(
    "candidates",
    ats.GetCandidates(),
    columns=["first_name", "confidential", "remote_created_at", "location.city", "custom_fields"],
    nested=[Nested("candidate_emails", "email_addresses", columns=["email_address"])],
)
_TWO = frozenset({"ats_jobs", "ats_tags"})
_TABLES = [_TAGS, _CANDIDATES]


async def keeps_records(make: MakeStore) -> None:
    """Records are put in, replaced and removed by their IDs; what has not changed does not count; it lasts."""
    async with _opened(make) as store:
        turn = await _turn(store)
        await store.begin(turn, _TAGS, full=True)
        written = await store.write(turn, _TAGS, [_tag("a", "1"), _tag("b", "1"), _tag("c", "1")], [], full=True)
        _promise("new records count as inserted", (written.inserted, written.changed, written.deleted) == (3, 0, 0))
        written = await store.write(turn, _TAGS, [_tag("a", "1"), _tag("b", "2")], ["c", "d"], full=True)
        _promise("only what changed counts", (written.inserted, written.changed, written.deleted) == (0, 1, 1))
    async with _opened(make) as store:
        turn = await _turn(store)
        written = await store.write(turn, _TAGS, [_tag("a", "1"), _tag("b", "2"), _tag("c", "1")], [])
        _promise("records are there after reopening", (written.inserted, written.changed) == (1, 0))


async def keeps_any_text(make: MakeStore) -> None:
    """Whatever is in a record, it can be written: NUL, half characters, quotes, long texts, wrong types."""
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
    async with _opened(make) as store:
        turn = await _turn(store)
        records = [
            Record(
                f"r{number}",
                f'{{"id": "r{number}", "first_name": {text}, "confidential": {text}, "remote_created_at": {text}, '
                f'"location": {text}, "custom_fields": {text}, "email_addresses": [{text}]}}',
            )
            for number, text in enumerate(odd)
        ]
        written = await store.write(turn, _CANDIDATES, records, [])
        _promise("any record can be inserted", written.inserted == len(odd))
        written = await store.write(turn, _CANDIDATES, records, [])
        _promise("any record is known when it comes again", written.changed == 0)
        again = [Record(each.id, each.json.replace("{", '{"x": 1, ', 1)) for each in records]
        written = await store.write(turn, _CANDIDATES, again, [])
        _promise("any record can be replaced", written.changed == len(odd))


async def keeps_integrations_apart(make: MakeStore) -> None:
    """Integrations share tables, and nothing else."""
    async with _opened(make) as store:
        one, two = await _turn(store, "lever:1"), await _turn(store, "lever:2")
        await store.write(one, _TAGS, [_tag("a", "1")], [])
        written = await store.write(two, _TAGS, [_tag("a", "1")], ["b"])
        _promise("a record of another integration is another record", written.inserted == 1)
        await _finish(store, one, Watermark(since=_SINCE))
        _promise("a watermark belongs to its integration", not await store.watermarks("lever:2"))
        await store.remove("lever:2")
        written = await store.write(one, _TAGS, [_tag("a", "1")], [])
        _promise("removing an integration leaves others alone", written.inserted == 0)


async def keeps_watermarks(make: MakeStore) -> None:
    """A watermark is as the last sync left it, for the question that it belongs to."""
    async with _opened(make) as store:
        turn = await _turn(store)
        _promise("at first there is no watermark", await store.begin(turn, _TAGS, full=True) == Watermark())
        after = Watermark(since=_SINCE, full_at=_SINCE - timedelta(hours=1))
        await _finish(store, turn, after)
        _promise("it is as it was set", await store.begin(turn, _TAGS, full=False) == after)
        await store.want_full(turn, "tags")
        _promise("a full sync is wanted", (await store.watermarks(_ID))["tags"].full_wanted)
    async with _opened(make) as store:
        turn = await _turn(store)
        mark = (await store.watermarks(_ID))["tags"]
        _promise("it is there after reopening", (mark.since, mark.full_wanted) == (_SINCE, True))
        other = Table("tags", ats.GetTags(ids=["a"]), columns=["name"])
        _promise("it is forgotten with another question", await store.begin(turn, other, full=False) == Watermark())


async def keeps_rewinds(make: MakeStore) -> None:
    """A rewind goes to the earliest time, holds for one sync, and is kept if it came while that ran."""
    early, late = _SINCE - timedelta(hours=2), _SINCE - timedelta(hours=1)
    async with _opened(make) as store:
        turn = await _turn(store)
        await _finish(store, turn, Watermark(since=_SINCE))
        await store.rewind(_ID, early)
        await store.rewind(_ID, late)
        before = await store.begin(turn, _TAGS, full=False)
        _promise("the earliest rewind holds", (before.rewind, before.reach) == (early, early))
        earlier = early - timedelta(hours=1)
        await store.rewind(_ID, earlier)
        await store.finish(turn, _TAGS, before, Watermark(since=_SINCE), full=False)
        before = await store.begin(turn, _TAGS, full=False)
        _promise("one that came in between is kept", before.rewind == earlier)
        await store.finish(turn, _TAGS, before, Watermark(since=_SINCE), full=False)
        _promise("one that was heeded is gone", (await store.begin(turn, _TAGS, full=False)).rewind is None)


async def fences(make: MakeStore) -> None:
    """Once another process has an integration, nothing is written for it by the one that had it before."""
    async with _opened(make) as store, _opened(make) as other:
        old = await _turn(store, seconds=-1)
        new = await other.take("other", _ID, 60)
        _promise("a lease that ended can be taken", new is not None)
        _promise("its fence is higher", new is not None and new.fence > old.fence)
        await _refused("begin", store.begin(old, _TAGS, full=True))
        await _refused("write", store.write(old, _TAGS, [_tag("a", "1")], []))
        await _refused("unseen", store.unseen(old, _TAGS, "", 10))
        await _refused("finish", store.finish(old, _TAGS, Watermark(), Watermark(since=_SINCE), full=False))
        await _refused("want_full", store.want_full(old, "tags"))
        await _refused("settle", store.settle(old, _TAGS, [], done=True))
        await store.release(old, Ending(lane="quick", next_in=0, succeeded=True))
        _promise("a late release ends nobody's turn", await store.take("third", _ID, 60) is None)
        _promise("a fence that was lost is not renewed", _ID not in await store.renew("checks", 60))
        written = await other.write(new or old, _TAGS, [_tag("a", "1")], [])
        _promise("nothing was written by the old one", written.inserted == 1)


async def removes(make: MakeStore) -> None:
    """A removed integration is gone with all of its records, and who works on it is told."""
    async with _opened(make) as store:
        turn = await _turn(store)
        await store.write(turn, _CANDIDATES, [_candidate("a", ["t"])], [])
        await _finish(store, turn, Watermark(since=_SINCE))
        await store.remove(_ID)
        await _refused("write after removal", store.write(turn, _TAGS, [_tag("a", "1")], []))
        _promise("it is not listed", await store.integrations() == [])
        again = await _turn(store)
        _promise("it begins with no watermark", not await store.watermarks(_ID))
        await _refused("write of before", store.write(turn, _TAGS, [_tag("a", "1")], []))
        written = await store.write(again, _CANDIDATES, [_candidate("a", ["t"])], [])
        _promise("its records are gone", written.inserted == 1)


async def gives_turns_in_order(make: MakeStore) -> None:
    """Turns come by lane: first what was told of, then what is longest due; what is taken is not given again."""
    async with _opened(make) as store:
        for number in range(4):
            await store.add(f"lever:{number}")
        await store.tell("lever:2")
        _promise("a lane without places gives none", await store.claim("checks", {"quick": 9}, 60) == [])
        first = await store.claim("checks", {"long": 1}, 60)
        _promise("what was told of comes first", [turn.integration_id for turn in first] == ["lever:2"])
        _promise("a turn says that", first[0].is_told)
        rest = await store.claim("checks", {"long": 9}, 60)
        ids = [turn.integration_id for turn in rest]
        _promise("others follow, once each", sorted(ids) == ["lever:0", "lever:1", "lever:3"])
        _promise("what is taken is not given again", await store.claim("other", {"long": 9}, 60) == [])
        for turn in rest:
            await store.release(turn, Ending(lane="quick", next_in=3600, succeeded=True))
        _promise("what is not due is not given", await store.claim("other", {"quick": 9}, 60) == [])
        await store.tell_all(-1)
        _promise("tell_all makes all due", len(await store.claim("other", {"quick": 9}, -1)) == 3)
        _promise("a lease that ended is given again", len(await store.claim("third", {"quick": 9}, 60)) == 3)


async def gives_each_turn_once(make: MakeStore) -> None:
    """However many ask at once, each turn goes to one of them."""
    async with _opened(make) as one, _opened(make) as two:
        for number in range(20):
            await one.add(f"lever:{number}")
        given: list[str] = []

        async def ask(store: Store, owner: str) -> None:
            for _ in range(5):
                given.extend(turn.integration_id for turn in await store.claim(owner, {"long": 4}, 60))

        async with anyio.create_task_group() as tasks:
            for number in range(4):
                tasks.start_soon(ask, (one, two)[number % 2], f"owner-{number}")
        _promise("each turn is given to one", sorted(given) == sorted(f"lever:{number}" for number in range(20)))


async def remembers_what_it_was_told(make: MakeStore) -> None:
    """What comes while a turn lasts makes the integration due again at its end; a failure forgets nothing."""
    async with _opened(make) as store:
        await store.add(_ID)
        await store.tell(_ID, frozenset({"ats_jobs"}))
        await store.tell(_ID, frozenset({"ats_tags"}))
        turn = await _turn(store)
        _promise("models are added up", turn.models == _TWO)
        await store.release(turn, Ending(lane="failing", next_in=0, failures=3, error="X"))
        turn = await _turn(store)
        _promise("a failure forgets nothing", turn.is_told and turn.models == _TWO)
        _promise("failures are counted", (turn.failures, turn.lane) == (3, "failing"))
        await store.tell(_ID, None)
        written = await store.write(turn, _TAGS, [], [])
        _promise("writing says how often it was told", written.told == turn.told + 1)
        await store.release(turn, Ending(lane="quick", next_in=3600, succeeded=True))
        (turn,) = await store.claim("checks", {"quick": 1}, 60)
        _promise("what came meanwhile is due", turn.is_told and turn.models is None)
        await store.release(turn, Ending(lane="quick", next_in=3600, succeeded=True))
        (state,) = await store.integrations()
        _promise("in the end all is done", (state.told_at, state.failures, state.held_by) == (None, 0, None))
        _promise("it is due later", state.due_at > state.now + 3000 and state.looked_at is not None)
        await store.tell("unknown:1")
        _promise("unknown integrations are ignored", len(await store.integrations()) == 1)


async def finds_what_was_not_seen(make: MakeStore) -> None:
    """A full sync knows which records it has not met, in slices."""
    async with _opened(make) as store:
        turn = await _turn(store)
        await store.write(turn, _TAGS, [_tag(f"t{number}", "1") for number in range(9)], [])
        await store.begin(turn, _TAGS, full=True)
        await store.write(turn, _TAGS, [_tag("t0", "1"), _tag("t5", "2"), _tag("new", "1")], [], full=True)
        first = await store.unseen(turn, _TAGS, "", 4)
        rest = await store.unseen(turn, _TAGS, first[-1], 9)
        _promise("it knows what was not met", [*first, *rest] == [f"t{number}" for number in (1, 2, 3, 4, 6, 7, 8)])
        await store.begin(turn, _TAGS, full=True)
        _promise("a full sync begins with nothing met", len(await store.unseen(turn, _TAGS, "", 99)) == 10)


async def notes_what_is_stale(make: MakeStore) -> None:
    """Records that nest a changed one are found, until they are settled; what is noted again stays."""
    spots = [BlindSpot(table="candidates", path="tags", model="ats_tags")]
    async with _opened(make) as store:
        turn = await _turn(store)
        records = [_candidate("a", ["t1"]), _candidate("b", ["t2", "t1"]), _candidate("c", ["t2"]), _candidate("d", [])]
        await store.write(turn, _CANDIDATES, records, [])
        await store.write(turn, _TAGS, [_tag("t1", "1"), _tag("t2", "1")], [])
        await store.write(turn, _TAGS, [_tag("t1", "2"), _tag("t2", "1")], [], blind_spots=spots)
        stale = await store.stale(turn, _CANDIDATES, 99)
        _promise(
            "only what changed is stale", [(each.path, each.id, each.read) for each in stale] == [("tags", "t1", False)]
        )
        nesting = await store.nesting(turn, _CANDIDATES, "tags", ["t1"], 99)
        _promise("records with one in a list are found", nesting == ["a", "b"])
        nesting = await store.nesting(turn, _CANDIDATES, "location", ["place-a", "x"], 99)
        _promise("records with one in an object are found", nesting == ["a"])
        await store.settle(turn, _CANDIDATES, stale, done=False)
        (again,) = await store.stale(turn, _CANDIDATES, 99)
        _promise("what was read is marked", again.read)
        await anyio.sleep(0.01)
        await store.write(turn, _TAGS, [], ["t1"], blind_spots=spots)
        await store.settle(turn, _CANDIDATES, [again], done=True)
        (again,) = await store.stale(turn, _CANDIDATES, 99)
        _promise("what was noted again stays", not again.read)
        await store.settle(turn, _CANDIDATES, [again], done=True)
        _promise("what is settled is gone", await store.stale(turn, _CANDIDATES, 99) == [])


async def logs_changes(make: MakeStore) -> None:
    """The log has each insertion, change and deletion in order, with the fields that changed."""
    async with _opened(make, changes=True) as store:
        turn = await _turn(store)
        await store.write(turn, _TAGS, [_tag("a", "1"), _tag("b", "1")], [])
        await store.write(turn, _TAGS, [_tag("a", "2"), _tag("b", "1")], [])
        await store.write(turn, _TAGS, [Record("b", json.dumps(_plain_tag("b", "1"), indent=1))], ["a"])
        changes = await store.changes(0, 99)
        told = [(each.id, each.kind, each.fields, dict(each.before)) for each in changes]
        inserted: list[Any] = [("a", "inserted", (), {}), ("b", "inserted", (), {})]
        changed: list[Any] = [("a", "changed", ("name",), {"name": "1"}), ("a", "deleted", (), {})]
        _promise("all changes are told, in order", sorted(told[:2]) == inserted and told[2:] == changed)
        _promise("positions ascend", [each.position for each in changes] == sorted({each.position for each in changes}))
        _promise(
            "the record comes as it is now",
            [each.record and each.record["id"] for each in changes[1:]] == ["b", None, None],
        )
        _promise("the log can be read on", len(await store.changes(changes[1].position, 1)) == 1)
        _promise("a subscriber begins at 0", await store.subscribe("mail", "one", 60) == 0)
        await store.acknowledge("mail", "one", changes[1].position)
        _promise("one at a time reads for it", await store.subscribe("mail", "two", 60) is None)
        await store.subscribe("mail", "one", -1)
        _promise("it goes on where it was", await store.subscribe("mail", "two", 60) == changes[1].position)
        await _refused("acknowledge", store.acknowledge("mail", "one", changes[2].position))
        await store.prune(3600)
        _promise("what all have had can be removed", len(await store.changes(0, 99)) == 2)
        await store.remove(_ID)
        (*_, last) = await store.changes(0, 99)
        _promise("removed integrations are told of", (last.id, last.kind) == ("b", "deleted"))


STORE_CHECKS: Sequence[Check] = (
    keeps_records,
    keeps_any_text,
    keeps_integrations_apart,
    keeps_watermarks,
    keeps_rewinds,
    fences,
    removes,
    gives_turns_in_order,
    gives_each_turn_once,
    remembers_what_it_was_told,
    finds_what_was_not_seen,
    notes_what_is_stale,
    logs_changes,
)


def _promise(what: str, kept: bool) -> None:
    if not kept:
        raise AssertionError(f"the store does not keep its promise: {what}")


async def _refused(what: str, call: Awaitable[Any]) -> None:
    try:
        await call
    except LeaseLost:
        return
    raise AssertionError(f"the store does not keep its promise: {what} is refused without a lease")


@asynccontextmanager
async def _opened(make: MakeStore, *, changes: bool = False) -> AsyncGenerator[Store]:
    store = make()
    await store.open(_TABLES, changes=changes)
    try:
        yield store
    finally:
        await store.aclose()


async def _turn(store: Store, integration_id: str = _ID, seconds: float = 60) -> Turn:
    await store.add(integration_id)
    turn = await store.take("checks", integration_id, seconds)
    if turn is None:  # the one of a store that was closed before
        await store.renew("checks", -1)
        turn = await store.take("checks", integration_id, seconds)
    if turn is None:
        raise AssertionError("the store does not keep its promise: a free integration can be taken")
    return turn


async def _finish(store: Store, turn: Turn, after: Watermark) -> None:
    before = await store.begin(turn, _TAGS, full=False)
    await store.finish(turn, _TAGS, before, after, full=after.full_at is not None)


def _plain_tag(id: str, name: str) -> dict[str, Any]:
    return {"id": id, "name": name, "changed_at": "2026-05-19T08:30:00.000Z"}


def _tag(id: str, name: str) -> Record:
    return Record(id, json.dumps(_plain_tag(id, name)))


def _candidate(id: str, tags: Sequence[str]) -> Record:
    plain = {
        "id": id,
        "first_name": "Frank",
        "confidential": False,
        "remote_created_at": "2026-05-19T08:30:00.000Z",
        "location": {"id": f"place-{id}", "city": "Berlin"},
        "custom_fields": {"a": [1, "two"]},
        "email_addresses": [{"email_address": "frank@example.com"}, {"email_address": "doe@example.com"}],
        "tags": [{"id": each, "name": each} for each in tags],
    }
    return Record(id, json.dumps(plain))
