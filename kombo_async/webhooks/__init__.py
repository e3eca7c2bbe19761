"""Webhooks: the events that Kombo sends, verified and typed.

`verify` and `parse` are plain functions; `Receiver` runs your handlers once per event; `WebhookApp` is its endpoint.
The names of the events load when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kombo_async._generated.events import (
        EVENTS,
        AiApplyApplicationStatusUpdated,
        AiApplyDataChanged,
        AiApplyJobPostingStatusUpdated,
        AssessmentOrderReceived,
        ConnectionFlowFailed,
        DataChanged,
        Event,
        EventType,
        InlineAssessmentOrderReceived,
        IntegrationCreated,
        IntegrationDeleted,
        IntegrationStateChanged,
        IssueStatusChanged,
        ModelName,
        SyncFinished,
        UnknownEvent,
    )
    from kombo_async.webhooks._asgi import WebhookApp
    from kombo_async.webhooks._deduplication import EventDeduplicator, EventStatus, MemoryEventDeduplicator
    from kombo_async.webhooks._errors import (
        BodyTooLarge,
        EventBusy,
        HandlerTimedOut,
        InvalidBody,
        InvalidSignature,
        WebhookError,
    )
    from kombo_async.webhooks._parsing import parse
    from kombo_async.webhooks._receiver import Receiver, Result
    from kombo_async.webhooks._signature import SIGNATURE_HEADER, Secrets, sign, verify

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
    "EventDeduplicator",
    "MemoryEventDeduplicator",
    "EventStatus",
    # what can be wrong
    "WebhookError",
    "InvalidSignature",
    "InvalidBody",
    "BodyTooLarge",
    "EventBusy",
    "HandlerTimedOut",
    # events
    "Event",
    "EventType",
    "EVENTS",
    "ModelName",
    "AiApplyApplicationStatusUpdated",
    "AiApplyDataChanged",
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

_LAZY_EXPORTS = {
    "kombo_async._generated.events": (
        "EVENTS",
        "AiApplyApplicationStatusUpdated",
        "AiApplyDataChanged",
        "AiApplyJobPostingStatusUpdated",
        "AssessmentOrderReceived",
        "ConnectionFlowFailed",
        "DataChanged",
        "Event",
        "EventType",
        "InlineAssessmentOrderReceived",
        "IntegrationCreated",
        "IntegrationDeleted",
        "IntegrationStateChanged",
        "IssueStatusChanged",
        "ModelName",
        "SyncFinished",
        "UnknownEvent",
    ),
    "kombo_async.webhooks._asgi": ("WebhookApp",),
    "kombo_async.webhooks._errors": (
        "BodyTooLarge",
        "EventBusy",
        "HandlerTimedOut",
        "InvalidBody",
        "InvalidSignature",
        "WebhookError",
    ),
    "kombo_async.webhooks._parsing": ("parse",),
    "kombo_async.webhooks._receiver": ("Receiver", "Result"),
    "kombo_async.webhooks._deduplication": ("MemoryEventDeduplicator", "EventDeduplicator", "EventStatus"),
    "kombo_async.webhooks._signature": ("SIGNATURE_HEADER", "Secrets", "sign", "verify"),
}

if not TYPE_CHECKING:  # type checkers know the names above, and refuse all others
    from kombo_async._lazy import lazy_exports

    __getattr__, __dir__ = lazy_exports(__name__, _LAZY_EXPORTS)
