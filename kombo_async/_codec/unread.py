"""Requests for pages whose records stay JSON: nothing of them is lost, and nothing is decoded in vain."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

import msgspec

from kombo_async.model import field_names
from kombo_async.pages import Page
from kombo_async.request import Request, data_type


def unread(request: Request[Any], **changes: Any) -> Request[Page[Any]]:
    """*request* with *changes*, for pages whose records are `msgspec.Raw`.

    Records of a page that msgspec cannot read (NaN, lone surrogates) are plain data.
    """
    fields = {name: getattr(request, name) for name in field_names(type(request))}
    cls: Any = _unread(cast("Any", type(request)))
    result: Request[Page[Any]] = cls(**(fields | changes))
    return result


def is_unread(request: type[Request[Any]]) -> bool:
    """Whether records in the responses to *request* stay JSON."""
    return bool(data_type(request) == Page[msgspec.Raw])


@cache
def _unread(request: Any) -> Any:
    """A request class like *request* whose records stay JSON."""
    bases = (Request[Page[msgspec.Raw]],)
    return type(request)(f"Raw{request.__name__}", (request,), {"__slots__": (), "__orig_bases__": bases})
