"""An independent tool, schemathesis, makes calls from the OpenAPI document and finds no answer outside of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

from kombo_async.sandbox import Sandbox, default_id, serve
from tests.support.schemas import document

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(find_spec("schemathesis") is None, reason="needs schemathesis: pip install schemathesis"),
]

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# Each part of the API needs an integration that can do it, else all it would see are refusals.
PARTS = {
    "ats": ("^/ats/(?!custom)", "greenhouse"),
    "hris": ("^/hris/", "workday"),
    "lms": ("^/lms/", "docebo"),
    "assessment": ("^/assessment/", "icims"),
    "ai-apply and connect": ("^/(ai-apply|connect)/", "greenhouse"),
    "general": ("^/(check-api-key|force-sync|passthrough|integrations|tools)", "greenhouse"),
    "datev": ("^/custom/datev/", "datev"),
    "silae": ("^/custom/silae/", "silae"),
    "avionte": ("^/ats/custom/avionte/", "avionte"),
}


@pytest.fixture(scope="module")
def anyio_backend() -> Any:
    """uvicorn runs on asyncio."""
    return "asyncio", {"use_uvloop": False}


@pytest.fixture(scope="module")
async def url() -> AsyncIterator[str]:
    """The address of a sandbox for all parts."""
    async with serve(Sandbox(employees=20)) as address:
        yield address


@pytest.mark.parametrize("part", PARTS)
async def test_no_answer_is_outside_of_the_document(url: str, tmp_path: Path, part: str) -> None:
    """Whatever is sent, the response matches the document, and none is a 5xx."""
    paths, tool = PARTS[part]
    (tmp_path / "openapi.json").write_text(json.dumps(document()))
    command = [sys.executable, "-m", "schemathesis.cli", "run", "openapi.json", "--url", url, "--checks", CHECKS]
    command += ["-H", "Authorization: Bearer sandbox-key", "-H", f"X-Integration-Id: {default_id(tool)}"]
    command += ["--include-path-regex", paths, "--phases", "fuzzing", "-n", "5", "--seed", "1"]
    # It cannot make lines of JSON; the conformance test calls that operation.
    command += ["--exclude-path-regex", "bulk-import$"]
    command += ["--suppress-health-check", "all", "--no-color", "--generation-database", "none"]
    done = await anyio.to_thread.run_sync(
        lambda: subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=100)
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
