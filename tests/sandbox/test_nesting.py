"""What lists cache is never older than the records."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from kombo_async._generated.operations import REQUESTS
from kombo_async.request import data_type
from kombo_async.sandbox import Sandbox, default_id
from kombo_async.sandbox._api.answers import encode
from kombo_async.sandbox._api.lists import encoded
from kombo_async.sandbox._api.projection import shape
from kombo_async.sandbox._handlers.registry import LISTINGS, load
from kombo_async.sandbox._state.store import World

TOOLS = {"ats": "greenhouse", "hris": "workday", "lms": "docebo", "assessment": "icims"}


def lists_of(namespace: str) -> list[Any]:
    """The requests of a namespace that read lists."""
    classes = [REQUESTS[id] for id in REQUESTS if REQUESTS[id].__module__.startswith(f"kombo_async.{namespace}.")]
    load(classes[0])
    return [cls for cls in classes if cls.operation.id in LISTINGS]


def read_all(world: World, namespace: str) -> dict[tuple[str, str], bytes]:
    """Every record as each list shows it."""
    return {
        (cls.operation.id, row.id): bytes(encoded(world, LISTINGS[cls.operation.id], row, cls))
        for cls in lists_of(namespace)
        for row in world.table(LISTINGS[cls.operation.id].table)
    }


@pytest.mark.parametrize("namespace", TOOLS)
def test_every_change_reaches_all_that_nest_the_record(namespace: str) -> None:
    """After a change to any record, each list shows the same as without caches."""
    sandbox = Sandbox(employees=10, candidates=6, jobs=4, courses=4)
    sandbox.clock.stop()
    world = sandbox.world(default_id(TOOLS[namespace]))
    read_all(world, namespace)
    for name in [name for name in world.tables if name.startswith(namespace)]:
        for row in world.tables[name][:4]:
            sandbox.clock.advance(60)
            field = next((f for f in ("name", "title", "first_name", "outcome") if f in row.data), None)
            changes: dict[str, Any] = {} if field is None else {field: f"Changed {row.id}"}
            world.change(name, row, **changes, remote_id=f"changed-{row.id}")
            after = read_all(world, namespace)
            for cls in lists_of(namespace):
                listing = LISTINGS[cls.operation.id]
                (item,) = get_args(data_type(cls))
                for other in world.table(listing.table):
                    key = (cls.operation.id, other.id)
                    assert after[key] == encode(shape(listing.view(world, other.data), item)), (name, key)
