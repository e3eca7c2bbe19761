"""A page of 250 records over `httpx.MockTransport`, typed, and by bare httpx: `python pages.py FOLDER NAME`."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
from calls import HEADERS, INTEGRATION

from kombo_async import AsyncKomboClient

ROUNDS = 15


async def seconds(call: Callable[[], Awaitable[Any]]) -> float:
    """Seconds that one call takes."""
    start = time.perf_counter()
    await call()
    return time.perf_counter() - start


async def main() -> None:
    """Measure both in turn; print the seconds of each round."""
    folder, name = Path(sys.argv[1]), sys.argv[2]
    content = (folder / f"{name}.json").read_bytes()
    namespace = "hris" if name == "employees" else "ats"

    async def handler(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=content, headers={"Content-Type": "application/json"})

    transport = httpx.MockTransport(handler)
    async with (
        httpx.AsyncClient(transport=transport, headers=HEADERS) as client,
        AsyncKomboClient("key", transport=transport, integration_id=INTEGRATION) as kombo,
    ):

        async def theirs() -> Any:
            url = f"https://api.kombo.dev/v1/{namespace}/{name}"
            return (await client.get(url, params={"page_size": 250})).json()

        async def ours() -> Any:
            reply = await getattr(getattr(kombo, namespace), f"get_{name}")(page_size=250)
            assert not reply.drift, reply.drift[:3]
            return reply.unwrap()

        both = {"httpx": theirs, "ours": ours}
        for call in both.values():
            await call()
        rounds = [{name: await seconds(call) for name, call in both.items()} for _ in range(ROUNDS)]
    print(json.dumps({name: [each[name] for each in rounds] for name in both}))


if __name__ == "__main__":
    asyncio.run(main())
