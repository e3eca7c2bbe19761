"""JSON as programs write it: nothing is lost or misread."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Shell

ADA, GRACE = (
    {"first_name": first, "last_name": last, "email": f"{first.lower()}@example.com"}
    for first, last in (("Ada", "Lovelace"), ("Grace", "Hopper"))
)
BOTH = ["ada@example.com", "grace@example.com"]


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(ADA, indent=2) + "\n" + json.dumps(GRACE, indent=2),
        json.dumps(ADA, indent=2) + json.dumps(GRACE),
        "{" + json.dumps(ADA)[1:].replace(", ", ",\n") + "\n\n" + json.dumps(GRACE),
        json.dumps([ADA, {**GRACE, "address": {"city": "Berlin"}, "tags": [{"x": 1}]}]),
    ],
)
def test_objects_over_several_lines_are_read(shell: Shell, content: str) -> None:
    """Objects over several lines are read, also with nested objects that are not used."""
    result = shell.upload(shell.write("p.json", content))
    assert result.exit_code == 0, result.output
    assert shell.emails == BOTH


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (json.dumps([ADA]) + json.dumps([GRACE]), "continues after the closing bracket of its array"),
        (json.dumps([ADA]) + "\n" + json.dumps([GRACE]) + "\n", "continues after the closing bracket"),
        (json.dumps([ADA]) + " trailing", "continues after the closing bracket"),
        (json.dumps({"data": [ADA, GRACE]}), "is a single object with its rows in 'data'; save only that array"),
        (json.dumps({"data": [ADA]}, indent=2), "in 'data'"),
        (json.dumps({"status": "success", "data": {"results": [ADA], "next": None}}), "in 'data.results'"),
        ('[{"first_name": "Ada", "first_name": "Bob"}]', "an object has the name 'first_name' twice"),
        ('[{"first_name": ' + "9" * 6000 + "}]", "a number has 6,000 digits"),
        ("[{}]", "there are no columns"),
        ("[{'first_name': 'Ada'}]", "item 1 is not valid JSON: Expecting property name enclosed in double quotes"),
    ],
)
def test_what_is_no_list_of_rows_is_told(shell: Shell, content: str, said: str) -> None:
    """JSON that is not a list of rows is one line, and nothing is sent."""
    result = shell.upload(shell.write("p.json", content))
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr
    assert result.stderr.count("\n") == 1
    assert not shell.bodies


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"first_name": "Ada", "first_name": "Bob"}', "is not valid JSON: an object has the name 'first_name' twice"),
        (
            json.dumps(GRACE) + json.dumps(GRACE),
            f"is not valid JSON: Extra data (character {len(json.dumps(GRACE)) + 1})",
        ),
        ('{"first_name": ' + "9" * 6000 + "}", "is not valid JSON: a number has 6,000 digits"),
        (json.dumps({**GRACE, "email": {"work": "g@example.com"}}), "column 'email': must be a plain value"),
    ],
)
def test_a_line_that_is_wrong_is_refused(shell: Shell, line: str, said: str) -> None:
    """The other lines are sent."""
    result = shell.upload(shell.write("p.jsonl", json.dumps(ADA) + "\n" + line + "\n"))
    assert (result.exit_code, f"row 2: {said}" in result.stdout) == (1, True), result.output
    assert shell.emails == ["ada@example.com"]


def test_a_row_with_many_faults_is_named_once(shell: Shell) -> None:
    """A row with several faults of one kind is listed once."""
    result = shell.upload(shell.write("p.json", json.dumps([{"candidate": {"first_name": "Ada"}}])))
    assert "2 values do not fit: row 1; the first: candidate.last_name: missing" in result.stdout
