"""People's files: found however their names are encoded, and only in the allowed folder; and the files we write."""

from __future__ import annotations

import csv
import os
import unicodedata
from pathlib import Path

import pytest

from kombo_async._cli.people_files import CONTENT_TYPES, readable
from tests.cli.conftest import Shell

HEADER = "first_name,last_name,email,cv\n"


def people(*cells: str) -> str:
    """A table with a row for each cell of the column `cv`."""
    return HEADER + "".join(f'P{n},Q,p{n}@example.com,"{cell}"\n' for n, cell in enumerate(cells))


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("ada.pdf", "ada.pdf"),
        ("Żółć.pdf", unicodedata.normalize("NFD", "Żółć.pdf")),
        (unicodedata.normalize("NFD", "Żółć.pdf"), "Żółć.pdf"),
        ("cvs\\ada.pdf", "cvs/ada.pdf"),
        ("cvs\\alt\\Ada.PDF", "cvs/alt/ada.pdf"),
        (".\\ada.pdf", "ada.pdf"),
        ("ADA.pdf", "ada.pdf"),
        ("Jürgen.pdf", b"J\xfcrgen.pdf"),
        ("Lebensläufe/Jürgen.pdf", b"Lebensl\xe4ufe/J\xfcrgen.pdf"),
        ("Jürgen.pdf", b"J\x9frgen.pdf"),
        ("Ada\u00a0CV.pdf", "Ada CV.pdf"),
        ("a\u200bda.pdf ", "ada.pdf"),
        ("Ada  CV.pdf", "Ada CV.pdf"),
        ("ada.pdf", "ada.pdf "),
    ],
)
def test_a_file_is_found_whatever_its_name_is_made_of(shell: Shell, cell: str, name: str | bytes) -> None:
    """Both Unicode forms, backslashes, another case, Latin-1 and Mac Roman; each is sent under a readable name."""
    path = os.fsencode(shell.folder) + b"/" + os.fsencode(name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(b"%PDF")
    result = shell.upload(shell.write("p.csv", people(cell)))
    assert result.exit_code == 0, result.output
    (attachment,) = shell.bodies[0]["attachments"]
    assert (attachment["content_type"], attachment["data"]) == ("application/pdf", "JVBERg==")
    shown = unicodedata.normalize("NFC", Path(cell.replace("\\", "/")).name).replace("\u200b", "").casefold()
    assert "".join(shown.split()) == "".join(attachment["name"].casefold().split())


def test_a_cell_may_name_several_files(shell: Shell) -> None:
    """Names are separated by bars; a missing file is a fault of the row."""
    for name in ("a.pdf", "b.pdf"):
        shell.write(name, b"%PDF")
    result = shell.upload(shell.write("p.csv", people("a.pdf | b.pdf", "a.pdf|c.pdf")))
    assert "there is no file 'c.pdf'" in result.stdout
    assert [file["name"] for file in shell.bodies[0]["attachments"]] == ["a.pdf", "b.pdf"]


def test_a_file_that_exists_twice_is_refused(shell: Shell) -> None:
    """Two names that differ only in case are ambiguous, and refused."""
    shell.write("ADA.pdf", b"1")
    shell.write("Ada.pdf", b"2")
    result = shell.upload(shell.write("p.csv", people("ada.pdf")))
    assert (result.exit_code, "several files are named 'ada.pdf'" in result.stdout) == (1, True)
    assert shell.upload(shell.write("q.csv", people("ADA.pdf"))).exit_code == 0


@pytest.mark.parametrize(
    "cell", ["/etc/passwd", "../../../../../../etc/hostname", "link.pdf", "cvs/../../outside.pdf", "folder/x"]
)
def test_files_elsewhere_are_refused(shell: Shell, cell: str) -> None:
    """Files outside the folder are not sent, whether by path or link, unless --allow-any-file is given."""
    (shell.folder.parent / "outside.pdf").write_bytes(b"secret")
    (shell.folder / "cvs").mkdir()
    (shell.folder / "link.pdf").symlink_to("/etc/passwd")
    (shell.folder / "folder").symlink_to(shell.folder.parent)
    (shell.folder.parent / "x").write_bytes(b"secret")
    path = shell.write("p.csv", people(cell))
    for result in (shell.upload(path, "--dry-run"), shell.upload(path)):
        assert result.exit_code == 1
        assert "is outside" in result.stdout
    assert not shell.bodies
    assert shell.upload(path, "--allow-any-file").exit_code == 0


def test_the_folder_of_the_files_is_named(shell: Shell) -> None:
    """Names are relative to `--files-from`, and only its files may be sent."""
    shell.write("cvs/ada.pdf", b"%PDF")
    shell.write("near.pdf", b"%PDF")
    path = shell.write("p.csv", people("ada.pdf", "../near.pdf"))
    result = shell.upload(path, "--files-from", "cvs")
    assert "1 done, 1 refused" in result.stdout
    assert "'../near.pdf' is outside cvs" in result.stdout


def test_faults_of_files_are_told_by_kind(shell: Shell) -> None:
    """Missing, empty, a folder, a device, another computer's path: each is grouped separately, with what to do."""
    shell.write("empty.pdf", b"")
    (shell.folder / "folder.pdf").mkdir()
    os.mkfifo(shell.folder / "pipe.pdf")
    cells = ("a.pdf", "b.pdf", "c.pdf", "empty.pdf", "folder.pdf", "C:\\CVs\\ada.pdf", "\\\\server\\cv.pdf", "pipe.pdf")
    result = shell.upload(shell.write("p.csv", people(*cells)))
    assert result.exit_code == 1
    assert "3 CVs are missing (column 'cv'): rows 2-4; the first: there is no file 'a.pdf'" in result.stdout
    assert "2 CVs are on another computer" in result.stdout
    assert "2 CVs are not files" in result.stdout
    assert "'empty.pdf' is empty" in result.stdout
    assert "Put the files there, or pass their folder as --files-from DIR" in result.stdout


@pytest.mark.parametrize("suffix", [".doc", ".docx", ".odt", ".rtf", ".pages", ".png", ".heic", ".txt", ".tiff"])
def test_content_types_are_known(shell: Shell, suffix: str) -> None:
    """The usual kinds of CVs have their content type on every machine."""
    shell.write(f"cv{suffix}", b"x")
    assert shell.upload(shell.write("p.csv", people(f"cv{suffix}"))).exit_code == 0
    assert shell.bodies[0]["attachments"][0]["content_type"] == CONTENT_TYPES[suffix] != "application/octet-stream"


def test_names_that_are_not_unicode_are_readable() -> None:
    """A name in Latin-1 on the disk can be printed and sent."""
    assert readable(os.fsdecode(b"J\xfcrgen.pdf")) == "Jürgen.pdf"


GOOD = "first_name,last_name,email\nAda,Lovelace,ada@example.com\n"


@pytest.mark.parametrize("option", ["--report", "--save-mapping", "--journal"])
@pytest.mark.parametrize("way", ["same", "dots", "link"])
def test_no_output_replaces_an_input(shell: Shell, option: str, way: str) -> None:
    """`--report people.csv` over the input is refused, however it is spelled."""
    shell.write("people.csv", GOOD)
    (shell.folder / "link.csv").symlink_to("people.csv")
    output = {"same": "people.csv", "dots": "../work/./people.csv", "link": "link.csv"}[way]
    extra = ("--dry-run",) if option == "--save-mapping" else ()
    result = shell.upload("people.csv", option, output, *extra)
    assert (result.exit_code, "would overwrite" in result.stderr) == (2, True), result.output
    assert (shell.folder / "people.csv").read_text() == GOOD
    assert not shell.bodies


@pytest.mark.parametrize("cell", ["p.csv", "./p.csv", "link.pdf", "night.journal"])
def test_the_table_is_no_attachment(shell: Shell, cell: str) -> None:
    """The input and the journal are never sent as attachments."""
    shell.write("night.journal", b"x")
    (shell.folder / "link.pdf").symlink_to("p.csv")
    result = shell.upload(shell.write("p.csv", people(cell)), "--journal", "night.journal", "--dry-run")
    assert (result.exit_code, "is the input, or a file that this command writes" in result.stdout) == (1, True)


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("https://drive.example/cv.pdf", "is a web address; download the file and give its name"),
        ("file:///C:/Users/ada/cv.pdf", "is a web address; download"),
        ("www.example.com/cv.pdf", "is a web address; download"),
        ("cv", "there is no file 'cv' in this folder; did you mean 'cv.pdf'?"),
        ("Adas_cv.pdf", "did you mean 'Ada_cv.pdf'?"),
        ("cv.pdf, Ada_cv.pdf", "; separate several names with |"),
        ("cv.pdf;Ada_cv.pdf", "; separate several names with |"),
        ("../secre.pdf", "there is no file '../secre.pdf' in this folder"),
        ("loop.pdf", "cannot be read: it is a link that leads to itself"),
        ("x" * 300, f"the file '{'x' * 60}...' cannot be read"),
    ],
)
def test_a_file_that_is_not_found_says_what_may_help(shell: Shell, cell: str, said: str) -> None:
    """For a web address, a name without its suffix and names separated by commas, the message says what to write."""
    for name in ("cv.pdf", "Ada_cv.pdf", "../secret.pdf"):
        shell.write(name, b"%PDF")
    (shell.folder / "loop.pdf").symlink_to("loop.pdf")
    shell.write("p.csv", people(cell))
    result = shell.upload("p.csv", "--dry-run")
    assert (result.exit_code, said in result.stdout) == (1, True), result.output
    assert "secret" not in result.output
    assert "Traceback" not in result.output


def test_a_report_is_no_attachment(shell: Shell) -> None:
    """A CV that the command would overwrite is refused."""
    shell.write("cv.html", b"<p>my life")
    result = shell.upload(shell.write("p.csv", people("cv.html")), "--report", "cv.html")
    assert "a file that this command writes" in result.stdout
    assert not shell.bodies


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl", "r.html"])
def test_reports_are_for_their_owner(shell: Shell, name: str) -> None:
    """A report has mode 0600, whatever the umask and the older file's mode; no temporary file is left."""
    (shell.folder / name).write_text("last night's")
    (shell.folder / name).chmod(0o644)
    before = os.umask(0)
    try:
        assert shell.upload(shell.write("p.csv", GOOD), "--report", name).exit_code == 0
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in shell.folder.iterdir()}
    assert modes.pop("p.csv")
    assert set(modes.values()) == {0o600}
    assert len(modes) == 2


def test_exports_are_for_their_owner_and_hold_no_formulas(shell: Shell) -> None:
    """An export has mode 0600, and none of its cells is a formula."""
    job = shell.job(0)
    before = job.data["name"]
    shell.rename_job(job, '=HYPERLINK("http://evil")')
    try:
        assert shell.export("ats.jobs", "-o", "jobs.csv").exit_code == 0
    finally:
        shell.rename_job(job, before)
    assert (shell.folder / "jobs.csv").stat().st_mode & 0o777 == 0o600
    with (shell.folder / "jobs.csv").open(newline="") as file:
        names = [row["name"] for row in csv.DictReader(file)]
    assert '\'=HYPERLINK("http://evil")' in names


def test_a_killed_run_leaves_last_nights_report(shell: Shell) -> None:
    """A report is replaced only when the run has ended; a killed run leaves the old one."""
    shell.sandbox.set_latency(actions=0.2)
    (shell.folder / "r.html").write_text("last night's")
    rows = "".join(f"P{n},Q,p{n}@example.com\n" for n in range(500))
    path = shell.write("p.csv", f"first_name,last_name,email\n{rows}")
    process = shell.popen("upload", path, "--set", f"job_id={shell.job_id}", "--report", "r.html")
    shell.wait_for(lambda: len(shell.bodies) > 3)
    process.kill()
    process.communicate()
    assert (shell.folder / "r.html").read_text() == "last night's"
