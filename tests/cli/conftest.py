"""A sandbox over HTTP for each module of tests, and the installed command run against it."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest

from kombo_async.sandbox import Sandbox, serve
from tests.cli.forked import run_command

INTEGRATION = "greenhouse:cli"
OTHER_INTEGRATION = "lever:cli"
CREATE = "PostAtsJobsJobIdApplications"
_MODULES = (
    "upload export check operations console __main__ reading.delimited reading.workbook reading.json_values report"
)
_FORKS: Any = multiprocessing.get_context("forkserver" if hasattr(os, "fork") else "spawn")
_FORKS.set_forkserver_preload(
    [*(f"kombo_async._cli.{name}" for name in _MODULES.split()), "kombo_async.ats.resource", "kombo_async.bulk"]
)


@attrs.frozen
class Done:
    """A command that has ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        """All that it printed."""
        return self.stdout + self.stderr


@attrs.frozen
class Shell:
    """Runs commands in a folder, with the settings in the environment."""

    sandbox: Sandbox
    folder: Path
    job_id: str
    environment: dict[str, str]

    def run(self, *arguments: str, **environment: str) -> Done:
        """Run `kombo-async` in its own process, forked from one that has the modules loaded already."""
        out, err = self.folder.parent / "stdout", self.folder.parent / "stderr"
        settings = {**self.environment, **environment}
        process = _FORKS.Process(
            target=run_command, args=(list(arguments), str(self.folder), settings, str(out), str(err))
        )
        process.start()
        process.join(60)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise AssertionError(f"{arguments} did not end: {err.read_text('utf-8', 'replace')}")
        return Done(process.exitcode, out.read_text("utf-8", "replace"), err.read_text("utf-8", "replace"))

    def upload(self, *arguments: str, job: bool = True, **environment: str) -> Done:
        """`kombo-async upload`, with the job's ID for all rows."""
        constant = ("--set", f"job_id={self.job_id}") if job else ()
        return self.run("upload", *arguments, *constant, **environment)

    def export(self, *arguments: str) -> Done:
        """`kombo-async export`."""
        return self.run("export", *arguments)

    def popen(self, *arguments: str, **settings: Any) -> subprocess.Popen[bytes]:
        """The installed script, for tests of signals and pipes."""
        command = [str(Path(sys.executable).with_name("kombo-async")), *arguments]
        environment = {**os.environ, **self.environment, **settings.pop("environment", {})}
        given: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": self.folder, **settings}
        return subprocess.Popen(command, env=environment, **given)

    def write(self, name: str, text: str | bytes) -> str:
        """Write a file in the folder; returns its path."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    @property
    def bodies(self) -> list[Any]:
        """The bodies of all applications that were created in this test."""
        return [call.body for call in self.sandbox.performed(CREATE)]

    @property
    def emails(self) -> list[str]:
        """The people who have an application."""
        return sorted(body["candidate"]["email_address"] for body in self.bodies)

    def wait_for(self, happened: Callable[[], bool], seconds: float = 30) -> None:
        """Wait until something is true."""
        deadline = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < deadline, "it did not happen"
            time.sleep(0.01)

    def job(self, number: int, integration: str = INTEGRATION) -> Any:
        """An open job of the sandbox, as it is stored."""
        table = self.sandbox.world(integration).table("ats_jobs")
        return [row for row in table if row.data["status"] == "OPEN"][number]

    def rename_job(self, job: Any, name: str) -> None:
        """Give a job of the sandbox another name."""
        self.sandbox.world(INTEGRATION).change("ats_jobs", job, name=name)

    def lines(self, name: str) -> list[Any]:
        """The JSON lines of a file in the folder."""
        return [json.loads(line) for line in (self.folder / name).read_text().splitlines()]


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Sandbox, str, str]]:
    """A sandbox, its address, and an open job of it."""
    sandbox = Sandbox(candidates=30, jobs=3, integrations=False, allow_duplicates=True)
    sandbox.add_integration(INTEGRATION)
    sandbox.add_integration(OTHER_INTEGRATION)
    job_id = next(row.id for row in sandbox.world(INTEGRATION).table("ats_jobs") if row.data["status"] == "OPEN")
    url = ""
    ready, over = threading.Event(), threading.Event()

    async def run() -> None:
        nonlocal url
        async with serve(sandbox) as url:
            ready.set()
            await anyio.to_thread.run_sync(over.wait)

    thread = threading.Thread(target=anyio.run, args=(run,))
    thread.start()
    try:
        assert ready.wait(10)
        yield sandbox, url, job_id
    finally:
        over.set()
        thread.join()


@pytest.fixture
def shell(served: tuple[Sandbox, str, str], tmp_path: Path) -> Shell:
    """A shell in its own folder; the sandbox has no faults, and an empty request log."""
    sandbox, url, job_id = served
    folder = tmp_path / "work"
    folder.mkdir()
    sandbox.faults.clear()
    sandbox.set_latency(actions=0)
    sandbox.request_log.clear()
    sandbox.clock.advance(60)  # what other tests made cannot be taken for what this one makes
    sandbox.integration(INTEGRATION).active = True
    settings = {"KOMBO_BASE_URL": url, "KOMBO_API_KEY": sandbox.api_key, "KOMBO_INTEGRATION_ID": INTEGRATION}
    return Shell(sandbox, folder, job_id, settings)
