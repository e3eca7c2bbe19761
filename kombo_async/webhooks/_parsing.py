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

    A type that is not known is an `UnknownEvent`. What does not fit the types of a known one (a missing field,
    a null where none was promised) stays as it came, missing is None, as in answers to calls; it is logged by its path.

    Raises `InvalidBody` for what is no JSON object with `id` and `type`, or of a known type but without its `data`.
    """
    plain = plain_json(body)
    if plain is UNSET:
        raise InvalidBody("the body is not JSON")
    if not isinstance(plain, Mapping):
        raise InvalidBody("the body is not a JSON object")
    event = cast("Mapping[str, Any]", plain)
    id, type = event.get("id"), event.get("type")
    if not isinstance(id, str) or not id or not isinstance(type, str):
        raise InvalidBody("the body has no id or no type of an event")
    cls = EVENTS.get(type)
    if cls is None:
        return UnknownEvent(id=id, type=type, data=event.get("data"))
    if not isinstance(event.get("data"), Mapping):
        raise InvalidBody("the event has no data")
    known, drift = structure_what_fits(event, cls)
    for each in drift:
        _logger.warning("%s %s: %s should be %s, but is %s", type, id[:64], each.path, each.expected, each.got)
    return cast("Event", known)
