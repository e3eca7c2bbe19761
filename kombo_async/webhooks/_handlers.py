"""Which function handles which event."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from kombo_async._generated.events import Event
from kombo_async._generated.subscriptions import EventSubscriptions, Handler

H = TypeVar("H", bound=Callable[[Any], Awaitable[None]])


class Handlers(EventSubscriptions):
    """The handlers of events, by type."""

    def __init__(self) -> None:
        self._by_type: dict[str, list[Handler[Any]]] = {}
        self._others: list[Handler[Any]] = []

    def _register(self, type: str, handler: Handler[Any]) -> None:
        self._by_type.setdefault(type, []).append(handler)

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
