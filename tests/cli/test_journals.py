"""Journals of uploads: full disks, other names for an operation, and runs that end midway."""

from __future__ import annotations

import sys
from functools import partial

import pytest

from tests.cli.conftest import Shell

if sys.platform == "win32":
    pytest.skip("limits of a process are POSIX", allow_module_level=True)
import resource

ROWS = 150


def people(rows: int = ROWS) -> str:
    """A table with so many rows."""
    return "first_name,last_name,email\n" + "".join(f"P{n},Q,p{n}@example.com\n" for n in range(rows))


@pytest.mark.parametrize("room", [9_000, 14_000, 20_000, 30_000, 40_000, 50_000, 70_000, 100_000])
def test_a_full_disk_loses_nothing(shell: Shell, room: int) -> None:
    """A full disk is exit code 1 and one line, whenever it happens; with space, the same command sends the rest."""
    shell.write("p.csv", people())
    job = ("--set", f"job_id={shell.job_id}")
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (room, room))
    process = shell.popen("upload", "p.csv", "--journal", "j", *job, preexec_fn=limit)
    output, errors = process.communicate()
    assert process.returncode in (1, 3), errors
    assert errors.count(b"Error: j cannot be used: ") == 1, errors
    assert b"Traceback" not in errors
    assert (b"of 150 rows" in output) == bool(b"Run the same command again" in errors)
    before = len(shell.emails)
    again = shell.upload("p.csv", "--journal", "j")
    assert again.exit_code == (3 if "in doubt" in again.stdout else 0), again.output
    assert len(set(shell.emails)) == len(shell.emails) >= max(before, ROWS - before)


def test_a_full_disk_before_the_first_row_is_no_damage(shell: Shell) -> None:
    """A disk that is full from the start leaves no damaged journal behind."""
    shell.write("p.csv", people(3))
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (5_000, 5_000))
    process = shell.popen("upload", "p.csv", "--journal", "j", "--set", f"job_id={shell.job_id}", preexec_fn=limit)
    process.communicate()
    assert process.returncode == 1
    assert sorted(path.name for path in shell.folder.iterdir()) == ["p.csv"]
    assert not shell.bodies


@pytest.mark.parametrize("name", ["PostAtsJobsJobIdApplications", "ats.createApplication", "ats.CREATE_application"])
def test_an_operation_has_one_journal_whatever_it_is_called(shell: Shell, name: str) -> None:
    """Writing the operation's name differently does not send people again."""
    path = shell.write("p.csv", people(3))
    assert shell.upload(path).exit_code == 0
    again = shell.upload(path, "--operation", name)
    assert "Nothing to send: all 3 rows are already done" in again.stdout, again.output
    assert len(shell.bodies) == 3


def test_an_operation_that_reads_is_refused(shell: Shell) -> None:
    """An operation that only reads is refused."""
    result = shell.upload(shell.write("p.csv", people(3)), "--operation", "ats.get_jobs", job=False)
    assert (result.exit_code, "ats.get_jobs: only reads; use kombo-async export" in result.stderr) == (2, True)
    assert not shell.sandbox.requests("GetAtsJobs")
