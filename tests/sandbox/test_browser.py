"""The page in a real browser: Chromium without a window, which runs the page's own script."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import anyio
import pytest

from kombo_async.sandbox import Sandbox, serve
from kombo_async.sandbox.defaults import GREENHOUSE
from tests.sandbox.test_recruiting import create

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SHOTS = os.environ.get("KOMBO_SCREENSHOTS")
"""A folder for screenshots, for people to look at."""

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]


@pytest.fixture
def anyio_backend() -> Any:
    """uvicorn runs on asyncio."""
    return "asyncio", {"use_uvloop": False}


async def browse(url: str, profile: Path, *arguments: str) -> str:
    """What stands in the page after its script has run for some seconds."""
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
    command += ["--window-size=1400,1500", "--hide-scrollbars", "--virtual-time-budget=3000", *arguments, url]
    with anyio.fail_after(60):
        done = await anyio.run_process(command, check=False)
    return done.stdout.decode()


async def test_the_page_draws_itself_and_opens_a_call(sandbox: Sandbox, tmp_path: Path) -> None:
    """Integrations, calls and candidates come by the script; a link to a call opens its bodies."""
    (await create(sandbox.client(GREENHOUSE), sandbox)).unwrap()
    async with serve(sandbox) as url:
        root = url.removesuffix("v1")
        page = await browse(f"{root}#call-1", tmp_path, "--dump-dom")
        if SHOTS:
            for name, address in (("page", root), ("call", f"{root}#call-1")):
                await browse(address, tmp_path, f"--screenshot={Path(SHOTS) / name}.png")
    assert page.count("<tr data-open=") == 1
    assert "QA failed" in page
    assert "frank@example.com" in page
    assert "Call 1: PostAtsCandidates" in page
    assert '<dialog id="details" aria-label="Call" open="">' in page
    assert 'class="shown"' not in page
