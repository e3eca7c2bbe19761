"""A list of candidates over three pages, as a server gives it."""

from __future__ import annotations

from typing import Any

import httpx

from kombo_async import Pages, ats
from tests.support.wire import CANDIDATE, page


class Lists:
    """A list of three pages, `a` to `f`, and what was asked of it."""

    def __init__(self, **answers: httpx.Response) -> None:
        self.asked: list[str | None] = []
        self.answers: dict[str, httpx.Response] = {
            "first": page(candidate("a"), candidate("b"), next="c2"),
            "c2": page(candidate("c"), candidate("d"), next="c3"),
            "c3": page(candidate("e"), candidate("f")),
            **answers,
        }

    def __call__(self, request: httpx.Request) -> httpx.Response:
        cursor = request.url.params.get("cursor")
        self.asked.append(cursor)
        answer = self.answers[cursor or "first"]
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def candidate(id: str) -> dict[str, Any]:
    return {**CANDIDATE, "id": id}


async def ids(pages: Pages[ats.Candidate], found: list[str] | None = None) -> list[str]:
    """The IDs of all records, added one by one so that those before a failure are seen."""
    found = [] if found is None else found
    async for each in pages.items():
        found.append(each.id)
    return found
