"""The async Python client for the Kombo Unified API.

Names load when they are first used: `import kombo_async` alone costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kombo_async import ai_apply, assessment, ats, connect, custom, general, hris, lms, operations
    from kombo_async._version import __version__
    from kombo_async.client import AsyncKomboClient
    from kombo_async.errors import (
        BadRequest,
        Conflict,
        ConnectionFailed,
        ErrorDetail,
        Failure,
        Forbidden,
        KomboError,
        NoResponse,
        NotFound,
        RateLimited,
        ServerError,
        SyncPending,
        TimedOut,
        Unauthorized,
        UnexpectedResponse,
    )
    from kombo_async.middleware import Call, Middleware, Next
    from kombo_async.model import JSON, UNSET, Model, UnknownVariant, Unset, to_dict
    from kombo_async.options import Options, RetryPolicy, Timeout, Waiting
    from kombo_async.pages import Page, Pages
    from kombo_async.request import Operation, Request
    from kombo_async.response import ActionWarning, Drift, Response, Success

__all__ = [
    # the client and its settings
    "AsyncKomboClient",
    "Options",
    "RetryPolicy",
    "Timeout",
    "Waiting",
    # requests, by namespace
    "ai_apply",
    "assessment",
    "ats",
    "connect",
    "custom",
    "general",
    "hris",
    "lms",
    "operations",
    "Operation",
    "Request",
    "Model",
    "UNSET",
    "Unset",
    "JSON",
    "UnknownVariant",
    "to_dict",
    # answers
    "Response",
    "Success",
    "ActionWarning",
    "Drift",
    "Page",
    "Pages",
    # failures
    "KomboError",
    "NoResponse",
    "ConnectionFailed",
    "TimedOut",
    "Failure",
    "ErrorDetail",
    "BadRequest",
    "Unauthorized",
    "Forbidden",
    "NotFound",
    "SyncPending",
    "Conflict",
    "RateLimited",
    "ServerError",
    "UnexpectedResponse",
    # middleware of your own
    "Call",
    "Middleware",
    "Next",
    "__version__",
]

_HOMES = {
    "_version": ("__version__",),
    "client": ("AsyncKomboClient",),
    "errors": (
        "BadRequest",
        "Conflict",
        "ConnectionFailed",
        "ErrorDetail",
        "Failure",
        "Forbidden",
        "KomboError",
        "NoResponse",
        "NotFound",
        "RateLimited",
        "ServerError",
        "SyncPending",
        "TimedOut",
        "Unauthorized",
        "UnexpectedResponse",
    ),
    "middleware": ("Call", "Middleware", "Next"),
    "model": ("JSON", "UNSET", "Model", "UnknownVariant", "Unset", "to_dict"),
    "options": ("Options", "RetryPolicy", "Timeout", "Waiting"),
    "pages": ("Page", "Pages"),
    "request": ("Operation", "Request"),
    "response": ("ActionWarning", "Drift", "Response", "Success"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    elif name in __all__:
        value = import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
