"""Reports: for programs as CSV and JSON Lines, for people as a page, tested in a real browser."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from kombo_async._cli.report_chart import Timeline, chart
from tests.cli.conftest import CREATE, Shell
from tests.sandbox.browser import needs_browser, open_browser

HEADER = "first_name,last_name,email,cv\n"


def mixed(shell: Shell) -> str:
    """A table with rows of each result: done, refused, in doubt, with missing files and a bad address."""
    shell.sandbox.faults.add(CREATE, status=400, code="ATS.JOB_CLOSED", message="<script>alert(1)</script>", times=1)
    shell.sandbox.faults.add(CREATE, status=500, code="PLATFORM.UNKNOWN_ERROR", message="=1+1", skip=1, times=1)
    rows = "".join(f"Ada{n},Lovelace,ada{n}@example.com,\n" for n in range(20))
    missing = "".join(f"Mia{n},Missing,mia{n}@example.com,mia{n}.pdf\n" for n in range(32))
    return shell.write("p.csv", f"{HEADER}{rows}{missing}Eve,Wrong,eve,\n")


def test_the_page_is_for_a_recruiter(shell: Shell) -> None:
    """The page names people with their rows, doubts first, grouped by reason with what to do; it loads nothing."""
    result = shell.upload(mixed(shell), "--report", "r.html", "--concurrency", "1")
    assert result.exit_code == 3, result.output
    page = (shell.folder / "r.html").read_text()
    headings = [re.sub("<[^>]*>", "", heading) for heading in re.findall(r"<h2[^>]*>(.*?)</h2>", page)]
    assert headings[0].startswith("1 row is in doubt")
    assert headings[1] == "32 CVs are missing column &#x27;cv&#x27;"
    assert "1 row was refused" in headings
    assert "An e-mail address is invalid column &#x27;email&#x27;" in headings
    assert "18 rows are done" in headings
    assert "Mia31 Missing" in page
    assert "there is no file &#x27;mia31.pdf&#x27;" in page
    assert "Put the files there" in page
    assert "The job is closed: reopen it" in page
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r"\ssrc=|<link|@import|url\(", page)
    assert "/#call-" in page  # Kombo's log of the refusal
    assert re.search(r'<a href="https?://[^"]+" rel="noopener noreferrer">open</a>', page)


def test_machines_have_the_same(shell: Shell) -> None:
    """CSV and JSON Lines name each row with its person, result, reason and cure; formulas are text."""
    path = mixed(shell)
    shell.upload(path, "--report", "r.csv", "--concurrency", "1")
    with (shell.folder / "r.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 53
    doubt = next(row for row in rows if row["result"] == "in_doubt")
    assert re.fullmatch(r"Ada\d+ Lovelace", doubt["person"])
    assert (doubt["code"], doubt["status_code"]) == ("PLATFORM.UNKNOWN_ERROR", "500")
    assert not doubt["message"].startswith("=")
    assert "kombo-async resolve" in doubt["what_to_do"]
    shell.upload(path, "--report", "r.jsonl")
    lines = shell.lines("r.jsonl")
    assert {line["row"] for line in lines} == {int(row["row"]) for row in rows}
    again = {line["row"]: line for line in lines}
    for row in rows:
        same = again[int(row["row"])]
        assert (same["person"], same["email"], same["result"]) == (row["person"], row["email"], row["result"])
    assert all(line["earlier"] for line in lines if line["result"] == "done")
    assert set(rows[0]) - {"id", "candidate_id"} <= set(lines[0])


def test_a_dry_run_has_a_report(shell: Shell) -> None:
    """`--dry-run --report` has the whole list, and says that nothing was sent."""
    path = mixed(shell)
    for name in ("d.html", "d.csv", "d.jsonl"):
        result = shell.upload(path, "--dry-run", "--report", name)
        assert (result.exit_code, f"report: {name}" in result.stderr) == (1, True)
    page = (shell.folder / "d.html").read_text()
    assert "nothing was sent" in page
    assert "32 CVs are missing" in page
    assert "Mia31 Missing" in page
    assert [line["result"] for line in shell.lines("d.jsonl")].count("valid") == 20
    assert len((shell.folder / "d.csv").read_text().splitlines()) == 54


def test_more_reasons_than_the_terminal_shows(shell: Shell) -> None:
    """The summary says how many reasons it leaves out, and where they are."""
    for number in range(25):
        shell.sandbox.faults.add(CREATE, status=400, code="REMOTE.INPUT_INVALID", message=f"reason {number}", times=1)
    rows = "".join(f"P{n},Q,p{n}@example.com,\n" for n in range(25))
    result = shell.upload(shell.write("p.csv", HEADER + rows), "--concurrency", "1")
    assert "and 5 more reasons; --report FILE.html lists them all" in result.stdout


def test_warnings_of_kombo_are_told(shell: Shell) -> None:
    """Rows that are done with a warning are listed with it."""
    shell.write("ada.pdf", b"%PDF")
    body = {"candidate": {"first_name": "Ada", "last_name": "L", "email_address": "ada@example.com"}}
    body["screening_question_answers"] = [{"question_id": "no-such", "answer": "x"}]  # type: ignore[assignment]
    result = shell.upload(shell.write("p.jsonl", json.dumps(body)), "--report", "r.jsonl")
    assert result.exit_code == 0, result.output
    (line,) = shell.lines("r.jsonl")
    assert line["warnings"]
    assert "done, with a warning" in result.stdout


def test_the_chart_has_no_zeros_where_nothing_ran() -> None:
    """The line of durations has gaps where no row ended; a page without calls has no chart."""
    timeline = Timeline()
    assert chart(timeline) == ""
    for at in (0.0, 0.1, 5.0, 5.3):
        timeline.count(at, 1.0)
    drawn = chart(timeline)
    assert drawn.count("<rect") == 3
    assert drawn.count("<polyline") == 2
    for at in range(100_000):
        timeline.count(at, 0.1)
    assert len(timeline.buckets) <= 120


class TestInABrowser:
    """The page as people see it."""

    pytestmark = needs_browser

    @pytest.mark.parametrize("width", [390, 1280])
    def test_it_fits(self, shell: Shell, tmp_path: Path, width: int) -> None:
        """Nothing is cut off on phones and desktops, even long names; lists open by keyboard; the console is empty."""
        shell.sandbox.faults.add(CREATE, status=400, code="ATS.JOB_CLOSED", message="x" * 300, times=1)
        long = "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch"
        rows = "".join(f"{long},{long},a{n}{'b' * 50}@{long}.example.com,\n" for n in range(20))
        path = shell.write("Bewerberinnen_und_Bewerber_ohne_Leerzeichen_im_Namen_2026.csv", HEADER + rows)
        shell.upload(path, "--report", "r.html")
        with open_browser(tmp_path / "profile", tmp_path) as browser:
            browser.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride",
                {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500},
            )
            browser.get((shell.folder / "r.html").as_uri())
            browser.execute_script("document.querySelectorAll('details').forEach(each => each.open = true)")
            assert browser.execute_script("return document.documentElement.scrollWidth") == width
            wide = "return [...document.querySelectorAll('main *')].filter(e => e.scrollWidth > e.clientWidth + 1 &&"
            assert browser.execute_script(f"{wide} getComputedStyle(e).display != 'inline').length") == 0
            log: list[object] = browser.get_log("browser")  # type: ignore[no-untyped-call]
            assert log == []
