"""What users write with events: checked by mypy with all tests, never run."""

from __future__ import annotations

from typing import assert_never, assert_type

from kombo_async import webhooks
from kombo_async.webhooks import DataChanged, Event, Receiver, UnknownEvent, parse


def every_event(event: Event) -> str:
    """A `match` on events is exhaustive."""
    match event:
        case webhooks.DataChanged(data=change):
            return change.integration_id
        case webhooks.IntegrationCreated(data=created) | webhooks.IntegrationDeleted(data=created):
            return created.end_user.organization_name
        case webhooks.IntegrationStateChanged() | webhooks.ConnectionFlowFailed() | webhooks.SyncFinished():
            return event.data.integration_tool
        case webhooks.AssessmentOrderReceived() | webhooks.InlineAssessmentOrderReceived():
            return event.data.package_id
        case webhooks.AiApplyApplicationStatusUpdated() | webhooks.AiApplyJobPostingStatusUpdated():
            return event.id
        case webhooks.AiApplyDataChanged():
            return event.id
        case webhooks.IssueStatusChanged(data=change):
            return change.issue.title
        case UnknownEvent(type=name):
            return name
        case never:
            assert_never(never)


def parsed(body: bytes) -> None:
    """`parse` gives the union."""
    assert_type(parse(body), Event)


receiver = Receiver("secret")


@receiver.on("data-changed")
async def right(event: DataChanged) -> None:
    """A handler of the event that it is for."""


@receiver.on("sync-finished")  # type: ignore[arg-type]
async def wrong(event: DataChanged) -> None:
    """A handler of another event is refused."""


@receiver.on("payroll-closed")
async def to_come(event: UnknownEvent) -> None:
    """Any type can be named."""
