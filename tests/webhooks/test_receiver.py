"""Receiving: handlers, duplicate events, and failures."""

from __future__ import annotations

import typing
from typing import Any

import anyio
import pytest

from kombo_async.webhooks import (
    EVENTS,
    BodyTooLarge,
    DataChanged,
    EventBusy,
    HandlerTimedOut,
    InvalidBody,
    InvalidSignature,
    MemoryEventDeduplicator,
    Receiver,
    UnknownEvent,
    sign,
)
from kombo_async.webhooks._handlers import Handlers
from tests.support.webhook_events import DATA_CHANGED, SECRET, body_of, signed

pytestmark = pytest.mark.anyio

OTHER: dict[str, Any] = {"id": "2", "type": "payroll-closed", "data": {}}


async def test_the_handlers_of_a_type() -> None:
    """All handlers of an event's type run, in order, with the typed event; others do not."""
    receiver, seen = Receiver(SECRET), list[str]()

    @receiver.on("data-changed")
    async def first(event: DataChanged) -> None:
        seen.append(f"first {event.data.integration_id}")

    @receiver.on("data-changed")
    async def second(event: DataChanged) -> None:
        seen.append("second")

    @receiver.on("sync-finished")
    async def third(event: object) -> None:
        seen.append("third")

    assert await receiver.receive(*signed(DATA_CHANGED)) == "handled"
    assert seen == ["first workday:6cRsLsFAo8iMPHGBLqYZdqVH", "second"]


async def test_any_other_event() -> None:
    """An event without a handler goes to the `on_any_other` handler; without one, it is ignored."""
    receiver, seen = Receiver(SECRET), list[object]()
    assert await receiver.receive(*signed({**OTHER, "id": "1"})) == "ignored"

    @receiver.on_any_other
    async def others(event: object) -> None:
        seen.append(event)

    assert await receiver.receive(*signed(OTHER)) == "handled"
    assert seen == [UnknownEvent(id="2", type="payroll-closed", data={})]


async def test_a_new_type_by_its_name() -> None:
    """A handler can be given for a type that this version does not know."""
    receiver, seen = Receiver(SECRET), list[object]()

    @receiver.on("payroll-closed")
    async def closed(event: UnknownEvent) -> None:
        seen.append(event.data)

    await receiver.receive(*signed(OTHER))
    assert seen == [{}]


async def test_an_event_that_comes_twice() -> None:
    """The second delivery of an event is acknowledged, but not handled again."""
    receiver, count = Receiver(SECRET), 0

    @receiver.on("data-changed")
    async def handle(event: DataChanged) -> None:
        nonlocal count
        count += 1

    results = [await receiver.receive(*signed(DATA_CHANGED)) for _ in range(3)]
    assert results == ["handled", "duplicate", "duplicate"]
    assert count == 1


async def test_a_handler_that_fails() -> None:
    """A handler's exception is raised, and the event is handled when it comes again."""
    receiver, calls = Receiver(SECRET), 0

    @receiver.on("data-changed")
    async def handle(event: DataChanged) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise RuntimeError("the database is away")

    with pytest.raises(RuntimeError, match="database"):
        await receiver.receive(*signed(DATA_CHANGED))
    assert await receiver.receive(*signed(DATA_CHANGED)) == "handled"


async def test_an_event_while_it_is_handled() -> None:
    """An event that comes again while it is being handled is refused: it may still fail."""
    receiver, began, go_on = Receiver(SECRET), anyio.Event(), anyio.Event()

    @receiver.on("data-changed")
    async def handle(event: DataChanged) -> None:
        began.set()
        await go_on.wait()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(receiver.receive, *signed(DATA_CHANGED))
        await began.wait()
        with pytest.raises(EventBusy) as caught:
            await receiver.receive(*signed(DATA_CHANGED))
        assert caught.value.status_code == 409
        go_on.set()
    assert await receiver.receive(*signed(DATA_CHANGED)) == "duplicate"


async def test_cancellation_while_it_is_handled() -> None:
    """An event whose handling was cancelled is handled when it comes again."""
    receiver, slow = Receiver(SECRET), True

    @receiver.on("data-changed")
    async def handle(event: DataChanged) -> None:
        if slow:
            await anyio.sleep_forever()

    with anyio.move_on_after(0.01):
        await receiver.receive(*signed(DATA_CHANGED))
    slow = False
    assert await receiver.receive(*signed(DATA_CHANGED)) == "handled"


async def test_a_handler_that_hangs() -> None:
    """A handler that takes too long is cancelled; the event is handled when it comes again."""
    receiver, calls = Receiver(SECRET, handler_timeout=0.01), 0

    @receiver.on("data-changed")
    async def handle(event: DataChanged) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            await anyio.sleep_forever()

    with pytest.raises(HandlerTimedOut, match="took longer") as caught:
        await receiver.receive(*signed(DATA_CHANGED))
    assert caught.value.status_code == 503
    assert await receiver.receive(*signed(DATA_CHANGED)) == "handled"


async def test_what_is_not_taken() -> None:
    """A wrong signature, a bad body and one that is too large each raise their own error, and run no handler."""
    receiver = Receiver(SECRET, max_body_bytes=1000)

    @receiver.on_any_other
    async def never(event: object) -> None:
        raise AssertionError("this must not run")

    with pytest.raises(InvalidSignature):
        await receiver.receive(body_of(OTHER), sign("another", body_of(OTHER)))
    with pytest.raises(InvalidSignature):
        await receiver.receive(b"no JSON, unsigned", None)
    with pytest.raises(InvalidBody):
        await receiver.receive(b"no JSON", sign(SECRET, b"no JSON"))
    with pytest.raises(BodyTooLarge) as caught:
        await receiver.receive(*signed({**OTHER, "data": "x" * 1000}))
    assert caught.value.status_code == 413


async def test_the_memory_is_bounded() -> None:
    """Only the last handled events are remembered."""
    seen = MemoryEventDeduplicator(size=2)
    for event_id in ("a", "b", "c"):
        assert await seen.begin(event_id) == "new"
        await seen.finish(event_id)
    assert [await seen.begin(each) for each in ("c", "b", "a")] == ["done", "done", "new"]


async def test_the_secret_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `secret`, `KOMBO_WEBHOOK_SECRET` is used; without both, the error says what to pass."""
    monkeypatch.delenv("KOMBO_WEBHOOK_SECRET", raising=False)
    with pytest.raises(ValueError, match="secret"):
        Receiver()
    monkeypatch.setenv("KOMBO_WEBHOOK_SECRET", SECRET)
    assert await Receiver().receive(*signed(DATA_CHANGED)) == "ignored"


async def test_a_receiver_does_not_print_its_secret() -> None:
    """Neither `repr` nor an error's text has the secret or the event."""
    receiver = Receiver(SECRET)
    assert SECRET not in repr(receiver)
    with pytest.raises(InvalidSignature) as caught:
        receiver.check(body_of(DATA_CHANGED), "x")
    assert "workday" not in str(caught.value)


async def test_each_type_is_typed() -> None:
    """`on` has an overload with its class for each type of event, and one for those to come."""
    overloads = typing.get_overloads(Handlers.on)
    known = {typing.get_args(typing.get_type_hints(each, include_extras=True)["type"]) for each in overloads}
    assert known == {(name,) for name in EVENTS} | {()}
