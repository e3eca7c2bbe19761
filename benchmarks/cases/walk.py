"""Reading 100,000 employees over loopback, page by page: `python walk.py KIND BASE_URL`, KIND `httpx` or `ours`.

Prints the seconds that it took, and by how many MB memory grew between the 20th page and the last.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import httpx
from calls import HEADERS, INTEGRATION

from kombo_async import AsyncKomboClient

WARM = 20 * 250


def resident() -> float:
    """Resident memory of this process, in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


class Count:
    """Counts employees, and watches memory as they come."""

    def __init__(self) -> None:
        self.employees = 0
        self.warm = 0.0

    def one(self) -> None:
        """Another employee has come."""
        self.employees += 1
        if self.employees == WARM:
            self.warm = resident()


async def theirs(base_url: str, count: Count) -> None:
    """One page after the other by bare httpx."""
    async with httpx.AsyncClient(headers=HEADERS) as client:
        cursor: dict[str, str] = {}
        while True:
            response = await client.get(f"{base_url}/hris/employees", params={"page_size": "250", **cursor})
            data = response.json()["data"]
            for _ in data["results"]:
                count.one()
            if data["next"] is None:
                return
            cursor = {"cursor": data["next"]}


async def ours(base_url: str, count: Count) -> None:
    """All of them, typed, by `.items()`."""
    async with AsyncKomboClient("key", base_url=base_url, integration_id=INTEGRATION) as kombo:
        async for _ in kombo.hris.get_employees(page_size=250).items():
            count.one()


async def main() -> None:
    """Measure and print."""
    count = Count()
    start = time.perf_counter()
    await {"httpx": theirs, "ours": ours}[sys.argv[1]](sys.argv[2], count)
    assert count.employees == 100_000, count.employees
    print(json.dumps({"seconds": time.perf_counter() - start, "grown": resident() - count.warm}))


if __name__ == "__main__":
    asyncio.run(main())
