"""Creates per second over loopback: `python throughput.py KIND BASE_URL DEFAULT_CONCURRENCY SECONDS`."""

from __future__ import annotations

import asyncio
import json
import sys
import time

from calls import Call, calling


async def creates(call: Call, at_once: int, seconds: float) -> int:
    """How many calls *at_once* tasks finish in *seconds*."""
    end = time.perf_counter() + seconds
    done = 0

    async def worker() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await call()
            done += 1

    await asyncio.gather(*(worker() for _ in range(at_once)))
    return done


async def main() -> None:
    """Warm up, measure and print calls a second."""
    kind, base_url, at_once, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    async with calling(kind, base_url) as call:
        await call()
        await creates(call, at_once, seconds / 4)
        start = time.perf_counter()
        done = await creates(call, at_once, seconds)
        print(json.dumps(done / (time.perf_counter() - start)))


if __name__ == "__main__":
    asyncio.run(main())
