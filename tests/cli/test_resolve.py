"""`kombo-async resolve`: what is in doubt is shown, and settled by hand."""

from __future__ import annotations

import json
import re

import pytest

from tests.cli.conftest import CREATE, Shell

GOOD = "first_name,last_name,email_address\nAda,Lovelace,ada@example.com\nGrace,Hopper,grace@example.com\n"


@pytest.fixture
def doubtful(shell: Shell) -> Shell:
    """A folder with a journal in which one row is in doubt."""
    shell.sandbox.faults.add(CREATE, status=500, code="PLATFORM.UNKNOWN_ERROR", times=1)
    assert shell.upload(shell.write("people.csv", GOOD), "--journal", "j", "--concurrency", "1").exit_code == 3
    return shell


def key_of(output: str) -> str:
    """The key that is shown for the row."""
    found = re.search(r"^([0-9a-f]{12})  ", output, re.MULTILINE)
    assert found, output
    return found[1]


def test_it_shows_what_a_person_needs_to_look(doubtful: Shell) -> None:
    """Row, person, job, time, why, what was found and Kombo's log page; exit code 3."""
    done = doubtful.run("resolve", "j")
    assert done.exit_code == 3
    assert "Ada Lovelace <ada@example.com>" in done.stdout
    assert "row 2" in done.stdout or "row 1" in done.stdout
    assert re.search(r"sent \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", done.stdout)
    assert "was not found, which proves nothing" in done.stdout
    assert re.search(r"log: https?://", done.stdout)
    assert "1 in doubt" in done.stdout


def test_json_is_for_machines(doubtful: Shell) -> None:
    """With --json, doubts are one object per line."""
    done = doubtful.run("resolve", "j", "--json")
    (row,) = map(json.loads, done.stdout.splitlines())
    assert row["about"].startswith("Ada Lovelace")
    assert row["found"] == []


def test_found_is_done(doubtful: Shell) -> None:
    """The row is done with that ID, and not sent by the next run."""
    key = key_of(doubtful.run("resolve", "j").stdout)
    done = doubtful.run("resolve", "j", "--found", f"{key}=HPEb3Vx8ZTGmBcyoUiqBBiTw")
    assert (done.exit_code, "Nothing is in doubt." in done.stdout) == (0, True)
    asked = len(doubtful.sandbox.requests(CREATE))
    assert doubtful.upload("people.csv", "--journal", "j").exit_code == 0
    assert len(doubtful.sandbox.requests(CREATE)) == asked


def test_send_again_is_sent_by_the_next_run(doubtful: Shell) -> None:
    """The row is sent once more, and done."""
    key = key_of(doubtful.run("resolve", "j").stdout)
    assert doubtful.run("resolve", "j", "--send-again", key).exit_code == 0
    asked = len(doubtful.sandbox.requests(CREATE))
    assert doubtful.upload("people.csv", "--journal", "j").exit_code == 0
    assert len(doubtful.sandbox.requests(CREATE)) == asked + 1


def test_given_up_is_never_sent(doubtful: Shell) -> None:
    """The row is never sent again, even with `--retry-refused`."""
    key = key_of(doubtful.run("resolve", "j").stdout)
    assert doubtful.run("resolve", "j", "--give-up", key).exit_code == 0
    asked = len(doubtful.sandbox.requests(CREATE))
    again = doubtful.upload("people.csv", "--journal", "j", "--retry-refused")
    assert again.exit_code == 1
    assert "given up by hand" in again.stdout
    assert len(doubtful.sandbox.requests(CREATE)) == asked


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("nowhere",), "does not exist"),
        (("j", "--send-again", "zzz"), "no row in doubt has the key 'zzz'"),
        (("j", "--found", "zzz"), "must be KEY=ID"),
        (("people.csv",), "not a journal"),
        (("redis://127.0.0.1:1/0",), "name one"),
    ],
)
def test_mistakes_are_wrong_use(doubtful: Shell, arguments: tuple[str, ...], problem: str) -> None:
    """One line that says what is wrong, exit code 2."""
    done = doubtful.run("resolve", *arguments)
    assert done.exit_code == 2
    assert problem in done.stderr
