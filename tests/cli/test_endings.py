"""How commands end: exit codes, one line for each mistake, and problems outside of them."""

from __future__ import annotations

import errno
import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from kombo_async._cli import report
from kombo_async._cli.tally import RowResult, Tally
from tests.cli.conftest import Shell

GOOD = "first_name,last_name,email\nAda,Lovelace,ada@example.com\nGrace,Hopper,grace@example.com\n"
BOTH = ["ada@example.com", "grace@example.com"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("upload", "p.csv", "--report", "no/r.html"), "the folder 'no' does not exist"),
        (("upload", "p.csv", "--report", "r.pdf"), "must end in .csv, .jsonl or .html"),
        (("upload", "p.csv", "--journal", "no/j"), "the folder 'no' does not exist"),
        (("upload", "p.csv", "--journal", "old"), "is not a journal, or is damaged"),
        (("upload", "p.csv", "--operation", "ats.nothing"), "there is no operation 'ats.nothing'"),
        (("upload", "p.csv", "--map", "first_name"), "is not of the form COLUMN=FIELD"),
        (("upload", "p.csv", "--resend-after", "nan"), "'nan' is not a duration such as"),
        (("upload", "p.csv", "--keep-trying", "30"), "'30' is not a duration such as"),
        (("upload", "p.csv", "--save-mapping", "m.toml"), "--save-mapping goes with --dry-run"),
        (("upload", "p.csv", "--limit", "0"), "0 is not in the range"),
        (("upload", "p.csv", "--no-such-option"), "--no-such-option"),
        (("export", "ats.jobs", "-o", "no/x.jsonl"), "the folder 'no' does not exist"),
        (("export", "candidates"), "did you mean ats.candidates"),
        (("export", "ats.nothing"), "there is no list of that name"),
        (("export", "ats.create_candidate"), "there is no list of that name"),
        (("export", "ats.jobs", "--filter", "status"), "must be NAME=VALUE"),
        (("export", "ats.jobs", "--filter", "stauses=OPEN"), "did you mean statuses"),
        (("demo", "--candidates", "-3"), "-3 is not in the range"),
        (("demo", "--sync-seconds", "nan"), "nan is not between"),
        (("no-such-command",), "No such command"),
        ((), ""),
    ],
)
def test_ordinary_mistakes_are_one_line(shell: Shell, arguments: tuple[str, ...], problem: str) -> None:
    """Exit code 2, one line on stderr that says what to do, and nothing sent."""
    shell.write("p.csv", GOOD)
    shell.write("old", "no journal")
    result = shell.run(*arguments, *(("--set", f"job_id={shell.job_id}") if arguments[:1] == ("upload",) else ()))
    if arguments:
        assert result.exit_code == 2
        lines = [line for line in result.stderr.splitlines() if not line.startswith("p.csv: ")]
        assert len(lines) == 1, result.stderr
        assert problem in lines[0]
    assert "Traceback" not in result.output
    assert not shell.bodies


def test_an_upload_needs_an_integration(shell: Shell) -> None:
    """Without one nothing is sent; one line says how to name it. A dry run needs neither it nor a key."""
    path = shell.write("p.csv", GOOD)
    for command in (("upload", path, "--set", "job_id=x"), ("export", "ats.jobs")):
        result = shell.run(*command, KOMBO_INTEGRATION_ID="")
        assert result.exit_code == 2
        assert "pass --integration TOOL:ID or set KOMBO_INTEGRATION_ID" in result.stderr
    keyless = shell.run("upload", path, "--set", "job_id=x", KOMBO_API_KEY="")
    assert (keyless.exit_code, "KOMBO_API_KEY" in keyless.stderr) == (2, True)
    dry = shell.run("upload", path, "--set", "job_id=x", "--dry-run", KOMBO_INTEGRATION_ID="", KOMBO_API_KEY="")
    assert dry.exit_code == 0, dry.output


def test_a_busy_port_is_one_line(shell: Shell) -> None:
    """The sandbox says that the port is in use."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = shell.run("sandbox", "--port", str(taken.getsockname()[1]))
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert "in use" in result.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [("export", "ats.jobs"), ("operations",)])
def test_a_full_disk_is_one_line(shell: Shell, arguments: tuple[str, ...]) -> None:
    """A full disk is one line, with exit code 1."""
    with Path("/dev/full").open("wb") as full:
        process = shell.popen(*arguments, stdout=full)
        _, errors = process.communicate()
    assert process.returncode == 1
    assert b"No space left on device" in errors
    assert b"Traceback" not in errors


def test_a_reader_that_leaves_ends_an_export_quietly(shell: Shell) -> None:
    """`| head` ends an export with 141 and no message, as usual."""
    process = shell.popen("export", "ats.candidates", "--page-size", "1")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr as errors:
        assert errors.read() == b""
    assert process.wait() == 141


def test_a_reader_that_leaves_stops_no_upload(shell: Shell) -> None:
    """An upload continues to its end if nobody reads its events any more."""
    rows = "".join(f"P{n},Q,p{n}@example.com\n" for n in range(120))
    path = shell.write("p.csv", f"first_name,last_name,email\n{rows}")
    process = shell.popen("upload", path, "--json", "--set", f"job_id={shell.job_id}")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr as stderr:
        errors = stderr.read()
    assert process.wait() == 0, errors
    assert len(shell.emails) == 120


@pytest.mark.parametrize("encoding", ["cp1252", "cp850"])
def test_a_console_that_lacks_letters_stops_no_upload(shell: Shell, encoding: str) -> None:
    """`Żółć.pdf` is printed with escapes, and the upload goes on."""
    rows = "Żółć,Q,z@example.com,Żółć.pdf\nAda,L,ada@example.com,\n"
    path = shell.write("p.csv", f"first_name,last_name,email,cv\n{rows}")
    command = ("upload", path, "--set", f"job_id={shell.job_id}")
    process = shell.popen(*command, environment={"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"})
    output, errors = process.communicate()
    assert process.returncode == 1, errors
    assert b"there is no file '\\u017b" in output
    assert shell.emails == ["ada@example.com"]
    process = shell.popen(*command, "--json", environment={"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"})
    output, errors = process.communicate()
    events = [json.loads(line) for line in output.splitlines()]
    assert any("Żółć.pdf" in event.get("message", "") for event in events)


def test_loops_without_signal_handlers_are_stopped_alike(shell: Shell) -> None:
    """On Windows, loops have no signal handlers; Ctrl-C still lets requests in flight finish."""
    shell.sandbox.set_latency(actions=0.1)
    rows = "".join(f"P{n},Q,p{n}@example.com\n" for n in range(600))
    path = shell.write("p.csv", f"first_name,last_name,email\n{rows}")
    code = (
        "import asyncio, sys\n"
        "def lacking(*_): raise NotImplementedError\n"
        "asyncio.SelectorEventLoop.add_signal_handler = lacking\n"
        "asyncio.SelectorEventLoop.remove_signal_handler = lacking\n"
        "from kombo_async._cli.__main__ import main\n"
        "main(sys.argv[1:])\n"
    )
    command = [sys.executable, "-c", code, "upload", path, "--set", f"job_id={shell.job_id}"]
    process = subprocess.Popen(
        command, env={**os.environ, **shell.environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    shell.wait_for(lambda: len(shell.bodies) > 10)
    process.send_signal(2)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert b"Stopped. Run the same command to continue." in errors
    assert f"{len(shell.emails)} done".encode() in output


def test_a_second_signal_breaks_off(shell: Shell) -> None:
    """Two signals end the process soon, and the next run settles what was in flight."""
    shell.sandbox.set_latency(actions=30)
    path = shell.write("p.csv", GOOD)
    process = shell.popen("upload", path, "--set", f"job_id={shell.job_id}")
    shell.wait_for(lambda: shell.sandbox.concurrency.in_flight("greenhouse:cli") > 0)
    process.send_signal(2)
    time.sleep(0.5)
    began = time.monotonic()
    process.send_signal(2)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert time.monotonic() - began < 15


@contextmanager
def outage(shell: Shell, seconds: float) -> Iterator[str]:
    """An address where nothing listens for *seconds*; after that, it leads to the sandbox."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    target = int(shell.environment["KOMBO_BASE_URL"].split(":")[2].split("/")[0])
    over = threading.Event()
    pumps: list[threading.Thread] = []
    pairs: list[tuple[socket.socket, socket.socket]] = []

    def forward() -> None:
        time.sleep(seconds)
        with socket.create_server(("127.0.0.1", port)) as server:
            server.settimeout(0.2)
            while not over.is_set():
                try:
                    near, _ = server.accept()
                except TimeoutError:
                    continue
                far = socket.create_connection(("127.0.0.1", target))
                pairs.append((near, far))
                for one, other in ((near, far), (far, near)):
                    pumps.append(threading.Thread(target=pump, args=(one, other)))
                    pumps[-1].start()

    def pump(one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=forward)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        over.set()
        thread.join()
        for one, other in pairs:
            for each in (one, other):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        for each_pump in pumps:
            each_pump.join()
        for one, other in pairs:
            one.close()
            other.close()


def test_an_outage_is_waited_out(shell: Shell) -> None:
    """With `--keep-trying`, a run that starts in an outage continues when it is over; each row is sent once."""
    path = shell.write("p.csv", GOOD)
    with outage(shell, 12) as url:
        result = shell.upload(path, "--base-url", url, "--keep-trying", "2m", "--report", "r.csv")
    assert result.exit_code == 0, result.output
    assert shell.emails == BOTH
    assert len((shell.folder / "r.csv").read_text().splitlines()) == 3


def test_an_outage_ends_a_run_that_does_not_wait(shell: Shell) -> None:
    """Without `--keep-trying`, rows are reported as not sent, with exit code 1; the same command sends them."""
    path = shell.write("p.csv", GOOD)
    result = shell.upload(path, "--base-url", "http://127.0.0.1:9/v1")
    assert result.exit_code == 1
    assert "2 not sent" in result.stdout
    assert "Run the same command again" in result.stdout


def test_help_is_short_of_nothing(shell: Shell) -> None:
    """`-h` works everywhere."""
    for command in ((), ("upload",), ("export",), ("check",), ("operations",), ("demo",), ("sandbox",)):
        done = shell.run(*command, "-h")
        assert done.exit_code == 0
        assert "Usage: kombo-async" in done.stdout


def test_logs_are_asked_for(shell: Shell) -> None:
    """`KOMBO_LOG=debug` logs calls to stderr, without the key."""
    done = shell.run("check", KOMBO_LOG="debug")
    assert "kombo_async" in done.stderr
    assert "GetCheckApiKey" in done.stderr
    assert shell.sandbox.api_key not in done.output
    assert shell.run("check").stderr == ""
    wrong = shell.run("check", KOMBO_LOG="loud")
    assert (wrong.exit_code, "must be debug, info, warning or error" in wrong.stderr) == (2, True)


def test_check_tells_an_unusable_integration(shell: Shell) -> None:
    """An integration with an incomplete setup, a switched-off one and an unknown one are named."""
    good = shell.run("check", "--json")
    assert (good.exit_code, json.loads(good.stdout)["ok"]) == (0, True)
    shell.sandbox.add_integration("greenhouse:unfinished", setup_complete=False)
    shell.sandbox.integration("greenhouse:cli").active = False
    for integration, problem in (
        ("greenhouse:unfinished", "its setup is not complete"),
        ("greenhouse:cli", "switched off"),
        ("greenhouse:nobody", "no such integration"),
    ):
        done = shell.run("check", "--integration", integration)
        assert done.exit_code == 1, done.output
        assert problem in done.stdout
        assert done.stdout.startswith("ok              no")


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_shells_complete(shell: Shell, shell_name: str) -> None:
    """The completion script comes from the command itself."""
    process = shell.popen(environment={"_KOMBO_ASYNC_COMPLETE": f"{shell_name}_source"})
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    assert b"_KOMBO_ASYNC_COMPLETE" in output


@pytest.mark.parametrize("output", ["/dev/null", "pipe", "folder"])
@pytest.mark.parametrize("command", ["export", "upload"])
def test_what_is_no_file_is_not_replaced(shell: Shell, command: str, output: str) -> None:
    """A device, a pipe and a folder are not replaced by an output file."""
    os.mkfifo(shell.folder / "pipe")
    (shell.folder / "folder").mkdir()
    link = shell.folder / "out.csv"
    link.symlink_to(output)
    if command == "export":
        result = shell.export("ats.jobs", "-o", "out.csv")
    else:
        result = shell.upload(shell.write("p.csv", GOOD), "--report", "out.csv")
    assert result.exit_code == 2
    assert any(words in result.stderr for words in ("is a folder", "is a directory", "is not a file"))
    assert not shell.bodies


@pytest.mark.parametrize(
    "content",
    [
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj",
        b"\x89PNG\r\n\x1a\n\0\0\0",
        b"\x1f\x8b\x08\0\0",
        b"\0" * 5000,
        b"\xff" * 5000,
    ],
)
@pytest.mark.parametrize("name", ["people.csv", "people.json", "people.jsonl", "people.xlsx", "people"])
def test_other_files_are_one_line(shell: Shell, name: str, content: bytes) -> None:
    """A PDF, a picture, an archive: no traceback, nothing sent."""
    result = shell.upload(shell.write(name, content))
    assert result.exit_code in (1, 2)
    assert "Traceback" not in result.output
    assert not shell.bodies


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl", "r.html"])
def test_a_report_that_cannot_be_written_stops_no_upload(
    shell: Shell, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """If the disk is full, rows are still counted, the older report stays, and the problem is reported at the end."""

    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    @contextmanager
    def full(path: Path, *, encoding: str = "utf-8") -> Iterator[io.StringIO]:
        yield Full() if name != "r.csv" else HeaderOnly()

    class HeaderOnly(io.StringIO):
        def write(self, text: str) -> int:
            if text.startswith("row,"):
                return len(text)
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(report, "replaced", full)
    with report.open_report(tmp_path / name, Tally(2), "p.csv") as opened:
        opened.add(RowResult(row=2, result="done"))
        opened.add(RowResult(row=3, result="done"))
    assert opened.problem is not None
    assert opened.problem.errno == errno.ENOSPC


def test_json_without_nan(shell: Shell) -> None:
    """NaN and Infinity, which Python reads but JSON does not have, are refused."""
    for number, text in enumerate(('[{"Vorname": NaN}]', '{"Vorname": Infinity}')):
        result = shell.upload(shell.write(f"p{number}.json", text), "--dry-run")
        assert result.exit_code != 0
        assert "is not a JSON value" in result.output


def test_the_sandbox_prints_what_can_be_pasted(shell: Shell) -> None:
    """Three `export` lines, with an integration that works."""
    process = shell.popen("sandbox", "--port", "0", environment={"PYTHONUNBUFFERED": "1"})
    assert process.stdout is not None
    try:
        lines = [process.stdout.readline().decode().strip() for _ in range(8)]
        exports = dict(line.removeprefix("export ").split("=", 1) for line in lines if line.startswith("export "))
        assert set(exports) == {"KOMBO_BASE_URL", "KOMBO_API_KEY", "KOMBO_INTEGRATION_ID"}
        assert sum(line.startswith("export ") for line in lines) == 3
        assert shell.run("check", **exports).exit_code == 0
    finally:
        process.terminate()
        process.communicate()
