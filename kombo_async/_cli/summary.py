"""How an upload ended, on the terminal."""

from __future__ import annotations

import shlex
from pathlib import Path

from kombo_async._cli.advice import group_advice
from kombo_async._cli.console import echo, note
from kombo_async._cli.faults import rows_text
from kombo_async._cli.tally import Reason, Tally

MOST_REASONS = 20
"""How many reasons are printed; a report has all."""


def print_summary(tally: Tally, stopped_by: str, journal: Path, report: Path | None) -> None:
    """Print counts and reasons to stdout, the rest to stderr."""
    if stopped_by:
        note(stopped_by)
    if tally.settled == tally.total and tally.earlier == tally.settled and tally.settled:
        echo(f"Nothing to send: all {tally.settled:,} rows are already done according to {journal}.")
        return
    echo(tally.sentence())
    reasons = tally.ordered()
    for reason in reasons[:MOST_REASONS]:
        _print(reason)
    if len(reasons) > MOST_REASONS:
        more = len(reasons) - MOST_REASONS
        echo(f"  and {more:,} more reasons; " + (f"see {report}" if report else "--report FILE.html lists them all"))
    if tally.results["in_doubt"]:
        note(f"settle what is in doubt: kombo-async resolve {shlex.quote(str(journal))}")
    note(f"journal: {journal}")
    if report is not None:
        note(f"report: {report}")


def _print(reason: Reason) -> None:
    rows = rows_text([each.row for each in reason.samples], reason.count)
    if reason.group is not None:
        echo(f"  {reason.group}" if reason.count > 1 else f"  refused: {reason.group}")
    else:
        said = reason.result.replace("_", " ")
        echo(f"  {reason.count:,} {said}: {reason.text} ({rows})")
    what = group_advice(reason)
    if what:
        echo(f"      {what}")
    log_url = next((each.log_url for each in reason.samples if each.log_url), None)
    if log_url:
        echo(f"      {log_url}")
