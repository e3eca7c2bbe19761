"""The base of the resources (`kombo.ats`, `kombo.hris`, ...)."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from kombo_async.options import Options
from kombo_async.pages import Page, Pages
from kombo_async.request import Request
from kombo_async.response import Response

if TYPE_CHECKING:
    from typing_extensions import deprecated as deprecated

    from kombo_async.client import AsyncKomboClient
else:

    def deprecated(message):
        """Mark what Kombo deprecated (PEP 702) for editors and type checkers. Calls do not warn: they still work."""

        def mark(function):
            function.__deprecated__ = message
            return function

        return mark


T = TypeVar("T")


class Resource:
    """A group of operations: each method builds a request and sends it."""

    def __init__(self, client: AsyncKomboClient) -> None:
        self._client = client

    def _send(self, request: Request[T], options: Options | None) -> Coroutine[Any, Any, Response[T]]:
        return self._client.send(request, **(options or {}))

    def _pages(self, request: Request[Page[T]], options: Options | None) -> Pages[T]:
        return Pages(lambda request: self._send(request, options), request)
