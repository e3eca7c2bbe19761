"""Who is calling, and which customer's system is meant."""

from __future__ import annotations

from typing import Any

import attrs

from kombo_async.encode import check_header
from kombo_async.middleware import Call, Next
from kombo_async.response import Response


class Auth:
    """Adds the API key, and the integration where the operation needs one."""

    def __init__(self, api_key: str) -> None:
        self._authorization = f"Bearer {check_header('api_key', api_key)}"

    def __repr__(self) -> str:
        return "Auth(api_key=...)"

    async def __call__(self, call: Call, call_next: Next) -> Response[Any]:
        """Answer *call* with the headers added."""
        headers = {**call.headers, "Authorization": self._authorization}
        if call.operation.integration and call.integration_id is not None:
            headers["X-Integration-Id"] = call.integration_id
        return await call_next(attrs.evolve(call, headers=headers))
