"""Lists that show something else than the sandbox has: a connected system, or a copy, with habits of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx

from kombo_async import AsyncKomboClient, RetryPolicy
from kombo_async.sandbox import BASE_URL, Sandbox, SandboxTransport
from tests.bulk.conftest import INTEGRATION

Change = Callable[[list[Any]], list[Any]]


class Altered(SandboxTransport):
    """The sandbox, with each answer to a list changed, and whole answers to creates if *answer* gives one."""

    def __init__(
        self, sandbox: Sandbox, change: Change = list, answer: Callable[[], httpx.Response | None] = lambda: None
    ) -> None:
        super().__init__(sandbox)
        self._change = change
        self._answer = answer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer *request*."""
        response = await super().handle_async_request(request)
        date = response.headers.get("date", "")
        if request.method == "GET" and response.is_success and b'"results"' in response.content:
            answer = json.loads(response.content)
            answer["data"]["results"] = self._change(answer["data"]["results"])
            return httpx.Response(200, json=answer, headers={"date": date}, request=request)
        if request.method == "POST":
            return self._answer() or response
        return response


def client(sandbox: Sandbox, change: Change = list, **settings: Any) -> AsyncKomboClient:
    """A client of *sandbox* whose lists are changed so."""
    return AsyncKomboClient(
        sandbox.api_key,
        integration_id=INTEGRATION,
        transport=Altered(sandbox, change, **settings),
        base_url=BASE_URL,
        clock=sandbox.clock if sandbox.clock.is_virtual else None,
        retry=RetryPolicy.none(),
    )


def people(records: list[Any]) -> list[dict[str, Any]]:
    """The candidates in a list: the records themselves, or the candidates of applications."""
    return [each.get("candidate", each) for each in records]


def applications(records: list[Any]) -> list[dict[str, Any]]:
    """The applications in a list: the records themselves, or those of candidates."""
    return [one for each in records for one in each.get("applications", [each])]
