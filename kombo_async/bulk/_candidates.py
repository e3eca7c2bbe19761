"""Looking for people in Kombo's copy by e-mail."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kombo_async import ats
    from kombo_async.client import AsyncKomboClient


async def candidates_by_email(kombo: AsyncKomboClient, email: str) -> AsyncGenerator[ats.Candidate]:
    """All candidates that have this address, in upper or lower case."""
    for address in dict.fromkeys((email, email.lower())):
        async with aclosing(kombo.ats.get_candidates(email=address).items()) as candidates:
            async for candidate in candidates:
                if email.lower() in emails_of(candidate):
                    yield candidate


def emails_of(candidate: ats.Candidate | ats.ApplicationCandidate) -> set[str]:
    """Their addresses, in lower case."""
    known = (each.email_address for each in candidate.email_addresses or ())
    return {each.strip().lower() for each in known if isinstance(each, str)}
