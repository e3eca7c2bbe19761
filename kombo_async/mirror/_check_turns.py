"""Checks of a store's turns: their order, leases and fencing tokens."""

from __future__ import annotations

import anyio

from kombo_async.mirror._checks import (
    CANDIDATES,
    ID,
    SINCE,
    TAGS,
    MakeStore,
    candidate,
    differing,
    finish_sync,
    opened,
    promise,
    refused,
    tag,
    take_turn,
)
from kombo_async.mirror._store import Ending, Store, Watermark

_TWO = frozenset({"ats_jobs", "ats_tags"})


async def fences(make: MakeStore) -> None:
    """Once another process has an integration, the previous one cannot write for it."""
    async with opened(make) as store, opened(make) as other:
        old = await take_turn(store, seconds=-1)
        new = await other.take("other", ID, 60)
        promise("a lease that ended can be taken", new is not None)
        promise("its fence is higher", new is not None and new.fence > old.fence)
        await refused("begin", store.begin(old, TAGS, full=True))
        await refused("write", store.write(old, TAGS, [tag("a", "1")], []))
        await refused("unseen", store.unseen(old, TAGS, "", 10))
        await refused("finish", store.finish(old, TAGS, Watermark(), Watermark(since=SINCE), full=False))
        await refused("want_full", store.want_full(old, "tags"))
        await refused("settle", store.settle(old, TAGS, [], done=True))
        await store.release(old, Ending(lane="quick", next_in=0, succeeded=True))
        promise("a late release ends nobody's turn", await store.take("third", ID, 60) is None)
        promise("a fence that was lost is not renewed", ID not in await store.renew("checks", 60))
        written = await other.write(new or old, TAGS, [tag("a", "1")], [])
        promise("nothing was written by the old one", written.inserted == 1)


async def removes(make: MakeStore) -> None:
    """A removed integration is gone with all its records, and the process that is working on it notices."""
    async with opened(make) as store:
        turn = await take_turn(store)
        await store.write(turn, CANDIDATES, [candidate("a", ["t"])], [])
        await finish_sync(store, turn, Watermark(since=SINCE))
        await store.remove(ID)
        await refused("write after removal", store.write(turn, TAGS, [tag("a", "1")], []))
        promise("it is not listed", await store.integrations() == [])
        again = await take_turn(store)
        promise("it begins with no watermark", not await store.watermarks(ID))
        await refused("write of before", store.write(turn, TAGS, [tag("a", "1")], []))
        written = await store.write(again, CANDIDATES, [candidate("a", ["t"])], [])
        promise("its records are gone", written.inserted == 1)


async def gives_turns_in_order(make: MakeStore) -> None:
    """Turns come by lane: notified integrations first, then those longest due; a taken one is not given again."""
    async with opened(make) as store:
        for number in range(4):
            await store.add(f"lever:{number}")
        await store.tell("lever:2")
        promise("a lane without places gives none", await store.claim("checks", {"quick": 9}, 60) == [])
        first = await store.claim("checks", {"long": 1}, 60)
        promise("what was told of comes first", [turn.integration_id for turn in first] == ["lever:2"])
        promise("a turn says that", first[0].is_told)
        rest = await store.claim("checks", {"long": 9}, 60)
        ids = [turn.integration_id for turn in rest]
        promise("others follow, once each", sorted(ids) == ["lever:0", "lever:1", "lever:3"])
        promise("what is taken is not given again", await store.claim("other", {"long": 9}, 60) == [])
        for turn in rest:
            await store.release(turn, Ending(lane="quick", next_in=3600, succeeded=True))
        promise("what is not due is not given", await store.claim("other", {"quick": 9}, 60) == [])
        await store.tell_all(-1)
        promise("tell_all makes all due", len(await store.claim("other", {"quick": 9}, -1)) == 3)
        promise("a lease that ended is given again", len(await store.claim("third", {"quick": 9}, 60)) == 3)


async def gives_each_turn_once(make: MakeStore) -> None:
    """However many ask at once, each turn goes to only one of them."""
    async with opened(make) as one, opened(make) as two:
        for number in range(20):
            await one.add(f"lever:{number}")
        given: list[str] = []

        async def ask(store: Store, owner: str) -> None:
            for _ in range(5):
                given.extend(turn.integration_id for turn in await store.claim(owner, {"long": 4}, 60))

        async with anyio.create_task_group() as tasks:
            for number in range(4):
                tasks.start_soon(ask, (one, two)[number % 2], f"owner-{number}")
        promise("each turn is given to one", sorted(given) == sorted(f"lever:{number}" for number in range(20)))


async def keeps_one_set_of_tables(make: MakeStore) -> None:
    """While a process runs, none with other tables gets a turn: it would end turns for tables that it does not know."""
    async with opened(make) as one, opened(make) as two:
        await one.add(ID)
        (turn,) = await one.claim("one", {"long": 1}, 60)
        await one.release(turn, Ending(lane="long", next_in=0, succeeded=True))
        promise("one with the same tables gets turns", len(await two.claim("two", {"long": 1}, 60)) == 1)
        await two.renew("two", 0)
        await two.aclose()
        await two.open([TAGS])
        message = await differing(two.claim("two", {"long": 1}, 60))
        promise("one with other tables gets none", message is not None)
        promise("the tables are named", CANDIDATES.name in (message or ""))
        promise("it cannot take one, either", await differing(two.take("two", ID, 60)) is not None)
        await one.renew("one", 60)
        await one.renew("one", 0)
        promise("it does once the others have ended", len(await two.claim("two", {"long": 1}, 60)) == 1)
        promise("then they get none", await differing(one.claim("one", {"long": 1}, 60)) is not None)


async def remembers_what_it_was_told(make: MakeStore) -> None:
    """A notification during a turn makes the integration due again at its end; a failure loses nothing."""
    async with opened(make) as store:
        await store.add(ID)
        await store.tell(ID, frozenset({"ats_jobs"}))
        await store.tell(ID, frozenset({"ats_tags"}))
        turn = await take_turn(store)
        promise("models are added up", turn.models == _TWO)
        await store.release(turn, Ending(lane="failing", next_in=0, failures=3, error="X"))
        turn = await take_turn(store)
        promise("a failure forgets nothing", turn.is_told and turn.models == _TWO)
        promise("failures are counted", (turn.failures, turn.lane) == (3, "failing"))
        await store.tell(ID, None)
        written = await store.write(turn, TAGS, [], [])
        promise("writing says how often it was told", written.told == turn.told + 1)
        await store.release(turn, Ending(lane="quick", next_in=3600, succeeded=True))
        (turn,) = await store.claim("checks", {"quick": 1}, 60)
        promise("what came meanwhile is due", turn.is_told and turn.models is None)
        await store.release(turn, Ending(lane="quick", next_in=3600, succeeded=True))
        (state,) = await store.integrations()
        promise("in the end all is done", (state.told_at, state.failures, state.held_by) == (None, 0, None))
        promise("it is due later", state.due_at > state.now + 3000 and state.looked_at is not None)
        await store.tell("unknown:1")
        promise("unknown integrations are ignored", len(await store.integrations()) == 1)
