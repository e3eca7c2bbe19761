"""Adding a 2 MB file to a candidate over loopback: `python attachment.py FOLDER BASE_URL`. Seconds a call, in turn.

Ours reads it from its path and encodes it; bare httpx has its base64 in memory already.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any

import httpx
from calls import HEADERS, INTEGRATION

from kombo_async import AsyncKomboClient, ats

SIZE = 2_000_000
CALLS = 5
ROUNDS = 9


async def seconds(call: Callable[[], Awaitable[Any]]) -> float:
    """Seconds that one call takes, as a mean of some."""
    start = time.perf_counter()
    for _ in range(CALLS):
        await call()
    return (time.perf_counter() - start) / CALLS


async def main() -> None:
    """Measure both in turn; print the seconds of each round."""
    folder, base_url = Path(sys.argv[1]), sys.argv[2]
    path = folder / "cv.pdf"
    path.write_bytes(Random(0).randbytes(SIZE))
    encoded = base64.b64encode(path.read_bytes()).decode()
    async with (
        httpx.AsyncClient(headers=HEADERS, timeout=60) as client,
        AsyncKomboClient("key", base_url=base_url, integration_id=INTEGRATION) as kombo,
    ):

        async def theirs() -> Any:
            file = {"name": "cv.pdf", "content_type": "application/pdf", "data": encoded, "type": "CV"}
            response = await client.post(f"{base_url}/ats/candidates/26vafvWS/attachments", json={"attachment": file})
            return response.json()

        async def ours() -> Any:
            file = ats.AttachmentInput.from_path(path, type="CV")
            return (await kombo.ats.add_candidate_attachment("26vafvWS", attachment=file)).unwrap()

        both = {"httpx": theirs, "ours": ours}
        for call in both.values():
            await seconds(call)
        rounds = [{name: await seconds(call) for name, call in both.items()} for _ in range(ROUNDS)]
    print(json.dumps({name: [each[name] for each in rounds] for name in both}))


if __name__ == "__main__":
    asyncio.run(main())
