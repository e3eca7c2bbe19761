"""Calls without our client, byte for byte as others send them."""

from __future__ import annotations

from typing import Any

import httpx

from kombo_async.sandbox import GREENHOUSE, Sandbox, SandboxTransport

ROOT = "http://sandbox.localhost"


async def call(
    sandbox: Sandbox, method: str, path: str, *, integration: str = GREENHOUSE, **options: Any
) -> httpx.Response:
    """Send a request to the API, *path* as it stands."""
    headers = {
        "Authorization": f"Bearer {sandbox.api_key}",
        "X-Integration-Id": integration,
        **options.pop("headers", {}),
    }
    async with httpx.AsyncClient(transport=SandboxTransport(sandbox)) as http:
        return await http.request(method, f"{ROOT}/v1{path}", headers=headers, **options)


def ids(response: httpx.Response) -> list[str]:
    """The IDs on a page."""
    assert response.status_code == 200, response.text
    return [each["id"] for each in response.json()["data"]["results"]]


def error(response: httpx.Response) -> tuple[int, str | None, str]:
    """Status, code and message of a refusal."""
    plain = response.json()["error"]
    return response.status_code, plain["code"], plain["message"]


def admin(sandbox: Sandbox) -> httpx.AsyncClient:
    """A client of the page and of `/_sandbox`."""
    return httpx.AsyncClient(transport=SandboxTransport(sandbox), base_url=ROOT)
