"""Checks of what a store keeps for syncs: watermarks, rewinds, unseen and stale records."""

from __future__ import annotations

from datetime import timedelta

from kombo_async import ats
from kombo_async.mirror._checks import (
    CANDIDATES,
    ID,
    SINCE,
    TAGS,
    MakeStore,
    candidate,
    finish_sync,
    opened,
    promise,
    tag,
    take_turn,
)
from kombo_async.mirror._store import BlindSpot, Watermark
from kombo_async.mirror._table import Table


async def keeps_watermarks(make: MakeStore) -> None:
    """A watermark stays as the last sync left it, for the query that it belongs to."""
    async with opened(make) as store:
        turn = await take_turn(store)
        promise("a new table has no watermark", await store.begin(turn, TAGS, full=True) == Watermark())
        after = Watermark(since=SINCE, full_at=SINCE - timedelta(hours=1))
        await finish_sync(store, turn, after)
        promise(
            "begin() returns the watermark that finish() stored", await store.begin(turn, TAGS, full=False) == after
        )
        await store.want_full(turn, "tags")
        promise("want_full() sets full_wanted", (await store.watermarks(ID))["tags"].full_wanted)
    async with opened(make) as store:
        turn = await take_turn(store)
        mark = (await store.watermarks(ID))["tags"]
        promise("a watermark is still there after reopening", (mark.since, mark.full_wanted) == (SINCE, True))
        other = Table("tags", ats.GetTags(ids=["a"]), columns=["name"])
        promise("a watermark for another query is dropped", await store.begin(turn, other, full=False) == Watermark())


async def keeps_rewinds(make: MakeStore) -> None:
    """A rewind goes to the earliest time, applies to one sync, and is kept if it came during that sync."""
    early, late = SINCE - timedelta(hours=2), SINCE - timedelta(hours=1)
    async with opened(make) as store:
        turn = await take_turn(store)
        await finish_sync(store, turn, Watermark(since=SINCE))
        await store.rewind(ID, early)
        await store.rewind(ID, late)
        before = await store.begin(turn, TAGS, full=False)
        promise("of several rewinds, the earliest applies", (before.rewind, before.reach) == (early, early))
        earlier = early - timedelta(hours=1)
        await store.rewind(ID, earlier)
        await store.finish(turn, TAGS, before, Watermark(since=SINCE), full=False)
        before = await store.begin(turn, TAGS, full=False)
        promise("a rewind that came during a sync is kept for the next", before.rewind == earlier)
        await store.finish(turn, TAGS, before, Watermark(since=SINCE), full=False)
        promise("a rewind applies to one sync only", (await store.begin(turn, TAGS, full=False)).rewind is None)


async def finds_what_was_not_seen(make: MakeStore) -> None:
    """A full sync knows which records it has not seen, in slices."""
    async with opened(make) as store:
        turn = await take_turn(store)
        await store.write(turn, TAGS, [tag(f"t{number}", "1") for number in range(9)], [])
        await store.begin(turn, TAGS, full=True)
        await store.write(turn, TAGS, [tag("t0", "1"), tag("t5", "2"), tag("new", "1")], [], full=True)
        first = await store.unseen(turn, TAGS, "", 4)
        rest = await store.unseen(turn, TAGS, first[-1], 9)
        promise(
            "unseen() returns the records that a full sync has not seen",
            [*first, *rest] == [f"t{number}" for number in (1, 2, 3, 4, 6, 7, 8)],
        )
        await store.begin(turn, TAGS, full=True)
        promise(
            "at the start of a full sync, all records are unseen", len(await store.unseen(turn, TAGS, "", 99)) == 10
        )


async def notes_what_is_stale(make: MakeStore) -> None:
    """Records that nest a changed one are found until they are settled; ones noted again stay."""
    spots = [BlindSpot(table="candidates", path="tags", model="ats_tags")]
    async with opened(make) as store:
        turn = await take_turn(store)
        records = [candidate("a", ["t1"]), candidate("b", ["t2", "t1"]), candidate("c", ["t2"]), candidate("d", [])]
        await store.write(turn, CANDIDATES, records, [])
        await store.write(turn, TAGS, [tag("t1", "1"), tag("t2", "1")], [])
        await store.write(turn, TAGS, [tag("t1", "2"), tag("t2", "1")], [], blind_spots=spots, noted_at=SINCE)
        stale = await store.stale(turn, CANDIDATES, 99)
        promise(
            "only changed records make others stale",
            [(each.path, each.id, each.read) for each in stale] == [("tags", "t1", False)],
        )
        promise("stale() says when it was noted, as write() was told", [each.noted_at for each in stale] == [SINCE])
        nesting = await store.nesting(turn, CANDIDATES, "tags", ["t1"], 99)
        promise("nesting() finds records by an item of a list", nesting == ["a", "b"])
        nesting = await store.nesting(turn, CANDIDATES, "location", ["place-a", "x"], 99)
        promise("nesting() finds records by a nested object", nesting == ["a"])
        nesting = await store.nesting(turn, CANDIDATES, "applications.job", ["job-b", "application-a"], 99)
        promise("nesting() finds records by an object within a list, and compares only its ID", nesting == ["b"])
        nesting = await store.nesting(turn, CANDIDATES, "applications.current_stage", ["stage-a"], 99)
        promise("nested field names may contain underscores", nesting == ["a"])
        nesting = await store.nesting(turn, CANDIDATES, "first_seen_place", ["place-c"], 99)
        promise("top-level field names may contain underscores", nesting == ["c"])
        await store.settle(turn, CANDIDATES, stale, done=False)
        (again,) = await store.stale(turn, CANDIDATES, 99)
        promise("settle(done=False) marks the entry as read", again.read)
        later = SINCE + timedelta(milliseconds=1)
        await store.write(turn, TAGS, [], ["t1"], blind_spots=spots, noted_at=later)
        await store.settle(turn, CANDIDATES, [again], done=True)
        (again,) = await store.stale(turn, CANDIDATES, 99)
        promise("an entry that was noted again is not settled", (again.read, again.noted_at) == (False, later))
        await store.settle(turn, CANDIDATES, [again], done=True)
        promise("a settled entry is removed", await store.stale(turn, CANDIDATES, 99) == [])
        await store.write(turn, TAGS, [], ["unknown"], blind_spots=spots)
        (unknown,) = await store.stale(turn, CANDIDATES, 99)
        promise("what was deleted is noted also if it was not in the table", unknown.id == "unknown")
        promise("the time of noting may be unknown", unknown.noted_at is None)
        await store.settle(turn, CANDIDATES, [unknown], done=False)
        (unknown,) = await store.stale(turn, CANDIDATES, 99)
        promise("settle() finds an entry noted at an unknown time", unknown.read)
