"""Every block of Python in the documentation can be pasted into a typed project, and runs."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.from_thread import start_blocking_portal

from kombo_async import AsyncKomboClient
from kombo_async.sandbox import GREENHOUSE, Sandbox, default_id, serve
from tests.docs.pages import ROOT, Block, blocks

PYTHON = blocks("python")
LONG_ENOUGH = 3.0
"""Seconds after which a function that still runs has shown that it can."""
NOT_STRICT = "--disable-error-code=import-untyped"


def test_code_is_typed(tmp_path: Path) -> None:
    """Each block stands on its own, and passes mypy in strict mode."""
    for block in PYTHON:
        (tmp_path / f"{block.module}.py").write_text(block.text)
    check = [sys.executable, "-m", "mypy", "--strict", NOT_STRICT, "--config-file", str(ROOT / "pyproject.toml"), "."]
    run = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    """A sandbox over HTTP, for programs that make a client of their own."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(serve(Sandbox(api_key="your-api-key"))) as url,
    ):
        yield url


@pytest.mark.parametrize("page", sorted({each.page for each in PYTHON}), ids=lambda page: page.name)
def test_code_runs(page: Path, base_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block is executed, in a folder of its page; each async function whose parameters we have is called."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cv.pdf").write_bytes(b"%PDF-1.7 A CV.")
    for block in PYTHON:
        if block.page == page and not block.is_test and not block.needs_a_server:
            with _environment(KOMBO_BASE_URL=base_url, KOMBO_API_KEY="your-api-key", KOMBO_INTEGRATION_ID=GREENHOUSE):
                _run(block)


def _run(block: Block) -> None:
    names: dict[str, Any] = {"__name__": "docs"}
    exec(compile(block.text, block.name, "exec"), names)
    for function in [
        each for each in names.values() if inspect.iscoroutinefunction(each) and each.__module__ == "docs"
    ]:
        anyio.run(_call, function)


async def _call(function: Any) -> None:
    sandbox = Sandbox(virtual_time=True)
    kombo = sandbox.client(GREENHOUSE)
    given = await _parameters(kombo, sandbox)
    wanted = [each for each in inspect.signature(function).parameters.values() if each.default is each.empty]
    if all(each.name in given for each in wanted):
        with anyio.move_on_after(LONG_ENOUGH):  # some run for as long as an app does
            await function(**{each.name: given[each.name] for each in wanted})


async def _parameters(kombo: AsyncKomboClient, sandbox: Sandbox) -> dict[str, Any]:
    """What functions of the documentation may ask for, by the names of their parameters."""
    job = (await kombo.ats.get_jobs(statuses=["OPEN"])).unwrap().results[0]
    application = (await kombo.ats.get_applications()).unwrap().results[0]
    assert application.candidate is not None
    return {
        "kombo": kombo,
        "customer": kombo.for_integration(default_id("workday")),
        "integration_id": GREENHOUSE,
        "sandbox": sandbox,
        "job_id": job.id,
        "application_id": application.id,
        "candidate_id": application.candidate.id,
        "people": [{"first": "Frank", "last": "Doe", "email": "frank@example.com", "cv": "cv.pdf"}],
    }


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.mark.skipif(not any(each.is_test for each in PYTHON), reason="no page shows a test")
def test_tests_pass(tmp_path: Path) -> None:
    """The tests that the pages show pass with the fixtures of the installed plugin."""
    for block in PYTHON:
        if block.is_test:
            (tmp_path / f"test_{block.module}.py").write_text(block.text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
