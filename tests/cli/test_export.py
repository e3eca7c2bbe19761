"""`kombo-async export`: all pages of a list, into a file; an interrupted export can be resumed."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kombo_async._cli.export_lines import csv_lines, json_lines
from kombo_async._cli.writing import GuardedCsv, csv_cell, guarded
from tests.cli.conftest import Shell


def test_all_records_are_exported(shell: Shell) -> None:
    """Every record of every page is in the file once, as Kombo sent it."""
    result = shell.export("ats.candidates", "-o", str(shell.folder / "c.jsonl"), "--page-size", "7")
    assert result.exit_code == 0, result.output
    records = [json.loads(line) for line in (shell.folder / "c.jsonl").read_text().splitlines()]
    assert len({record["id"] for record in records}) == len(records) == 30
    assert not (shell.folder / "c.jsonl.cursor").exists()


def test_csv_has_a_column_for_each_field(shell: Shell) -> None:
    """A CSV export has a header, and nested values as JSON."""
    assert shell.export("ats.candidates", "-o", str(shell.folder / "c.csv"), "--page-size", "20").exit_code == 0
    with (shell.folder / "c.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 30
    assert json.loads(rows[0]["email_addresses"])


def test_an_export_that_was_broken_off_goes_on(shell: Shell) -> None:
    """After a failure in the middle, the same command reads only the rest, and the file is complete."""
    shell.sandbox.faults.add("GetAtsCandidates", status=400, code="REMOTE.INPUT_INVALID", skip=2, times=1)
    arguments = ("ats.candidates", "-o", str(shell.folder / "c.jsonl"), "--page-size", "7")
    broken = shell.export(*arguments)
    assert broken.exit_code == 1
    assert "stopped after 14 records" in broken.stderr
    assert not (shell.folder / "c.jsonl").exists()
    with (shell.folder / "c.jsonl.part").open("a") as file:
        file.write('{"id": "half a rec')  # as a kill in the middle of a page leaves it
    again = shell.export(*arguments)
    assert again.exit_code == 0, again.output
    assert "resuming after 14 records" in again.stderr
    records = [json.loads(line) for line in (shell.folder / "c.jsonl").read_text().splitlines()]
    assert len({record["id"] for record in records}) == len(records) == 30
    assert len(shell.sandbox.requests("GetAtsCandidates", status=200)) == 5


def test_an_export_that_was_killed_goes_on(shell: Shell) -> None:
    """Records that were written after the position was last saved are read again, and are in the file once."""
    arguments = ("ats.candidates", "-o", str(shell.folder / "c.jsonl"), "--page-size", "1")
    partial = shell.folder / "c.jsonl.part"
    shell.sandbox.set_latency(reads=0.05)
    try:
        with shell.popen("export", *arguments) as killed:
            shell.wait_for(lambda: partial.exists() and partial.read_bytes().count(b"\n") > 5)
            killed.kill()
    finally:
        shell.sandbox.set_latency(reads=0)
    again = shell.export(*arguments)
    assert (again.exit_code, "resuming after" in again.stderr) == (0, True), again.output
    assert len({record["id"] for record in shell.lines("c.jsonl")}) == len(shell.lines("c.jsonl")) == 30


def test_the_place_of_another_export_is_refused(shell: Shell) -> None:
    """An export with other filters does not resume this one."""
    shell.sandbox.faults.add("GetAtsCandidates", status=400, code="REMOTE.INPUT_INVALID", skip=1, times=1)
    arguments = ("ats.candidates", "-o", str(shell.folder / "c.jsonl"), "--page-size", "7")
    assert shell.export(*arguments).exit_code == 1
    other = shell.export(*arguments, "--include-deleted")
    assert (other.exit_code, "belongs to another export" in other.stderr) == (2, True)


def test_lists_of_known_values_are_filters_too(shell: Shell) -> None:
    """A filter with known values, such as the statuses of jobs, is passed like any list."""
    output = shell.folder / "jobs.jsonl"
    assert shell.export("ats.jobs", "-o", str(output), "--filter", "statuses=OPEN,DRAFT").exit_code == 0
    assert {json.loads(line)["status"] for line in output.read_text().splitlines()} <= {"OPEN", "DRAFT"}
    assert "statuses=OPEN,DRAFT" in shell.sandbox.requests("GetAtsJobs")[0].path


def test_filters_reach_kombo(shell: Shell) -> None:
    """`--updated-after`, `--include-deleted` and `--filter` become the query."""
    time = "2020-01-01T00:00:00Z"
    options = ("--updated-after", time, "--include-deleted", "--filter", "job_ids=a,b")
    assert shell.export("ats.applications", "-o", str(shell.folder / "a.jsonl"), *options).exit_code == 0
    path = shell.sandbox.requests("GetAtsApplications")[0].path
    assert "include_deleted=true" in path
    assert "job_ids=a,b" in path
    assert "updated_after=2020-01-01T00%3A00%3A00Z" in path


def test_what_is_no_list_is_wrong_use(shell: Shell) -> None:
    """An unknown model, filter or time ends with exit code 2."""
    for arguments in (("ats.nothing",), ("ats.candidates", "--filter", "shoe=9"), ("ats.jobs", "--updated-after", "x")):
        result = shell.export(*arguments)
        assert result.exit_code == 2, result.output


def test_two_exports_into_one_file_do_not_mix(shell: Shell) -> None:
    """The second is refused while the first runs; the file is complete, and the next export replaces it."""
    arguments = ("ats.candidates", "-o", str(shell.folder / "c.jsonl"), "--page-size", "1")
    shell.sandbox.set_latency(reads=0.1)
    try:
        first = shell.popen("export", *arguments)
        shell.wait_for(lambda: (shell.folder / "c.jsonl.cursor").exists())
        second = shell.export(*arguments)
        assert (second.exit_code, "is being written by another run" in second.stderr) == (2, True), second.stderr
        _, errors = first.communicate()
    finally:
        shell.sandbox.set_latency(reads=0)
    assert first.returncode == 0, errors
    assert len({record["id"] for record in shell.lines("c.jsonl")}) == len(shell.lines("c.jsonl")) == 30
    assert shell.export(*arguments[:3]).exit_code == 0
    assert sorted(path.name for path in shell.folder.iterdir()) == ["c.jsonl"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("-o", "x.xlsx"), "--output x.xlsx: the name must end in .jsonl or .csv; or pass --format"),
        (("-o", "x"), "--output x: the name must end in"),
        (("-o", "x.csv", "--format", "jsonl"), "--output x.csv: the name says csv, but --format says jsonl"),
        (("--updated-after", ""), "--updated-after: is empty; leave it out to export everything"),
        (("--updated-after", "yesterday"), "--updated-after: must be a date such as 2026-05-19"),
        (("--cursor", " "), "--cursor: is empty"),
        (("--filter", "email=a@b.com", "--filter", "email=c@d.com"), "--filter email: is given twice"),
        (("--filter", "page_size=3"), "--filter page_size: is given twice"),
    ],
)
def test_an_export_that_means_two_things_is_refused(shell: Shell, options: tuple[str, ...], said: str) -> None:
    """An empty variable in a script does not mean "everything", and an export does not write JSON into an .xlsx."""
    result = shell.export("ats.candidates", *options)
    assert (result.exit_code, said in result.stderr) == (2, True), result.output
    assert not list(shell.folder.iterdir())
    assert not shell.sandbox.requests("GetAtsCandidates")


@pytest.mark.parametrize("options", [("-o", "-"), ("-o", "x.txt", "--format", "jsonl"), ("-o", "x.NDJSON")])
def test_an_export_goes_where_it_is_told(shell: Shell, options: tuple[str, ...]) -> None:
    """`-` is stdout; --format allows any name."""
    result = shell.export("ats.jobs", *options)
    assert result.exit_code == 0, result.output
    text = result.stdout if options[1] == "-" else (shell.folder / options[1]).read_text()
    assert all(json.loads(line)["id"] for line in text.splitlines())
    assert [path.name for path in shell.folder.iterdir()] == ([] if options[1] == "-" else [options[1]])


@settings(deadline=None)
@given(st.one_of(st.text(), st.text("\",\r\n =+-@\t'a"), st.booleans(), st.integers(), st.floats(), st.none()))
def test_cells_are_written_as_by_pythons_csv(value: Any) -> None:
    """Each record is a line that any reader of CSV takes apart again."""
    expected = io.StringIO()
    GuardedCsv(expected).writerow(["id", value])
    assert f"id,{csv_cell(guarded(value))}\r\n" == expected.getvalue()


# Values that do not fit: the list of tags says that `id` and `name` are text
ODD = r"""{"status": "success", "data": {"next": null, "results": [
    {"id": "1", "remote_id": null, "name": "Z\u00f6e, \"Z\"", "remote_data": {"a": [1, "\u00fc"]}, "new": 1E5},
    {"name": {"en": "Star"}, "id": 7,
     "remote_data": [
       1]},
    {"id": "=1+1", "name": 1.50, "changed_at": true, "remote_data": [], "remote_id": -5},
    null
]}}"""
ODD_LINES = [
    r'{"id": "1", "remote_id": null, "name": "Z\u00f6e, \"Z\"", "remote_data": {"a": [1, "\u00fc"]}, "new": 1E5}',
    '{"name":{"en":"Star"},"id":7,"remote_data":[1]}',
    '{"id": "=1+1", "name": 1.50, "changed_at": true, "remote_data": [], "remote_id": -5}',
    "null",
]
ODD_ROWS = [
    ["id", "remote_id", "name", "remote_data", "changed_at", "remote_deleted_at"],
    ["1", "", 'Zöe, "Z"', r'{"a": [1, "\u00fc"]}', "", ""],
    ["7", "", '{"en": "Star"}', "[\n       1]", "", ""],
    ["'=1+1", "-5", "1.5", "[]", "True", ""],
    ["", "", "", "", "", ""],
]


def test_what_does_not_fit_is_exported_as_it_came(shell: Shell) -> None:
    """Wrong types, unknown fields and records that are none stay what Kombo sent, each on a line or in its cell."""
    shell.sandbox.faults.add("GetAtsTags", status=200, content_type="application/json", body=ODD)
    assert shell.export("ats.tags", "-o", "tags.jsonl").exit_code == 0
    assert (shell.folder / "tags.jsonl").read_text("utf-8").splitlines() == ODD_LINES
    assert shell.export("ats.tags", "-o", "tags.csv").exit_code == 0
    with (shell.folder / "tags.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == ODD_ROWS


@pytest.mark.parametrize(
    ("value", "cell"), [("NaN", "NaN"), ("1e999", "1e999"), (r'"a\ud83d"', r'"a\ud83d"'), ("9" * 5_000, "9" * 5_000)]
)
def test_values_that_few_programs_read_are_exported_too(shell: Shell, value: str, cell: str) -> None:
    """One number without a value, or half a character, does not end an export."""
    page = f'{{"next": null, "results": [{{"id": "1", "name": {value}}}, {{"id": "ü"}}]}}'
    body = f'{{"status": "success", "data": {page}}}'
    shell.sandbox.faults.add("GetAtsTags", status=200, content_type="application/json", body=body)
    assert shell.export("ats.tags", "-o", "tags.jsonl").exit_code == 0
    first, second = (shell.folder / "tags.jsonl").read_text("utf-8").splitlines()
    assert f'"name": {value}' in first
    assert json.loads(second) == {"id": "ü"}
    assert shell.export("ats.tags", "-o", "tags.csv").exit_code == 0
    with (shell.folder / "tags.csv").open(encoding="utf-8", newline="") as file:
        assert [(row["id"], row["name"]) for row in csv.DictReader(file)] == [("1", cell), ("ü", "")]


_KEYS = st.text('ab"', max_size=2)
_TEXTS = st.text(st.characters(codec="utf-8")) | st.text("\",\r\n =+-@\t'a{[\\")
_NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
_VALUES = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXTS,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(_KEYS, children, max_size=3),
    max_leaves=5,
)
_NAMES = ["id", "from", "remote data"]


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from([*_NAMES, "unknown"]), _VALUES), max_size=6), st.booleans())
def test_lines_are_those_of_pythons_own_modules(records: list[dict[str, Any]], is_pretty: bool) -> None:
    """Whatever the values: a page of records makes the lines that `csv` and `json` would make, one by one."""
    texts = [json.dumps(record, indent=1 if is_pretty else None, ensure_ascii=False) for record in records]
    raw = [msgspec.Raw(text.encode()) for text in texts]
    lines = json_lines(raw)
    assert [json.loads(line) for line in lines.split("\n")[:-1]] == records
    assert is_pretty or lines == "".join(f"{text}\n" for text in texts)
    expected = io.StringIO()
    for text in texts:
        fields = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        cells = [bytes(fields.get(name, msgspec.Raw(b"null"))).decode() for name in _NAMES]
        GuardedCsv(expected).writerow([cell if cell[0] in "{[" else json.loads(cell) for cell in cells])
    assert csv_lines(_NAMES)(raw) == expected.getvalue()
