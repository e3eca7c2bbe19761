"""`kombo-async upload`: from any kind of file to outcomes, a journal and a report."""

from __future__ import annotations

import json
import re
import shlex
import signal
import time

import pytest

from tests.cli.conftest import CREATE, Shell

HEADER = "first_name,last_name,email,cv\n"
GOOD = HEADER + "Ada,Lovelace,ada@example.com,\nGrace,Hopper,grace@example.com,\n"


def test_a_csv_is_uploaded_with_its_files(shell: Shell) -> None:
    """Each row becomes an application, and the file that its column names goes with it, byte for byte."""
    shell.write("ada.pdf", b"%PDF ada")
    result = shell.upload(shell.write("people.csv", HEADER + "Ada,Lovelace,ada@example.com,ada.pdf\n"))
    assert result.exit_code == 0, result.output
    assert "1 of 1 row: 1 done" in result.stdout
    body = shell.sandbox.performed(CREATE)[0].body
    assert body["candidate"]["first_name"] == "Ada"
    assert body["attachments"] == [
        {"name": "ada.pdf", "content_type": "application/pdf", "data": "JVBERiBhZGE=", "type": "CV"}
    ]


def test_a_constant_without_a_value_is_wrong_use(shell: Shell) -> None:
    """An empty `--set job_id=`, as from an empty variable, is refused before anything is sent."""
    result = shell.upload(shell.write("people.csv", GOOD), "--set", "job_id=", job=False)
    assert (result.exit_code, "'job_id=' is not of the form FIELD=VALUE" in result.stderr) == (2, True)
    assert shell.sandbox.requests(CREATE) == []


def test_a_second_run_sends_nothing_and_says_so(shell: Shell) -> None:
    """Running a finished upload again sends nothing, and says so."""
    path = shell.write("people.csv", GOOD)
    assert shell.upload(path).exit_code == 0
    again = shell.upload(path)
    assert again.exit_code == 0
    assert "Nothing to send: all 2 rows are already done" in again.stdout
    assert len(shell.sandbox.requests(CREATE)) == 2


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("first_name,last_name\nAda,Lovelace\n", "no column maps to candidate.email_address"),
        ("", "the file is empty"),
        ("\n \n", "the file is empty"),
        ("first_name,email,email\n", "the header has 'email' more than once, and it maps to"),
        (
            "first_name,last_name,email,mail\n",
            "the columns 'email' and 'mail' both map to candidate.email_address; leave one out",
        ),
        (GOOD + 'Bob,"Unclosed,bob@example.com,\n', 'row 4: a quote (") opened here or earlier is never closed'),
        (GOOD + 'Bob,"A "B" C",bob@example.com,\n', "row 4: there is a single quote"),
        (GOOD + f"Bob,{'x' * 2_000_000},bob@example.com,\n", "row 4: a cell has more than 1,000,000 characters"),
    ],
)
def test_a_table_that_cannot_be_used_is_wrong_use(shell: Shell, content: str, problem: str) -> None:
    """An unusable file ends with exit code 2 and what to correct, before anything is sent."""
    result = shell.upload(shell.write("people.csv", content))
    assert result.exit_code == 2
    assert problem in result.stderr
    assert not shell.sandbox.requests(CREATE)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("Bob,Builder,,", "row 4: column 'email': the cell is empty"),
        (",Builder,bob@example.com,", "row 4: column 'first_name': the cell is empty"),
        ("Bob,Builder,bob.example.com,", "row 4: column 'email': 'bob.example.com' is not an e-mail address"),
        ("Bob,Builder,bob@example.com,nope.pdf", "row 4: column 'cv': there is no file"),
        ("Bob,Builder,bob@example.com,empty.pdf", "empty.pdf' is empty"),
        ("Bob,Builder,bob@example.com,,x", "row 4: has 5 cells, but the header has 4"),
        ("Ada,Lovelace,ADA@example.com,", "row 4: is the same as row 2"),
    ],
)
def test_a_faulty_row_is_told_by_row_and_column(shell: Shell, row: str, fault: str) -> None:
    """A dry run names each faulty row with its column and sends nothing; the upload sends all the others."""
    shell.write("empty.pdf", b"")
    path = shell.write("people.csv", f"{GOOD}{row}\n")
    dry = shell.upload(path, "--dry-run")
    assert dry.exit_code == 1
    assert fault in dry.stdout
    assert "3 rows checked, 1 with errors. Nothing was sent." in dry.stderr
    assert not shell.sandbox.requests(CREATE)
    assert not list(shell.folder.glob("*.journal"))
    assert shell.upload(path).exit_code == 1
    assert shell.emails == ["ada@example.com", "grace@example.com"]


def test_columns_are_mapped_by_hand(shell: Shell) -> None:
    """`--map` says where a column goes; numbers, dates and a job per row are understood."""
    header = "Vorname;Nachname;Adresse;Stelle;Wunsch\n"
    path = shell.write("people.csv", f"{header}Ada;Lovelace;ada@example.com;{shell.job_id};50000,5\n")
    maps = {
        "Vorname": "candidate.first_name",
        "Nachname": "candidate.last_name",
        "Adresse": "candidate.email_address",
        "Stelle": "job_id",
        "Wunsch": "candidate.salary_expectations.amount",
    }
    options = [part for column, field in maps.items() for part in ("--map", f"{column}={field}")]
    extra = ("--set", "candidate.salary_expectations.period=YEAR")
    result = shell.upload(path, *options, *extra, job=False)
    assert result.exit_code == 0, result.output
    assert shell.sandbox.performed(CREATE)[0].body["candidate"]["salary_expectations"]["amount"] == 50000.5
    wrong = shell.upload(path, "--map", "Vorname=candidate.nickname")
    assert (wrong.exit_code, "there is no field 'candidate.nickname'" in wrong.stderr) == (2, True)


def test_jsonl_takes_requests_of_any_operation(shell: Shell) -> None:
    """Each line is a request as `from_dict` takes it; files may be named by their path."""
    shell.write("cv.pdf", b"%PDF")
    person = {"first_name": "Ada", "last_name": "L", "email_address": "ada@example.com"}
    lines = [
        {
            "candidate": person,
            "application": {"job_id": shell.job_id},
            "attachments": [{"path": "cv.pdf", "type": "CV"}],
        },
        {"candidate": {"first_name": "Bob"}, "application": {"job_id": shell.job_id}},
    ]
    path = shell.write("people.jsonl", "\n".join(map(json.dumps, lines)))
    result = shell.upload(path, "--operation", "ats.create_candidate", job=False)
    assert result.exit_code == 1
    assert "candidate.last_name: missing" in result.stdout
    assert len(shell.sandbox.performed("PostAtsCandidates")) == 1


def test_exit_codes_tell_refusals_from_doubts(shell: Shell) -> None:
    """1 where a row was refused, 3 where one is in doubt, with the reasons and Kombo's log pages."""
    shell.sandbox.faults.add(CREATE, status=400, code="ATS.JOB_CLOSED", message="It is closed.", times=1)
    refused = shell.upload(shell.write("a.csv", GOOD))
    assert refused.exit_code == 1
    assert "1 refused: ATS.JOB_CLOSED: It is closed." in refused.stdout
    shell.sandbox.faults.add(CREATE, status=500, code="PLATFORM.UNKNOWN_ERROR", times=1)
    doubt = shell.upload(shell.write("b.csv", GOOD.replace("example", "example.b")), "--resend-after", "24h")
    assert doubt.exit_code == 3
    assert "1 in doubt" in doubt.stdout


def test_it_stops_where_no_row_can_be_sent(shell: Shell) -> None:
    """A wrong key ends the upload after a few rows, and says why; the rows stay unsent for the next run."""
    people = "".join(f"P{number},Q,p{number}@example.com,\n" for number in range(200))
    path = shell.write("people.csv", HEADER + people)
    shell.sandbox.integration("greenhouse:cli").active = False
    result = shell.upload(path)
    assert result.exit_code == 1
    assert "No row can be sent now: 403 INTEGRATION.INACTIVE" in result.stderr
    assert len(shell.sandbox.requests(CREATE)) <= 110
    shell.sandbox.integration("greenhouse:cli").active = True
    assert shell.upload(path).exit_code == 0
    assert len(shell.emails) == 200


def test_json_events_are_for_machines(shell: Shell) -> None:
    """With `--json`, stdout has one event per line: each row, and a summary at the end."""
    result = shell.upload(shell.write("people.csv", GOOD), "--json", "--limit", "1")
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert [event["event"] for event in events] == ["row", "summary"]
    assert events[0]["person"] == "Ada Lovelace"
    assert (events[0]["row"], events[0]["result"], bool(events[0]["ids"]["id"])) == (2, "done", True)
    assert events[1]["done"] == 1


def test_wrong_options_are_wrong_use(shell: Shell) -> None:
    """An unknown operation, report or journal is exit code 2, with a sentence."""
    path = shell.write("people.csv", GOOD)
    shell.write("old.journal", "no journal")
    for options, problem in (
        (("--operation", "ats.nothing"), "there is no operation 'ats.nothing'"),
        (("--report", "report.pdf"), "must end in .csv, .jsonl or .html"),
        (("--journal", str(shell.folder / "old.journal")), "is not a journal, or is damaged"),
        (("--map", "first_name"), "is not of the form COLUMN=FIELD"),
    ):
        result = shell.upload(path, *options)
        assert (result.exit_code, problem in result.stderr) == (2, True), result.stderr
    assert not shell.sandbox.requests(CREATE)


def test_ctrl_c_ends_what_is_in_flight_and_the_next_run_goes_on(shell: Shell) -> None:
    """After a signal, no more rows are started and those in flight finish; the next run sends the rest once."""
    shell.sandbox.set_latency(actions=0.05)
    path = shell.write("people.csv", HEADER + "".join(f"P{n},Q,p{n}@example.com,\n" for n in range(300)))
    sent = 0
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        process = shell.popen("upload", path, "--set", f"job_id={shell.job_id}", "--report", "r.csv")
        deadline = time.monotonic() + 30
        while len(shell.bodies) < sent + 50 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(number)
        output, errors = process.communicate(timeout=30)
        assert process.returncode == code, errors
        assert b"Stopped. Run the same command to continue." in errors
        assert sent + 50 <= len(shell.emails) < 300
        sent = len(shell.emails)
        assert f"{sent:,} done".encode() in output
        assert len((shell.folder / "r.csv").read_text().splitlines()) == sent + 1
    shell.sandbox.set_latency(actions=0)
    assert shell.upload(path).exit_code == 0
    assert len(shell.emails) == len(set(shell.emails)) == 300


def test_changed_rows_are_listed_and_not_sent(shell: Shell) -> None:
    """A row for somebody who has applied already with other details is listed, not sent; the exit code is 0."""
    assert shell.upload(shell.write("people.csv", GOOD)).exit_code == 0
    tonight = shell.write("tonight.csv", GOOD.replace("Ada", "Adele") + "Eve,New,eve@example.com,\n")
    result = shell.upload(tonight, "--report", "r.jsonl")
    assert result.exit_code == 0, result.output
    assert "2 done (1 of them earlier), 1 changed" in result.stdout
    (changed,) = [line for line in shell.lines("r.jsonl") if line["result"] == "changed"]
    assert (changed["row"], bool(changed["ids"]["id"])) == (2, True)
    assert "created earlier with different details" in changed["what_to_do"]
    assert len(shell.bodies) == 3


def test_two_uploads_at_once_send_nothing_twice(shell: Shell) -> None:
    """With one journal, the second waits for the first, or says that it is held; each row is sent once."""
    shell.sandbox.set_latency(actions=1)
    path = shell.write("people.csv", GOOD)
    first = shell.popen("upload", path, "--set", f"job_id={shell.job_id}")
    shell.wait_for(lambda: shell.sandbox.concurrency.in_flight("greenhouse:cli") > 0)
    second = shell.upload(path)
    _, errors = first.communicate(timeout=30)
    assert first.returncode == 0, errors
    assert second.exit_code in (0, 1, 2), second.output
    assert "Traceback" not in second.output
    assert len(shell.bodies) == 2


def test_a_doubt_is_settled_by_the_command_that_the_upload_names(shell: Shell) -> None:
    """A doubt can be settled with the printed command, and the next run knows it."""
    shell.sandbox.faults.add(CREATE, status=500, code="PLATFORM.UNKNOWN_ERROR", times=1)
    path = shell.write("people.csv", GOOD)
    doubt = shell.upload(path, "--concurrency", "1")
    assert doubt.exit_code == 3, doubt.output
    (named,) = re.findall(r"kombo-async (resolve .*\.journal)$", doubt.stderr, re.MULTILINE)
    listed = shell.run(*shlex.split(named), "--json")
    assert listed.exit_code == 3, listed.output
    (entry,) = [json.loads(line) for line in listed.stdout.splitlines()]
    settled = shell.run(*shlex.split(named), "--send-again", entry["key"])
    assert settled.exit_code == 0, settled.output
    assert shell.upload(path).exit_code == 0
    assert sorted(shell.emails) == ["ada@example.com", "grace@example.com"]
