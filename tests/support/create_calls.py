"""Create calls over `httpx.MockTransport`, for counting what they cost: `python create_calls.py HOW_MANY`."""

from __future__ import annotations

import asyncio
import json
import sys

import httpx

from kombo_async import AsyncKomboClient, ats

CANDIDATE = {
    "id": "26vafvWSRmbhNcxJYqjCzuJg",
    "remote_id": "32",
    "first_name": "Frank",
    "last_name": "Doe",
    "company": None,
    "title": None,
    "confidential": False,
    "source": "Kombo",
    "phone_numbers": [],
    "email_addresses": [{"email_address": "frank@example.com", "type": "PRIVATE"}],
    "social_media": [],
    "location": None,
    "custom_fields": None,
    "integration_fields": [],
    "remote_url": None,
    "remote_created_at": "2026-05-19T08:30:00.000Z",
    "remote_updated_at": None,
    "remote_deleted_at": None,
    "changed_at": "2026-05-19T08:30:00.123Z",
    "remote_data": None,
    "tags": [],
    "applications": [],
}
"""What this file has of its own, so that the count changes with the client alone."""

ANSWER = json.dumps({"status": "success", "data": CANDIDATE, "warnings": []}).encode()


async def handler(_: httpx.Request) -> httpx.Response:
    """Kombo's answer."""
    return httpx.Response(200, content=ANSWER, headers={"Content-Type": "application/json"})


async def main() -> None:
    """Make the calls."""
    transport = httpx.MockTransport(handler)
    async with AsyncKomboClient("key", integration_id="greenhouse:1", transport=transport) as kombo:
        for _ in range(int(sys.argv[1])):
            reply = await kombo.ats.create_candidate(
                candidate=ats.CandidateInput(first_name="Frank", last_name="Doe", email_address="frank@example.com"),
                application=ats.CandidateApplicationInput(job_id="BDpgnpZ148nrGh4mYHNxJBgx"),
            )
            reply.unwrap()


if __name__ == "__main__":
    asyncio.run(main())
