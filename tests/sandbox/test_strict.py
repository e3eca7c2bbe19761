"""Unknown fields: accepted and noted, since a newer client may send them, or refused on request."""

from __future__ import annotations

from typing import Any

import pytest

from kombo_async.sandbox import Sandbox
from tests.sandbox.raw_calls import admin, call, error

pytestmark = pytest.mark.anyio

PERSON = {"first_name": "F", "last_name": "D", "email_address": "f@example.com"}


@pytest.mark.parametrize(
    ("query", "more", "unknown"),
    [
        ("?nonsense=1", {}, ["nonsense"]),
        ("", {"nonsense": 1}, ["nonsense"]),
        ("", {"candidate": {**PERSON, "nickname": "x"}}, ["candidate.nickname"]),
        ("", {"candidate": {**PERSON, "location": {"country": "DE", "planet": "E"}}}, ["candidate.location.planet"]),
        (
            "?a=1",
            {"b": 1, "attachments": [{"name": "n", "data": "", "content_type": "a/b", "type": "CV", "size": 3}]},
            ["a", "b", "attachments[0].size"],
        ),
    ],
)
async def test_unknown_fields_are_noted_or_refused(
    sandbox: Sandbox, query: str, more: dict[str, Any], unknown: list[str]
) -> None:
    """Unknown parameters and body fields at any depth are noted, or refused if `strict`."""
    for each in (sandbox, Sandbox(strict=True)):
        job = each.world("greenhouse:HWUTwvyx2wLoSUHphiWVrp28").table("ats_jobs")[0].id
        response = await call(each, "POST", f"/ats/jobs/{job}/applications{query}", json={"candidate": PERSON, **more})
        if each.strict:
            assert error(response)[:2] == (400, "PLATFORM.INPUT_INVALID")
            assert unknown[0].partition(".")[0] in error(response)[2]
            continue
        assert response.status_code == 200, response.text
        (logged,) = each.requests()
        assert logged.unknown == unknown
        assert logged.request is not None
        async with admin(each) as http:
            assert (await http.get("/_sandbox/requests")).json()[0]["unknown"] == unknown


async def test_what_is_wrong_beside_it_is_refused(sandbox: Sandbox) -> None:
    """Faults beside an unknown field are still reported."""
    response = await call(sandbox, "POST", "/ats/candidates", json={"candidate": {**PERSON, "first_name": 1, "x": 2}})
    assert error(response)[0] == 400
    assert "candidate.first_name" in error(response)[2]
    assert sandbox.performed() == []
