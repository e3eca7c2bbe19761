"""The registry of handlers. Their modules load when one of their operations is first called."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import attrs

from kombo_async.request import Request
from kombo_async.sandbox._api.lists import Listing
from kombo_async.sandbox._handlers.uploads import Fetched
from kombo_async.sandbox._state.clock import Clock
from kombo_async.sandbox._state.environment import Environment
from kombo_async.sandbox._state.files import StoredFile
from kombo_async.sandbox._state.store import World
from kombo_async.sandbox._webhooks.webhooks import Webhooks

if TYPE_CHECKING:
    from kombo_async.sandbox._state.integrations import Integration


@attrs.define(kw_only=True)
class Context:
    """What a handler may need besides its request."""

    environment: Environment
    webhooks: Webhooks
    world: World
    """The records of the integration; the platform's own for operations without one."""
    integration: Integration | None
    root: str
    """The sandbox's address, such as `http://127.0.0.1:8000`."""
    number: int
    """The number of the request in the log."""
    allow_duplicates: bool = False
    fetched: Fetched = attrs.field(factory=dict[str, "StoredFile | str"], repr=False)
    """The files that the request gave as URLs."""
    warnings: list[str] = attrs.field(factory=list[str])

    @property
    def clock(self) -> Clock:
        """The sandbox's clock."""
        return self.environment.clock


Handler: TypeAlias = Callable[[Context, Any], Any | Awaitable[Any]]
"""Performs an operation: takes its request, returns the `data` of the response (cut to shape later)."""

HANDLERS: dict[str, Handler] = {}
LISTINGS: dict[str, Listing] = {}
F = TypeVar("F", bound=Handler)

_MODULES = {
    "ats": ("ats_lists", "ats_creating", "ats_files", "ats_actions"),
    "hris": ("hris_lists", "hris_employees", "hris_absences", "hris_form", "hris_skills", "hris_provisioning"),
    "lms": ("lms",),
    "assessment": ("assessment",),
    "ai_apply": ("ai_apply",),
    "connect": ("connect",),
    "general": ("general", "fields", "coverage"),
    "custom": ("custom",),
}
_loaded: set[str] = set()


def handles(*operation_ids: str) -> Callable[[F], F]:
    """Register a handler for these operations."""

    def register(handler: F) -> F:
        for operation_id in operation_ids:
            HANDLERS[operation_id] = handler
        return handler

    return register


def load(request: type[Request[Any]]) -> None:
    """Make sure that the handler of *request*'s operation is in `HANDLERS` or `LISTINGS`."""
    namespace = request.__module__.split(".")[1]
    if namespace not in _loaded:
        for module in _MODULES[namespace]:
            import_module(f"kombo_async.sandbox._handlers.{module}")
        _loaded.add(namespace)
