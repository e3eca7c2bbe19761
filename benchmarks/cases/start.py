"""How a process starts: `python start.py WHAT BASE_URL`, with as few imports of its own as can be.

`nothing`, `import-httpx`, `import-ours` (and a client), `create-httpx`, `create-ours`, `create-official` (the first
create finished). Prints seconds since this file began to run, seconds of the create alone, and resident MB, as JSON.
"""

import sys
from time import perf_counter

start = perf_counter()
what, base_url = sys.argv[1], sys.argv[2]
of_call = 0.0

if what == "import-httpx":
    import httpx
elif what == "import-ours":
    from kombo_async import AsyncKomboClient

    AsyncKomboClient("key", base_url=base_url)
elif what == "create-httpx":
    import asyncio

    import httpx

    async def main() -> float:
        async with httpx.AsyncClient() as client:
            begin = perf_counter()
            payload = {"candidate": {"first_name": "Frank", "last_name": "Doe", "email_address": "frank@example.com"}}
            (await client.post(f"{base_url}/ats/candidates", json=payload)).json()
            return perf_counter() - begin

    of_call = asyncio.run(main())
elif what == "create-ours":
    import asyncio

    from kombo_async import AsyncKomboClient, ats

    async def main() -> float:
        async with AsyncKomboClient("key", base_url=base_url, integration_id="greenhouse:1") as kombo:
            begin = perf_counter()
            reply = await kombo.ats.create_candidate(
                candidate=ats.CandidateInput(first_name="Frank", last_name="Doe", email_address="frank@example.com"),
                application=ats.CandidateApplicationInput(job_id="BDpgnpZ148nrGh4mYHNxJBgx"),
            )
            reply.unwrap()
            return perf_counter() - begin

    of_call = asyncio.run(main())
elif what == "create-official":
    import asyncio

    from kombo import Kombo

    async def main() -> float:
        async with Kombo(api_key="key", integration_id="greenhouse:1", server_url=base_url) as client:
            begin = perf_counter()
            await client.ats.create_candidate_async(
                candidate={"first_name": "Frank", "last_name": "Doe", "email_address": "frank@example.com"},
                application={"job_id": "BDpgnpZ148nrGh4mYHNxJBgx"},
            )
            return perf_counter() - begin

    of_call = asyncio.run(main())

total = perf_counter() - start
with open("/proc/self/statm") as statm:
    resident = int(statm.read().split()[1]) * 4096 / 1e6
print(f'{{"total": {total}, "call": {of_call}, "resident": {resident}}}')
