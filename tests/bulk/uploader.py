"""The process that the crash test kills: uploads made-up people with a journal, and prints one line of JSON at its end.

python -m tests.bulk.uploader BASE_URL API_KEY INTEGRATION_ID JOB_ID ROWS JOURNAL [RESEND_AFTER]

RESEND_AFTER is in seconds; without it, nothing that is in doubt is sent again. Ends with 3 if rows are in doubt.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import anyio

from kombo_async import AsyncKomboClient, RetryPolicy, Timeout, ats


def people(count: int, job_id: str) -> Iterator[ats.CreateApplication]:
    """Applications of *count* people, the same ones each time."""
    for number in range(count):
        person = ats.CandidateInput(
            first_name="Ada", last_name=f"Lovelace {number}", email_address=f"ada.{number}@example.com"
        )
        yield ats.CreateApplication(job_id=job_id, candidate=person)


async def upload(
    base_url: str,
    api_key: str,
    integration_id: str,
    job_id: str,
    count: str,
    journal: str,
    resend_after: str | None = None,
) -> int:
    """Upload them, as far as it goes; gives the exit code."""
    word = timedelta(seconds=float(resend_after)) if resend_after else None
    tally = Counter[str]()
    client = AsyncKomboClient(
        api_key,
        base_url=base_url,
        integration_id=integration_id,
        retry=RetryPolicy(attempts=6, initial_delay=0.02, max_delay=0.2),
        timeout=Timeout(action=2.0, read=10.0),
    )
    async with client as kombo:
        rows = people(int(count), job_id)
        async for outcome in kombo.bulk(rows, journal=journal, resend_after=word, settle_wait=10):
            tally[outcome.result] += 1
            tally["earlier"] += outcome.earlier
            tally["found"] += outcome.entry.proof == "look"
    sys.stdout.write(json.dumps(tally))
    return 3 if tally["in_doubt"] else 0


def main(arguments: list[Any]) -> None:
    """Run it."""
    sys.exit(anyio.run(upload, *arguments))


if __name__ == "__main__":
    main(sys.argv[1:])
