"""The create call over `httpx.MockTransport`, and bare httpx's: `python hot.py FOLDER`. Seconds a call, in turn."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import httpx
from calls import Call, calling

CALLS = 300
ROUNDS = 7


async def seconds(call: Call) -> float:
    """Seconds that one call takes, as a mean of many."""
    start = time.perf_counter()
    for _ in range(CALLS):
        await call()
    return (time.perf_counter() - start) / CALLS


async def main() -> None:
    """Measure both in turn; print the seconds of each round."""
    content = (Path(sys.argv[1]) / "create.json").read_bytes()
    base_url = "https://api.kombo.dev/v1"

    async def handler(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=content, headers={"Content-Type": "application/json"})

    transport = httpx.MockTransport(handler)
    async with (
        calling("httpx", base_url, transport=transport) as theirs,
        calling("ours", base_url, transport=transport) as ours,
    ):
        both = {"httpx": theirs, "ours": ours}
        for call in both.values():
            await seconds(call)
        rounds = [{name: await seconds(call) for name, call in both.items()} for _ in range(ROUNDS)]
    print(json.dumps({name: [each[name] for each in rounds] for name in both}))


if __name__ == "__main__":
    asyncio.run(main())
