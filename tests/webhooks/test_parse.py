"""From bodies to typed events."""

from __future__ import annotations

import contextlib
import copy
import json
import logging
import math
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kombo_async import to_dict
from kombo_async._generated.events import DataChanged, IntegrationDeleted, ReceivedOrder
from kombo_async.webhooks import EVENTS, Event, EventType, InvalidBody, UnknownEvent, parse
from tests.support.webhook_events import DATA_CHANGED, body_of, documented

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


def test_a_typed_event() -> None:
    """A known type comes back as its class."""
    event = parse(body_of(DATA_CHANGED))
    assert isinstance(event, DataChanged)
    assert event.data.integration_id == "workday:6cRsLsFAo8iMPHGBLqYZdqVH"
    assert [each.name for each in event.data.changed_models] == ["hris_employees"]


def test_the_union_is_whole() -> None:
    """The union of events, the names of types and the generated table agree."""
    assert set(get_args(Event)) == {*EVENTS.values(), UnknownEvent}
    assert set(get_args(EventType)) == set(EVENTS)


@pytest.mark.parametrize("type", sorted(EVENTS))
def test_each_documented_event(type: str, caplog: pytest.LogCaptureFixture) -> None:
    """A full event of each documented type is typed without drift, and converts back to the same data."""
    event = parse(body_of(documented()[type]))
    assert isinstance(event, EVENTS[type])
    assert to_dict(event) == documented()[type]
    assert not caplog.records


def test_a_new_type() -> None:
    """A type that is not known yet is an `UnknownEvent` with its data as it came."""
    event = parse(body_of({"id": "1", "type": "payroll-closed", "data": [1, {"a": None}], "new": True}))
    assert event == UnknownEvent(id="1", type="payroll-closed", data=[1, {"a": None}])


def test_new_fields_and_values() -> None:
    """New fields and values do no harm."""
    later = copy.deepcopy(DATA_CHANGED)
    later["sent_at"] = "2027-01-01T00:00:00.000Z"
    later["data"] |= {"integration_category": "PAYROLL", "reason": "sync"}
    later["data"]["changed_models"][0] |= {"name": "hris_shifts", "count": 3}
    event = parse(body_of(later))
    assert isinstance(event, DataChanged)
    assert event.data.integration_category == "PAYROLL"
    assert event.data.changed_models[0].name == "hris_shifts"


def test_what_does_not_fit_stays(caplog: pytest.LogCaptureFixture) -> None:
    """A missing field is None, one with a wrong type is kept; both are logged by path, without the value."""
    drifted = copy.deepcopy(DATA_CHANGED)
    del drifted["data"]["integration_tool"]
    drifted["data"]["integration_id"] = 77
    with caplog.at_level(logging.WARNING, "kombo_async.webhooks"):
        event: Any = parse(body_of(drifted))
    assert type(event) is DataChanged
    assert to_dict(event)["data"]["integration_tool"] is None
    assert to_dict(event)["data"]["integration_id"] == 77
    (record,) = caplog.records
    assert record.getMessage() == (
        f"data-changed {DATA_CHANGED['id']}: data.integration_id should be string, but is integer; "
        "data.integration_tool should be string, but is missing"
    )


def test_much_that_does_not_fit_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """The log has one short line, however many fields are wrong and whatever the event's ID and keys contain."""
    drifted = copy.deepcopy(DATA_CHANGED)
    drifted["id"] = "1\x1b[2J\n"
    drifted["data"]["changed_models"] = [{"name": 5}] * 3_000
    with caplog.at_level(logging.WARNING, "kombo_async.webhooks"):
        parse(body_of(drifted))
    (record,) = caplog.records
    assert record.getMessage().isprintable()
    assert record.getMessage().count("should be") == 10
    assert record.getMessage().endswith("; and 2,990 more")


def test_a_time_stays_usable() -> None:
    """Times are datetimes with a zone, nested models are models."""
    events = documented()
    deleted: Any = parse(body_of(events["integration-deleted"]))
    order: Any = parse(body_of(events["assessment:order-received"]))
    assert isinstance(deleted, IntegrationDeleted)
    assert deleted.data.deleted_at.utcoffset() is not None
    assert isinstance(order.data, ReceivedOrder)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"\xff\xfe",
        b"<html>",
        b"{}",
        b'{"id": "1"}',
        b'{"type": "data-changed", "data": {}}',
        b'{"id": "", "type": "data-changed", "data": {}}',
        b'{"id": 1, "type": "data-changed", "data": {}}',
        b'{"id": "1", "type": null}',
        b'{"id": "1", "type": "data-changed"}',
        b'{"id": "1", "type": "data-changed", "data": "text"}',
        b"[" * 100_000,
        b'{"id": "1", "type": "data-changed", "data": {"a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}}",
    ],
    ids=lambda body: body[:24].decode("latin-1"),
)
def test_bad_bodies(body: bytes) -> None:
    """A body that is not an event raises `InvalidBody`, a 400."""
    with pytest.raises(InvalidBody) as caught:
        parse(body)
    assert caught.value.status_code == 400


def test_a_byte_order_mark_and_a_lone_surrogate() -> None:
    """JSON that JavaScript writes but strict parsers refuse is read."""
    event = parse(b'{"id": "1", "type": "new", "data": "\\ud800"}')
    assert isinstance(event, UnknownEvent)
    assert event.data == "\ud800"


def test_a_number_that_python_does_not_read() -> None:
    """One number of too many digits does not make the rest unreadable."""
    event = parse(b'{"id": "1", "type": "new", "data": [%s, 2]}' % (b"9" * 5_000))
    assert isinstance(event, UnknownEvent)
    assert event.data == [math.inf, 2]


@given(st.binary(max_size=300))
def test_any_bytes(body: bytes) -> None:
    """Any bytes are an event or `InvalidBody`."""
    with contextlib.suppress(InvalidBody):
        parse(body)


@given(
    type=st.sampled_from(sorted(EVENTS)) | st.text(max_size=10),
    data=JSON_VALUES,
    more=st.dictionaries(st.text(max_size=10), JSON_VALUES, max_size=3),
)
def test_any_json(type: str, data: Any, more: dict[str, Any]) -> None:
    """Any JSON with any type is an event of that type or raises `InvalidBody`."""
    body = json.dumps({**more, "id": "1", "type": type, "data": data}).encode()
    try:
        event = parse(body)
    except InvalidBody:
        assert type in EVENTS
        assert not isinstance(data, dict)
    else:
        assert isinstance(event, EVENTS.get(type, UnknownEvent))
        assert event.type == type


@given(data=st.data())
def test_documented_events_with_one_change(data: st.DataObject) -> None:
    """A documented event with one value changed or missing is still an event of its class."""
    events = documented()
    event = copy.deepcopy(events[data.draw(st.sampled_from(sorted(events)))])
    holder, key = data.draw(st.sampled_from(list(_places(event["data"]))))
    if data.draw(st.booleans()):
        del holder[key]
    else:
        holder[key] = data.draw(JSON_VALUES)
    assert isinstance(parse(body_of(event)), EVENTS[event["type"]])


def _places(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield value, key
        yield from _places(each)
