"""Headers for who is calling and for which customer's system."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any, NoReturn, TypeAlias

import attrs

from kombo_async._codec.encode import check_header
from kombo_async._codec.secret_checks import checked
from kombo_async.middleware import Call, Next
from kombo_async.response import Response

APIKey: TypeAlias = str | Callable[[], str | Awaitable[str]]
"""An API key, or a function that returns the current one; called before each attempt."""


class Auth:
    """Adds the API key, and the integration if the operation needs one."""

    def __init__(self, authorization: str | Callable[[], str | Awaitable[str]]) -> None:
        self._authorization = authorization

    @classmethod
    def of(cls, api_key: APIKey | None) -> Auth | ValueError:
        """The step for *api_key*, or the error to raise, where no frame holds the key."""
        if not api_key:
            return ValueError("api_key: pass the API key from Kombo's dashboard, or set KOMBO_API_KEY")
        if not isinstance(api_key, str):
            return cls(api_key)
        return _why_not(api_key) or cls(f"Bearer {api_key}")

    def __repr__(self) -> str:
        return "Auth(api_key=...)"

    def __reduce__(self) -> NoReturn:
        not_to_be_copied()

    def __call__(self, call: Call, call_next: Next) -> Awaitable[Response[Any]]:
        """Answer *call* with the headers added. Raises `ValueError` for a key that cannot be sent."""
        if isinstance(self._authorization, str):
            return call_next(attrs.evolve(call, headers=_headers(call, self._authorization)))
        return self._with_current_key(call, call_next)

    async def _with_current_key(self, call: Call, call_next: Next) -> Response[Any]:
        with_key = await self._asked(call)
        if isinstance(with_key, ValueError):
            raise with_key
        return await call_next(with_key)

    async def _asked(self, call: Call) -> Call | ValueError:
        """Add the current key to *call*. A separate function, so the frames of a call in flight do not hold the key."""
        ask: Any = self._authorization
        api_key: object = ask()
        if isawaitable(api_key):
            api_key = await api_key
        if not isinstance(api_key, str):
            return ValueError("api_key: the function must return a string")
        return _why_not(api_key) or attrs.evolve(call, headers=_headers(call, f"Bearer {api_key}"))


def _headers(call: Call, authorization: str) -> dict[str, str]:
    """A separate function: the frames of a call in flight, which tracebacks may print, do not hold the key."""
    headers = {**call.headers, "Authorization": authorization}
    if call.operation.integration and call.integration_id is not None:
        headers["X-Integration-Id"] = call.integration_id
    return headers


def _why_not(api_key: str) -> ValueError | None:
    result = checked(check_header, "api_key", api_key)
    return result if isinstance(result, ValueError) else None


def not_to_be_copied() -> NoReturn:
    """Refuse to pickle or deep-copy an object that holds an API key."""
    raise TypeError("a client holds an API key and cannot be pickled or deep-copied; create one where you need it")
