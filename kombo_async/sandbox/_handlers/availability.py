"""Which operations an integration supports: by its category, its tool and its permissions."""

from __future__ import annotations

from functools import cache

from kombo_async.request import Operation
from kombo_async.sandbox._handlers.registry import LISTINGS
from kombo_async.sandbox._state.integrations import Integration, Kind, unavailable

_CATEGORIES = {"ats": "ATS", "hris": "HRIS", "lms": "LMS", "assessment": "ASSESSMENT"}
_TOOLS = {"datev": ("datev", "datevlug", "datevlauds", "datevhr"), "silae": ("silae",), "avionte": ("avionte",)}


def check_available(integration: Integration, operation: Operation) -> None:
    """Raises `Refusal` if *integration* does not support *operation* or may not use it."""
    category, tools = _home(operation.path)
    kind: Kind = "ACTION" if operation.action else "MODEL"
    if tools is not None:
        if integration.tool not in tools:
            raise unavailable(kind, f"only {tools[0]} supports it")
    elif category is not None and integration.category != category:
        raise unavailable(kind, f"{integration.tool} is an {integration.category} integration, not {category}")
    if integration.permissions:
        listing = LISTINGS.get(operation.id)
        names = (operation.id, *((listing.table,) if listing is not None else ()))
        integration.check_permission(names, action=operation.action)


@cache
def _home(path: str) -> tuple[str | None, tuple[str, ...] | None]:
    segments = path.strip("/").split("/")
    if "custom" in segments:
        return None, _TOOLS[segments[segments.index("custom") + 1]]
    return _CATEGORIES.get(segments[0]), None
