"""A sandbox served over HTTP beside the tests, and the commands run on it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import anyio
import attrs
import click
import pytest
from click.testing import CliRunner, Result

from kombo_async._cli import export, upload
from kombo_async.sandbox import Sandbox, serve

INTEGRATION = "greenhouse:cli"
CREATE = "PostAtsJobsJobIdApplications"


@attrs.frozen
class Shell:
    """Runs commands in a folder, with the settings in the environment."""

    sandbox: Sandbox
    folder: Path
    job_id: str
    environment: dict[str, str]

    def upload(self, *arguments: str, job: bool = True) -> Result:
        """`kombo-async upload`, with the job's ID for all rows."""
        constant = ("--set", f"job_id={self.job_id}") if job else ()
        return self._run(upload.command, *arguments, *constant)

    def export(self, *arguments: str) -> Result:
        """`kombo-async export`."""
        return self._run(export.command, *arguments)

    def write(self, name: str, text: str | bytes) -> str:
        """A file in the folder; gives its path."""
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    @property
    def emails(self) -> list[str]:
        """Whoever has been made an application."""
        return sorted(call.body["candidate"]["email_address"] for call in self.sandbox.performed(CREATE))

    def _run(self, command: click.Command, *arguments: str) -> Result:
        result = CliRunner().invoke(command, arguments, env=self.environment)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result


@pytest.fixture(autouse=True)
def _handlers_of_logging() -> Iterator[None]:
    """The commands quiet the client's logger for their process; the tests after them have it as it was."""
    logger = logging.getLogger("kombo_async")
    before = list(logger.handlers)
    yield
    logger.handlers[:] = before


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A shell with a sandbox of its own."""
    sandbox = Sandbox(candidates=30, jobs=3, integrations=False, allow_duplicates=True)
    sandbox.add_integration(INTEGRATION)
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
        settings = {"KOMBO_BASE_URL": url, "KOMBO_API_KEY": sandbox.api_key, "KOMBO_INTEGRATION_ID": INTEGRATION}
        yield Shell(sandbox, tmp_path, job_id, settings)
    finally:
        over.set()
        thread.join()
