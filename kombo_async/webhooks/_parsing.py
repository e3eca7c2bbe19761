"""From the body of a webhook to a typed event."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, cast

from kombo_async._codec.drift import structure_what_fits
from kombo_async._codec.plain import plain_json
from kombo_async._generated.events import EVENTS, Event, UnknownEvent
from kombo_async.model import UNSET
from kombo_async.webhooks._errors import InvalidBody

_logger = logging.getLogger("kombo_async.webhooks")


def parse(body: bytes) -> Event:
    """The event in *body*. Verify its signature first: until then, anyone may have written it.

    An unknown type becomes an `UnknownEvent`. In a known one, values that do not match the types stay as they came and
    missing fields are None, as in responses to calls; their paths are logged.

    Raises `InvalidBody` if *body* is not a JSON object with `id` and `type`, or has no `data` for a known type.
    """
    plain = plain_json(body)
    if plain is UNSET:
        raise InvalidBody("the body is not JSON")
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
    known, drift = structure_what_fits(event, cls)
    for each in drift:
        _logger.warning("%s %s: %s should be %s, but is %s", type, id[:64], each.path, each.expected, each.got)
    return cast("Event", known)
