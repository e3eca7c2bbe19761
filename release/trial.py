"""Trying a wheel as its users would: in a fresh environment, away from the source."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

PROGRAM = """\
from typing import assert_type

from kombo_async import AsyncKomboClient, Response, Success, ats


async def program(kombo: AsyncKomboClient) -> None:
    reply = await kombo.ats.create_application(
        "job", candidate=ats.CandidateInput(first_name="Ada", last_name="Doe", email_address="ada@example.com")
    )
    assert_type(reply, Response[ats.CreatedApplication])
    if isinstance(reply, Success):
        assert_type(reply.data, ats.CreatedApplication)
"""
"""What a type checker must understand of the installed package (`py.typed`)."""

TEST = """\
import pytest

from kombo_async import ats


@pytest.mark.anyio
async def test_hiring(kombo, kombo_sandbox):
    job = (await kombo.ats.get_jobs(statuses=["OPEN"])).unwrap().results[0]
    ada = ats.CandidateInput(first_name="Ada", last_name="Doe", email_address="ada@example.com")
    reply = await kombo.ats.create_application(job.id, candidate=ada)
    assert reply.unwrap().id
    assert len(kombo_sandbox.performed("PostAtsJobsJobIdApplications")) == 1
"""
"""A user's test, which finds the fixtures by the installed plugin."""


def try_wheel(wheel: Path, home: Path, sbom: Path) -> None:
    """Install *wheel* in a new environment at *home*, write *sbom* of that, and use it. Exits where something fails."""
    venv.create(home / "venv", with_pip=True)
    programs = home / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    python, command = programs / "python", programs / "kombo-async"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]

    _run(home, *pip, wheel)
    _run(home, python, "-I", "-c", "import kombo_async; kombo_async.AsyncKomboClient('key')")
    print("wheel: can be imported with its own dependencies alone")

    _run(home, *pip, f"{wheel}[cli]")
    tool = Path(sys.executable).with_name("cyclonedx-py")
    _run(home, tool, "environment", "--output-reproducible", "-o", sbom, python)
    print("wheel: its parts are listed in", sbom.name)

    where = _run(home, python, "-I", "-c", "import kombo_async; print(kombo_async.__file__)")
    if "site-packages" not in where:
        sys.exit(f"the package came from {where}")
    for arguments in (["--help"], ["--version"], ["demo", "--candidates", "20"]):
        _run(home, command, *arguments)
    print("wheel: the command line runs, and so does the demo")

    _run(home, *pip, "pytest")
    (home / "test_hiring.py").write_text(TEST)
    _run(home, python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_hiring.py")
    print("wheel: a user's test passes with the fixtures")

    (home / "program.py").write_text(PROGRAM)
    _run(home, sys.executable, "-m", "mypy", "--strict", "--python-executable", python, "program.py")
    print("wheel: type checkers see its types")


def _run(folder: Path, *command: object) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment = {name: value for name, value in environment.items() if not name.startswith("KOMBO_")}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}")
    return done.stdout
