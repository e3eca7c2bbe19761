"""From the body of a webhook to a typed event."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, TypeVar, cast

from kombo_async.decode import plain_json
from kombo_async.drift import structure_what_fits
from kombo_async.model import JSON, UNSET, Model, model
from kombo_async.webhooks.errors import InvalidBody
from kombo_async.webhooks.events import (
    EVENTS,
    AiApplyApplicationStatusUpdated,
    AiApplyJobPostingStatusUpdated,
    AssessmentOrderReceived,
    ConnectionFlowFailed,
    DataChanged,
    InlineAssessmentOrderReceived,
    IntegrationCreated,
    IntegrationDeleted,
    IntegrationStateChanged,
    IssueStatusChanged,
    SyncFinished,
)

_logger = logging.getLogger("kombo_async.webhooks")


@model
class UnknownEvent(Model):
    """An event of a type that this version does not know."""

    id: str
    """ID of the event; one that is sent again bears the same."""
    type: str
    """Kombo's name of the type."""
    data: JSON
    """What the event says, as it came."""


Event: TypeAlias = (
    DataChanged
    | ConnectionFlowFailed
    | IntegrationCreated
    | IntegrationDeleted
    | AssessmentOrderReceived
    | InlineAssessmentOrderReceived
    | IntegrationStateChanged
    | AiApplyApplicationStatusUpdated
    | AiApplyJobPostingStatusUpdated
    | SyncFinished
    | IssueStatusChanged
    | UnknownEvent
)
"""The tagged union of all events: `match` on it is exhaustive."""

EventT = TypeVar("EventT", bound=Event)

# fmt: off
EventType: TypeAlias = Literal[
    "data-changed", "connection-flow-failed", "integration-created", "integration-deleted", "assessment:order-received",
    "inline-assessment:order-received", "integration-state-changed", "ai-apply-application-status-updated",
    "ai-apply-job-posting-status-updated", "sync-finished", "issue-status-changed",
]
# fmt: on


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
