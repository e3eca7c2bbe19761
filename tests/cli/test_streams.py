"""Unusual terminals: closed streams, and Ctrl-C before anything has started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Shell

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a POSIX shell")
SCRIPT = str(Path(sys.executable).with_name("kombo-async"))
GOOD = "first_name,last_name,email\nAda,Lovelace,ada@example.com\nGrace,Hopper,grace@example.com\n"


def in_sh(shell: Shell, command: str) -> subprocess.CompletedProcess[str]:
    """A line of a POSIX shell, in which `$K` is the installed command."""
    environment = {**os.environ, **shell.environment, "K": SCRIPT, "JOB": f"job_id={shell.job_id}"}
    return subprocess.run(["sh", "-c", command], cwd=shell.folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("shut", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_an_upload_needs_no_terminal(shell: Shell, shut: str) -> None:
    """With closed streams, as under some schedulers, all rows are sent, and no output ends up in other files."""
    shell.write("p.csv", GOOD)
    result = in_sh(shell, f'"$K" upload p.csv --set "$JOB" --report r.csv {shut}')
    assert result.returncode == 0, result.stderr
    assert shell.emails == ["ada@example.com", "grace@example.com"]
    assert (shell.folder / "r.csv").read_text("utf-8-sig").startswith("row,")


@pytest.mark.parametrize("command", ["operations", "operations ats.create_application", "check", "upload -h"])
def test_a_command_that_cannot_print_ends_quietly(shell: Shell, command: str) -> None:
    """With stdout closed, a command ends quietly."""
    result = in_sh(shell, f'"$K" {command} >&-')
    assert (result.returncode, result.stderr) == (0, "")


def test_a_shut_stdin_is_empty(shell: Shell) -> None:
    """`-` with a closed stdin is one line."""
    result = in_sh(shell, '"$K" upload - --journal j --set "$JOB" <&-')
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "the file is empty" in result.stderr


def test_ctrl_c_while_it_loads(shell: Shell) -> None:
    """Ctrl-C during the first tenth of a second is 130, without a traceback."""
    early = shell.folder / "early"
    early.mkdir()
    (early / "click.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nfor _ in range(99): pass\n"
    )
    process = shell.popen("check", environment={"PYTHONPATH": str(early)})
    _, errors = process.communicate()
    assert (process.returncode, errors) == (130, b"")


def test_a_fault_of_our_own_is_one_line(shell: Shell) -> None:
    """A bug of ours is one line that says where it is; `KOMBO_LOG=debug` shows the rest."""
    broken = shell.folder / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import anyio\ndef run(*_, **__): raise RuntimeError('Ada Lovelace')\nanyio.run = run\n"
    )
    process = shell.popen("check", environment={"PYTHONPATH": str(broken)})
    _, errors = process.communicate()
    assert process.returncode == 1
    assert errors.startswith(b"Error: unexpected RuntimeError at ")
    assert (errors.count(b"\n"), b"Ada" in errors) == (1, False)
    process = shell.popen("check", environment={"PYTHONPATH": str(broken), "KOMBO_LOG": "debug"})
    assert b"Traceback" in process.communicate()[1]
