"""The async Python client for the Kombo Unified API.

Names load when they are first used: `import kombo_async` alone costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kombo_async import ai_apply, assessment, ats, connect, custom, general, hris, lms, operations
    from kombo_async._generated.error_codes import ErrorCode
    from kombo_async._version import __version__
    from kombo_async.client import AsyncKomboClient
    from kombo_async.errors import (
        BadRequest,
        ConfigurationError,
        Conflict,
        ConnectionFailed,
        ErrorDetail,
        Failure,
        Forbidden,
        InputFault,
        InvalidInput,
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
    from kombo_async.shared_limits import SharedLimits

__all__ = [
    # the client and its settings
    "AsyncKomboClient",
    "Options",
    "RetryPolicy",
    "SharedLimits",
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
    "ErrorCode",
    "BadRequest",
    "Unauthorized",
    "Forbidden",
    "NotFound",
    "SyncPending",
    "Conflict",
    "RateLimited",
    "ServerError",
    "UnexpectedResponse",
    "ConfigurationError",
    # input that cannot be sent
    "InvalidInput",
    "InputFault",
    # middleware of your own
    "Call",
    "Middleware",
    "Next",
    "__version__",
]

_LAZY_EXPORTS = {
    "": ("ai_apply", "assessment", "ats", "connect", "custom", "general", "hris", "lms", "operations"),
    "kombo_async._generated.error_codes": ("ErrorCode",),
    "kombo_async._version": ("__version__",),
    "kombo_async.client": ("AsyncKomboClient",),
    "kombo_async.errors": (
        "BadRequest",
        "ConfigurationError",
        "Conflict",
        "ConnectionFailed",
        "ErrorDetail",
        "Failure",
        "InputFault",
        "Forbidden",
        "InvalidInput",
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
    "kombo_async.shared_limits": ("SharedLimits",),
    "kombo_async.middleware": ("Call", "Middleware", "Next"),
    "kombo_async.model": ("JSON", "UNSET", "Model", "UnknownVariant", "Unset", "to_dict"),
    "kombo_async.options": ("Options", "RetryPolicy", "Timeout", "Waiting"),
    "kombo_async.pages": ("Page", "Pages"),
    "kombo_async.request": ("Operation", "Request"),
    "kombo_async.response": ("ActionWarning", "Drift", "Response", "Success"),
}

if not TYPE_CHECKING:  # type checkers know the names above, and refuse all others
    from kombo_async._lazy import lazy_exports

    __getattr__, __dir__ = lazy_exports(__name__, _LAZY_EXPORTS)
