"""Who is calling, and which customer's system is meant."""

from __future__ import annotations

from typing import Any, NoReturn

import attrs

from kombo_async._codec.encode import check_header
from kombo_async.middleware import Call, Next
from kombo_async.response import Response


class Auth:
    """Adds the API key, and the integration where the operation needs one."""

    def __init__(self, api_key: str) -> None:
        self._authorization = f"Bearer {check_header('api_key', api_key)}"

    def __repr__(self) -> str:
        return "Auth(api_key=...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a client holds an API key: it is neither pickled nor copied deeply; make one where you need it"
        )

    async def __call__(self, call: Call, call_next: Next) -> Response[Any]:
        """Answer *call* with the headers added."""
        return await call_next(attrs.evolve(call, headers=self._headers(call)))

    def _headers(self, call: Call) -> dict[str, str]:
        """Made apart, so that the frames of a call under way, which tracebacks may print, do not hold the key."""
        headers = {**call.headers, "Authorization": self._authorization}
        if call.operation.integration and call.integration_id is not None:
            headers["X-Integration-Id"] = call.integration_id
        return headers
