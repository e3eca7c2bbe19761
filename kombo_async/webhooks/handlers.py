"""Which function handles which event."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeAlias, TypeVar, overload

from kombo_async.webhooks import events as e
from kombo_async.webhooks.parsing import Event, EventT

Handler: TypeAlias = Callable[[EventT], Awaitable[None]]
HandlerOf: TypeAlias = Callable[[Handler[EventT]], Handler[EventT]]
"""A decorator for handlers of one class of events."""

H = TypeVar("H", bound=Callable[[Any], Awaitable[None]])


class Handlers:
    """The handlers of events, by type."""

    def __init__(self) -> None:
        self._by_type: dict[str, list[Handler[Any]]] = {}
        self._others: list[Handler[Any]] = []

    # fmt: off
    @overload
    def on(self, type: Literal["data-changed"]) -> HandlerOf[e.DataChanged]: ...
    @overload
    def on(self, type: Literal["connection-flow-failed"]) -> HandlerOf[e.ConnectionFlowFailed]: ...
    @overload
    def on(self, type: Literal["integration-created"]) -> HandlerOf[e.IntegrationCreated]: ...
    @overload
    def on(self, type: Literal["integration-deleted"]) -> HandlerOf[e.IntegrationDeleted]: ...
    @overload
    def on(self, type: Literal["assessment:order-received"]) -> HandlerOf[e.AssessmentOrderReceived]: ...
    @overload
    def on(self, type: Literal["inline-assessment:order-received"]) -> HandlerOf[e.InlineAssessmentOrderReceived]: ...
    @overload
    def on(self, type: Literal["integration-state-changed"]) -> HandlerOf[e.IntegrationStateChanged]: ...
    @overload
    def on(
        self, type: Literal["ai-apply-application-status-updated"]
    ) -> HandlerOf[e.AiApplyApplicationStatusUpdated]: ...
    @overload
    def on(
        self, type: Literal["ai-apply-job-posting-status-updated"]
    ) -> HandlerOf[e.AiApplyJobPostingStatusUpdated]: ...
    @overload
    def on(self, type: Literal["sync-finished"]) -> HandlerOf[e.SyncFinished]: ...
    @overload
    def on(self, type: Literal["issue-status-changed"]) -> HandlerOf[e.IssueStatusChanged]: ...
    @overload
    def on(self, type: str) -> HandlerOf[Any]: ...
    # fmt: on

    def on(self, type: str) -> Any:
        """A decorator: the function handles events of *type*. Several may; they run one after the other.

        For a type that this version does not know, it gets an `UnknownEvent`.
        """

        def register(handler: Handler[Any]) -> Handler[Any]:
            self._by_type.setdefault(type, []).append(handler)
            return handler

        return register

    def on_any_other(self, handler: H) -> H:
        """A decorator: the function handles all events whose type no other function handles."""
        self._others.append(handler)
        return handler

    async def handle(self, event: Event) -> bool:
        """Run the handlers of *event*; whether there are any. Raises what a handler raises."""
        handlers = self._by_type.get(event.type, self._others)
        for handler in handlers:
            await handler(event)
        return bool(handlers)
