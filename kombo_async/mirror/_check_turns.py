"""Checks of a store's turns: their order, leases and fencing tokens."""

from __future__ import annotations

import anyio
import attrs

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
        promise("an expired turn can be taken over", new is not None)
        promise("the new turn has a higher fence", new is not None and new.fence > old.fence)
        await refused("begin", store.begin(old, TAGS, full=True))
        await refused("write", store.write(old, TAGS, [tag("a", "1")], []))
        await refused("unseen", store.unseen(old, TAGS, "", 10))
        await refused("finish", store.finish(old, TAGS, Watermark(), Watermark(since=SINCE), full=False))
        await refused("want_full", store.want_full(old, "tags"))
        await refused("settle", store.settle(old, TAGS, [], done=True))
        await store.release(old, Ending(lane="quick", next_in=0, succeeded=True))
        promise("releasing an old turn does not end the new one", await store.take("third", ID, 60) is None)
        promise("renew() does not return a lost turn", ID not in await store.renew("checks", 60))
        written = await other.write(new or old, TAGS, [tag("a", "1")], [])
        promise("the old turn wrote nothing", written.inserted == 1)


async def removes(make: MakeStore) -> None:
    """A removed integration is gone with all its records, and the process that is working on it notices."""
    async with opened(make) as store:
        turn = await take_turn(store)
        await store.write(turn, CANDIDATES, [candidate("a", ["t"])], [])
        await finish_sync(store, turn, Watermark(since=SINCE))
        await store.remove(ID)
        await refused("write after removal", store.write(turn, TAGS, [tag("a", "1")], []))
        promise("a removed integration is not listed", await store.integrations() == [])
        again = await take_turn(store)
        promise("an integration that is added again has no watermarks", not await store.watermarks(ID))
        await refused("write with a turn from before the removal", store.write(turn, TAGS, [tag("a", "1")], []))
        written = await store.write(again, CANDIDATES, [candidate("a", ["t"])], [])
        promise("the records of a removed integration are gone", written.inserted == 1)
        await store.remove(ID)
        await store.remove(ID)
        await store.add(ID, again=False)
        await store.tell(ID)
        promise("a removed integration is added only with again=True", await store.integrations() == [])
        await store.add(ID, "ATS")
        await store.add(ID, again=False)
        states = await store.integrations()
        promise("add() adds a removed integration again", [each.integration_id for each in states] == [ID])
        taken = await store.take("checks", ID, 60)
        promise("a turn has the category", taken is not None and taken.category == "ATS")


async def gives_turns_in_order(make: MakeStore) -> None:
    """Turns come by lane: notified integrations first, then those longest due; a taken one is not given again."""
    async with opened(make) as store:
        for number in range(4):
            await store.add(f"lever:{number}")
        await store.tell("lever:2")
        promise(
            "claim() gives no turns of lanes that were not asked for",
            await store.claim("checks", {"quick": 9}, 60) == [],
        )
        first = await store.claim("checks", {"long": 1}, 60)
        promise("a notified integration comes first", [turn.integration_id for turn in first] == ["lever:2"])
        promise("its turn has is_told", first[0].is_told)
        rest = await store.claim("checks", {"long": 9}, 60)
        ids = [turn.integration_id for turn in rest]
        promise("the others follow, once each", sorted(ids) == ["lever:0", "lever:1", "lever:3"])
        promise("an integration has one turn at a time", await store.claim("other", {"long": 9}, 60) == [])
        for turn in rest:
            await store.release(turn, Ending(lane="quick", next_in=3600, succeeded=True))
        promise("an integration that is not due gets no turn", await store.claim("other", {"quick": 9}, 60) == [])
        await store.tell_all(-1)
        promise("tell_all() makes all integrations due", len(await store.claim("other", {"quick": 9}, -1)) == 3)
        promise("an expired turn is given again", len(await store.claim("third", {"quick": 9}, 60)) == 3)


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
        promise(
            "each turn is given to only one owner", sorted(given) == sorted(f"lever:{number}" for number in range(20))
        )


async def keeps_one_set_of_tables(make: MakeStore) -> None:
    """While a process runs, those with other tables get no turn: they would end turns without filling its tables."""
    async with opened(make) as one, opened(make) as two:
        await one.add(ID)
        (turn,) = await one.claim("one", {"long": 1}, 60)
        await one.release(turn, Ending(lane="long", next_in=0, succeeded=True))
        promise("a process with the same tables gets turns", len(await two.claim("two", {"long": 1}, 60)) == 1)
        await two.renew("two", 0)
        await two.aclose()
        await two.open([TAGS])
        message = await differing(two.claim("two", {"long": 1}, 60))
        promise("claim() refuses a process with other tables", message is not None)
        promise("the message names the tables", CANDIDATES.name in (message or ""))
        promise("take() refuses it, too", await differing(two.take("two", ID, 60)) is not None)
        await one.renew("one", 60)
        await one.renew("one", 0)
        promise("it gets turns once the others have ended", len(await two.claim("two", {"long": 1}, 60)) == 1)
        promise("after that, the others are refused", await differing(one.claim("one", {"long": 1}, 60)) is not None)


async def keeps_one_set_of_columns(make: MakeStore) -> None:
    """Once a process with other columns has taken over, turns from before are lost, also of other integrations."""
    async with opened(make) as one, opened(make) as two:
        await one.add(ID)
        await one.add("lever:2")
        old = await one.take("one", ID, 60)
        await two.aclose()
        await two.open([attrs.evolve(TAGS, columns=["name", "remote_id"]), CANDIDATES])
        promise("take() gives the turn of another integration", await two.take("two", "lever:2", 60) is not None)
        promise("take() has ended earlier turns", await two.take("two", ID, 60) is not None)
        if old is not None:
            await refused("write with columns from before", one.write(old, TAGS, [tag("a", "1")], []))


async def remembers_what_it_was_told(make: MakeStore) -> None:
    """A notification during a turn makes the integration due again at its end; a failure loses nothing."""
    async with opened(make) as store:
        await store.add(ID)
        await store.tell(ID, frozenset({"ats_jobs"}))
        await store.tell(ID, frozenset({"ats_tags"}))
        turn = await take_turn(store)
        promise("models of several notifications are merged", turn.models == _TWO)
        await store.release(turn, Ending(lane="failing", next_in=0, failures=3, error="X"))
        turn = await take_turn(store)
        promise("a failed turn keeps its notifications", turn.is_told and turn.models == _TWO)
        promise("release() stores failures and lane", (turn.failures, turn.lane) == (3, "failing"))
        await store.tell(ID, None)
        written = await store.write(turn, TAGS, [], [])
        promise("write() returns the number of notifications", written.told == turn.told + 1)
        await store.release(turn, Ending(lane="quick", next_in=3600, succeeded=True))
        turns = await store.claim("checks", {"quick": 1}, 60)
        promise("a notification during a turn makes the integration due again", len(turns) == 1)
        (turn,) = turns
        promise("its turn has that notification", turn.is_told and turn.models is None)
        await store.release(turn, Ending(lane="quick", next_in=3600, succeeded=True))
        (state,) = await store.integrations()
        promise(
            "a successful turn clears notifications and failures",
            (state.told_at, state.failures, state.held_by) == (None, 0, None),
        )
        promise(
            "the integration is due again after next_in",
            state.due_at > state.now + 3000 and state.looked_at is not None,
        )
        await store.tell("unknown:1")
        promise("unknown integrations are ignored", len(await store.integrations()) == 1)
