"""Columns: found, mapped, saved; the job, the integration and the key of a row."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import CREATE, OTHER_INTEGRATION, Shell


@pytest.mark.parametrize(
    "header",
    [
        "first_name,last_name,email,phone,cv",
        "First Name,Surname,E-Mail Address,Mobile,Resume",
        "Vorname,Nachname,E-Mail-Adresse,Handynummer,Lebenslauf",
        "Prénom,Nom,Courriel,Téléphone,CV",
        "Nombre,Apellidos,Correo electrónico,Teléfono,Currículum",
        "candidate.first_name,candidate.last_name,candidate.email_address,candidate.phone_number,cv_path",
    ],
)
def test_columns_are_found_by_their_names(shell: Shell, header: str) -> None:
    """In four languages, and each is shown with a sample."""
    shell.write("ada.pdf", b"%PDF")
    result = shell.upload(shell.write("p.csv", f"{header}\nAda,Lovelace,ada@example.com,+49 1,ada.pdf\n"))
    assert result.exit_code == 0, result.output
    (body,) = shell.bodies
    assert body["candidate"]["phone_number"] == "+49 1"
    assert [file["type"] for file in body["attachments"]] == ["CV"]
    assert "-> candidate.first_name, e.g. 'Ada'" in result.stderr
    assert "-> CV, e.g. 'ada.pdf'" in result.stderr


def test_what_cannot_be_a_whole_object_is_left_out(shell: Shell) -> None:
    """A city without a country, or a salary without a period, is left out with a note, and does not end the upload."""
    path = shell.write("p.csv", "Vorname,Nachname,E-Mail,Ort,Gehalt\nAda,L,ada@example.com,Berlin,5\n")
    result = shell.upload(path)
    assert result.exit_code == 0, result.output
    assert "not used: 'Ort', because candidate.location.country is missing" in result.stderr
    assert set(shell.bodies[0]["candidate"]) == {"first_name", "last_name", "email_address"}
    asked = shell.upload(path, "--map", "Ort=candidate.location.city", "--dry-run")
    assert (asked.exit_code, "no column maps to candidate.location.country" in asked.stderr) == (2, True)


PLAIN = "a,b,c,d\nAda,Lovelace,ada@example.com,ada.pdf\n"
MAPPED = ("--map", "a=first_name", "--map", "b=candidate.last_name", "--map", "c=email")


@pytest.mark.parametrize("target", ["CV", "cv", "resume", "Lebenslauf", "OTHER", "cover_letter"])
def test_targets_of_files(shell: Shell, target: str) -> None:
    """The names that mark a column of files can also be used in `--map`."""
    shell.write("ada.pdf", b"%PDF")
    result = shell.upload(shell.write("p.csv", PLAIN), *MAPPED, "--map", f"d={target}")
    assert result.exit_code == 0, result.output
    kind = {"OTHER": "OTHER", "cover_letter": "COVER_LETTER"}.get(target, "CV")
    assert shell.bodies[0]["attachments"][0]["type"] == kind


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--map", "d=candidate.frist_name"), "did you mean candidate.first_name"),
        (("--map", "d=cvv"), "did you mean CV"),
        (("--map", "e=cv"), "there is no column 'e'"),
        (("--map", "d=candidate"), "there is no field 'candidate'"),
        (("--set", "candidate=1"), "candidate is an object; set one of its fields, such as candidate.first_name"),
        (("--set", "nonsense=1"), "there is no field 'nonsense'"),
        (("--set", "candidate.salary_expectations.amount=50.000"), "is ambiguous: 50.000 or 50000"),
        (("--key", "x"), "--key x: there is no column 'x'"),
        (("--job-column", "x"), "--job-column x: there is no column 'x'"),
        (("--integration-column", "x"), "--integration-column x: there is no column 'x'"),
        (("--sheet", "x"), "--sheet x: is for Excel files"),
        (("--delimiter", "::"), "must be one character"),
        (("--date-format", "DD"), "must contain day, month and year"),
        (("--mapping", "no-such.toml"), "cannot be read"),
        (("--files-from", "no-such"), "there is no such folder"),
    ],
)
def test_wrong_choices_are_one_line(shell: Shell, options: tuple[str, ...], problem: str) -> None:
    """Each names the option, what is wrong with it and the nearest names; nothing is sent."""
    result = shell.upload(shell.write("p.csv", PLAIN), *MAPPED, *options)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert problem in line
    assert not shell.bodies


def test_no_known_column_gives_a_hint_that_works(shell: Shell) -> None:
    """The hint names fields that `--map` takes, and whole names in one column are recognised."""
    result = shell.upload(shell.write("p.csv", "Name,x\nAda Lovelace,y\n"))
    assert "no column maps to candidate.first_name, candidate.last_name, candidate.email_address" in result.stderr
    assert "--map 'COLUMN=candidate.first_name'" in result.stderr
    assert "'Name' seems to contain full names" in result.stderr


def test_a_mapping_is_saved_and_used(shell: Shell) -> None:
    """`--dry-run --save-mapping` writes what `--mapping` reads, for similar files."""
    shell.write("ada.pdf", b"%PDF")
    first = "Größe;b;c;d;Start;Gehalt\nAda;L;{0}@example.com;ada.pdf;03.04.2026;50.000\n"
    options = [
        *("--map", "Größe=candidate.first_name", "--map", "b=candidate.last_name", "--map", "c=email"),
        *("--map", "d=cv", "--map", "Start=candidate.availability_date", "--date-format", "DD.MM.YYYY"),
        *("--decimal", ","),
        *("--set", "candidate.salary_expectations.period=YEAR", "--key", "c"),
    ]
    saving = shell.upload(shell.write("p.csv", first.format("ada")), *options, "--dry-run", "--save-mapping", "m.toml")
    assert saving.exit_code == 0, saving.output
    assert (shell.folder / "m.toml").stat().st_mode & 0o777 == 0o600
    assert not shell.bodies
    result = shell.upload(shell.write("q.csv", first.format("eve")), "--mapping", "m.toml", job=False)
    assert result.exit_code == 0, result.output
    candidate = shell.bodies[0]["candidate"]
    assert candidate["availability_date"] == "2026-04-03"
    assert candidate["salary_expectations"] == {"amount": 50000, "period": "YEAR"}


@pytest.mark.parametrize(
    ("toml", "problem"),
    [
        ("[columns", "is not TOML"),
        ("[column]\na = 'b'", "unknown setting 'column'; did you mean"),
        ("[columns]\na = 5", "a must be text in quotes"),
        ("colums = {}", "did you mean columns"),
        ("date_format = 'x'", "did you mean date-format"),
    ],
)
def test_a_wrong_mapping_is_one_line(shell: Shell, toml: str, problem: str) -> None:
    """A hand-written mapping is checked like options."""
    shell.write("m.toml", toml)
    result = shell.upload(shell.write("p.csv", PLAIN), "--mapping", "m.toml")
    assert result.exit_code == 2
    assert problem in result.stderr


def test_the_job_is_named(shell: Shell) -> None:
    """By Kombo's ID, by the connected system's after `remote:`, or by a name that is unique; looked up once."""
    job = shell.job(0)
    rows = [
        ("a", job.id),
        ("b", f"remote:{job.data['remote_id']}"),
        ("c", f"  {job.data['name'].upper()} "),
        ("d", job.data["name"][:-1]),
        ("e", "remote:anything"),
    ]
    lines = "".join(f"P,Q,{email}@example.com,{cell}\n" for email, cell in rows)
    path = shell.write("p.csv", f"Vorname,Nachname,E-Mail,Stelle\n{lines}")
    dry = shell.upload(path, "--dry-run", job=False)
    assert dry.exit_code == 1
    assert f"row 5: column 'Stelle': there is no job '{job.data['name'][:-1]}'; did you mean" in dry.stdout
    result = shell.upload(path, job=False)
    assert result.exit_code == 1
    paths = sorted(call.path for call in shell.sandbox.requests(CREATE))
    assert len(paths) == 4
    assert sorted(path.count("remote") for path in paths) == [0, 0, 1, 1]
    assert len({*paths}) == 3
    assert len(shell.sandbox.requests("GetAtsJobs")) == 2


def test_an_ambiguous_name_of_a_job_is_refused(shell: Shell) -> None:
    """Two jobs with the same name are listed with their IDs, and nothing is sent."""
    one, other = shell.job(0), shell.job(1)
    before = other.data["name"]
    shell.rename_job(other, one.data["name"])
    try:
        path = shell.write("p.csv", f"a,b,c,Wo\nAda,L,ada@example.com,{one.data['name']}\n")
        result = shell.upload(path, *MAPPED, "--job-column", "Wo", job=False)
    finally:
        shell.rename_job(other, before)
    assert result.exit_code == 1
    assert "2 jobs are named" in result.stdout
    assert one.id in result.stdout
    assert other.id in result.stdout
    assert not shell.bodies


def test_each_row_names_its_integration(shell: Shell) -> None:
    """`--integration-column` sends rows to different customers; no integration is needed beside it."""
    theirs = shell.job(0, OTHER_INTEGRATION)
    rows = (
        f"Ada,L,ada@example.com,greenhouse:cli,{shell.job(0).data['name']}\nBob,B,bob@example.com,{OTHER_INTEGRATION}"
    )
    path = shell.write("p.csv", f"Vorname,Nachname,E-Mail,Kunde,Stelle\n{rows},{theirs.data['name']}\n")
    result = shell.upload(path, "--integration-column", "Kunde", job=False, KOMBO_INTEGRATION_ID="")
    assert result.exit_code == 0, result.output
    calls = shell.sandbox.performed(CREATE)
    assert sorted(str(call.integration) for call in calls) == ["greenhouse:cli", OTHER_INTEGRATION]


def test_rows_are_known_by_a_key(shell: Shell) -> None:
    """With `--key`, a row is the same if its key is, whatever its other cells."""
    header = "id,first_name,last_name,email\n"
    assert shell.upload(shell.write("p.csv", header + "7,Ada,L,ada@example.com\n"), "--key", "id").exit_code == 0
    twice = shell.write("q.csv", header + "7,Ada,L,ada@example.com\n8,Eve,E,e@example.com\n8,Bob,B,b@example.com\n")
    result = shell.upload(twice, "--key", "id")
    assert "is the same as row 3" in result.stdout
    assert shell.emails == ["ada@example.com", "e@example.com"]
    empty = shell.upload(shell.write("r.csv", header + ",Ada,L,a@example.com\n"), "--key", "id")
    assert (empty.exit_code, "column 'id': the cell is empty" in empty.stdout) == (1, True)


def test_the_journal_belongs_to_the_job(shell: Shell) -> None:
    """Tomorrow's file may have another name: done rows are not sent again, unless `--journal` names another one."""
    rows = "first_name,last_name,email\nAda,L,ada@example.com\n"
    assert shell.upload(shell.write("monday.csv", rows)).exit_code == 0
    result = shell.upload(shell.write("tuesday.csv", rows + "Bob,B,bob@example.com\n"))
    assert "2 done (1 of them earlier)" in result.stdout
    assert shell.emails == ["ada@example.com", "bob@example.com"]
    assert len(list(shell.folder.glob("*.journal"))) == 1
    assert shell.upload(str(shell.folder / "monday.csv"), "--journal", "other").exit_code == 0
    assert len(shell.emails) == 3


def test_operations_are_listed(shell: Shell) -> None:
    """All operations by the names that `--operation` takes, and the fields of one."""
    listed = shell.run("operations")
    assert listed.exit_code == 0
    assert "ats.create_application " in listed.stdout
    assert "hris.get_employees " in listed.stdout
    one = shell.run("operations", "ats.create_application")
    assert "candidate.email_address" in one.stdout
    assert "CV " in one.stdout
    assert "required" in one.stdout
    fields = json.loads(shell.run("operations", "PostAtsCandidates", "--json").stdout)["fields"]
    assert {"field": "application.job_id", "takes": "text", "required": True} in fields
    wrong = shell.run("operations", "ats.create_aplication")
    assert (wrong.exit_code, "did you mean ats.create_application" in wrong.stderr) == (2, True)
