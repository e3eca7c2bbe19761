"""Files that came in, as a browser gets them: some open by themselves, none runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from kombo_async import ats
from kombo_async.sandbox import GREENHOUSE, Sandbox
from kombo_async.sandbox._page.admin_api import control_routes
from tests.sandbox.raw_calls import admin
from tests.sandbox.test_recruiting import create

pytestmark = pytest.mark.anyio

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(
    ("name", "kind", "opens"),
    [
        ("cv.pdf", "application/pdf", True),
        ("cv.txt", "text/plain", True),
        ("cv.html", "text/html", False),
        ("cv.svg", "image/svg.xml", False),
        ("cv.pdf", "TEXT/HTML", False),
        ("cv.txt", "text/plain.html", False),
    ],
)
async def test_only_what_cannot_run_is_opened(sandbox: Sandbox, name: str, kind: Any, opens: bool) -> None:
    """Only types that cannot run are opened in the browser; everything else is downloaded."""
    kombo = sandbox.client(GREENHOUSE)
    file = ats.AttachmentInput.from_bytes(b"<script>alert(1)</script>", name, type="OTHER", content_type=kind)
    created = (await create(kombo, sandbox, attachments=[file])).unwrap()
    (kept,) = (await kombo.ats.get_candidate_attachments(created.id)).unwrap().results
    async with admin(sandbox) as http:
        plain, opened = [await http.get(f"{kept.data_url}{query}") for query in ("", "?open")]
    assert plain.headers["content-disposition"].startswith("attachment")
    assert opened.headers["content-disposition"].startswith("inline" if opens else "attachment")
    assert opened.headers["x-content-type-options"] == "nosniff"
    if opens and kind != "application/pdf":
        assert opened.headers["content-security-policy"].startswith("sandbox")


def test_the_docs_name_the_doors_that_there_are(sandbox: Sandbox) -> None:
    """Each path of `/_sandbox` in the docs leads somewhere, and none is missing there."""
    text = (DOCS / "sandbox.md").read_text("utf-8")
    routes = control_routes(sandbox)
    named = {path.partition("?")[0] for path in re.findall(r"/_sandbox/[\w/<>?=&]*", text)}
    for path in named:
        assert any(route.path_regex.match(path) for route in routes), path
    for route in routes:
        first = route.path.split("/")[2]
        assert any(path.startswith(f"/_sandbox/{first}") for path in named), route.path
