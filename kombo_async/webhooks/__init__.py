"""Webhooks: the events that Kombo sends, verified and typed.

`verify` and `parse` are plain functions; `Receiver` runs your handlers, each event once; `WebhookApp` is its web side.
The names of the events load when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kombo_async.webhooks.asgi import WebhookApp
    from kombo_async.webhooks.errors import BodyTooLarge, EventBusy, InvalidBody, InvalidSignature, WebhookError
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
    from kombo_async.webhooks.parsing import Event, EventType, UnknownEvent, parse
    from kombo_async.webhooks.receiver import Receiver, Result
    from kombo_async.webhooks.seen import MemorySeenEvents, SeenEvents, Standing
    from kombo_async.webhooks.signature import SIGNATURE_HEADER, Secrets, sign, verify

__all__ = [
    "verify",
    "sign",
    "Secrets",
    "SIGNATURE_HEADER",
    "parse",
    # receiving
    "Receiver",
    "Result",
    "WebhookApp",
    "SeenEvents",
    "MemorySeenEvents",
    "Standing",
    # what can be wrong
    "WebhookError",
    "InvalidSignature",
    "InvalidBody",
    "BodyTooLarge",
    "EventBusy",
    # events
    "Event",
    "EventType",
    "EVENTS",
    "AiApplyApplicationStatusUpdated",
    "AiApplyJobPostingStatusUpdated",
    "AssessmentOrderReceived",
    "ConnectionFlowFailed",
    "DataChanged",
    "InlineAssessmentOrderReceived",
    "IntegrationCreated",
    "IntegrationDeleted",
    "IntegrationStateChanged",
    "IssueStatusChanged",
    "SyncFinished",
    "UnknownEvent",
]

_HOMES = {
    "asgi": ("WebhookApp",),
    "errors": ("BodyTooLarge", "EventBusy", "InvalidBody", "InvalidSignature", "WebhookError"),
    "parsing": ("Event", "EventType", "UnknownEvent", "parse"),
    "receiver": ("Receiver", "Result"),
    "seen": ("MemorySeenEvents", "SeenEvents", "Standing"),
    "signature": ("SIGNATURE_HEADER", "Secrets", "sign", "verify"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOME_OF.get(name, "events")
    value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
