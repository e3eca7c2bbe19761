"""The commands of `kombo-async` as a user runs them: in their own process, against a sandbox over HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from rich.console import Console

from kombo_async._cli.console import echo
from kombo_async._cli.demo.people import make_candidates
from kombo_async._cli.demo.upload import run
from kombo_async.sandbox import Sandbox, serve

GREENHOUSE = "greenhouse:for-tests"


async def _kombo(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "kombo_async", *arguments]
    return await anyio.run_process(command, env={**os.environ, **environment}, check=False)


@pytest.fixture
def anyio_backend() -> str:
    """The commands run in processes of their own, so one loop is enough here."""
    return "asyncio"


@pytest.mark.anyio
async def test_help_names_every_command() -> None:
    """--help lists every command."""
    done = await _kombo("--help")
    assert done.returncode == 0
    assert all(name in done.stdout.decode() for name in ("demo", "check", "sandbox"))


@pytest.mark.anyio
async def test_wrong_use_exits_with_2() -> None:
    """A command that does not exist, and a check without a key, say so and exit with 2."""
    assert (await _kombo("no-such-command")).returncode == 2
    done = await _kombo("check")
    assert done.returncode == 2
    assert b"KOMBO_API_KEY" in done.stderr


@pytest.mark.anyio
async def test_check_tells_good_from_bad() -> None:
    """`check` exits with 0 for a key and an integration that work, and with 1 and the reason for others."""
    sandbox = Sandbox(seed=1)
    sandbox.add_integration(GREENHOUSE)
    async with serve(sandbox) as url:
        good = {"KOMBO_BASE_URL": url, "KOMBO_API_KEY": sandbox.api_key}
        done = await _kombo("check", "--integration", GREENHOUSE, "--json", **good)
        result = json.loads(done.stdout)
        assert (done.returncode, result["ok"], result["category"]) == (0, True, "ATS")

        done = await _kombo("check", "--integration", "greenhouse:no-such", "--json", **good)
        assert (done.returncode, "problem" in json.loads(done.stdout)) == (1, True)

        done = await _kombo("check", **(good | {"KOMBO_API_KEY": "a-wrong-key"}))
        assert done.returncode == 1
        assert b"a-wrong-key" not in done.stdout + done.stderr


def test_lines_act_on_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Text from a server cannot control the terminal."""
    echo("one\x1b[2J\n\ttwo \u00e9")
    assert capsys.readouterr().out == "one\\x1b[2J\\n\ttwo \u00e9\n"


@pytest.mark.anyio
async def test_demo_uploads_everything_once() -> None:
    """The demo waits for both first syncs, uploads, compares, and exits with 0."""
    done = await _kombo("demo", "--candidates", "30", "--sync-seconds", "0.6")
    output = done.stdout.decode()
    assert done.returncode == 0, output
    assert "503" in output
    assert "409" in output
    assert "All 30 candidates arrived exactly once" in output


@pytest.mark.anyio
async def test_demo_notices_what_did_not_arrive(tmp_path: Path) -> None:
    """A refused candidate, and one that the sandbox loses after accepting it, make the demo fail."""
    table, _ = make_candidates(tmp_path, 12, seed=3)
    sandbox = Sandbox(seed=1, candidates=0)
    sandbox.add_integration(GREENHOUSE)
    sandbox.faults.add(operation="PostAtsJobsJobIdApplications", status=400, code="REMOTE.INPUT_INVALID", times=1)
    console = Console(file=(tmp_path / "output").open("w"), width=200)
    async with serve(sandbox) as url:
        assert not await run(console, url, sandbox.api_key, [GREENHOUSE], table)
    console.file.close()
    output = (tmp_path / "output").read_text()
    assert "11 uploaded" in output
    assert "1 failed" in output
    assert "REMOTE.INPUT_INVALID" in output
