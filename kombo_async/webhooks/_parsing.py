"""From the body of a webhook to a typed event."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, cast

from kombo_async._codec.drift import Reading, read_leniently
from kombo_async._codec.plain import plain_json
from kombo_async._escaping import one_line
from kombo_async._generated.events import EVENTS, Event, UnknownEvent
from kombo_async.model import UNSET
from kombo_async.webhooks._errors import InvalidBody

MOST_SHOWN = 10
"""How many spots that do not match the types are logged for one event; the rest is counted."""

_logger = logging.getLogger("kombo_async.webhooks")


def parse(body: bytes) -> Event:
    """The event in *body*. Verify its signature first: until then, anyone may have written it.

    An unknown type becomes an `UnknownEvent`. In a known one, values that do not match the types stay as they came and
    missing fields are None, as in responses to calls; one line of the log has the paths of the first of them.

    Raises `InvalidBody` if *body* is not a JSON object with `id` and `type`, or has no `data` for a known type.
    """
    plain = plain_json(body)
    if plain is UNSET:
        raise InvalidBody("the body is not JSON, or is nested too deeply")
    if not isinstance(plain, Mapping):
        raise InvalidBody("the body is not a JSON object")
    event = cast("Mapping[str, Any]", plain)
    id, type = event.get("id"), event.get("type")
    if not isinstance(id, str) or not id or not isinstance(type, str):
        raise InvalidBody("the body has no event id or no event type")
    cls = EVENTS.get(type)
    if cls is None:
        return UnknownEvent(id=id, type=type, data=event.get("data"))
    if not isinstance(event.get("data"), Mapping):
        raise InvalidBody("the event has no data")
    reading = Reading()
    known = read_leniently(event, cls, reading)
    if reading.drift:
        _log(type, id, reading)
    return cast("Event", known)


def _log(type: str, id: str, reading: Reading) -> None:
    spots = "; ".join(
        f"{each.path} should be {each.expected}, but is {each.got}" for each in reading.drift[:MOST_SHOWN]
    )
    more = len(reading.drift) + reading.more - MOST_SHOWN
    _logger.warning("%s %s: %s%s", type, one_line(id[:64]), spots, f"; and {more:,} more" if more > 0 else "")
