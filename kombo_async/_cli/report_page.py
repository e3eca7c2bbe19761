"""The report as one self-contained HTML page: who was created, who was not, and what to do about it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from html import escape

import attrs

from kombo_async._cli.advice import group_advice, title
from kombo_async._cli.durations import duration_text
from kombo_async._cli.report_chart import Timeline, chart
from kombo_async._cli.report_style import STYLE
from kombo_async._cli.tally import Reason, RowResult, Tally

MOST_MADE = 2_000
"""How many created people are listed; the other kinds of report list all."""
OPEN_LISTS = 15
"""Longer lists are folded."""


@attrs.define
class Page:
    """Collects what the page needs, in bounded memory."""

    title: str
    tally: Tally
    dry_run: bool = False
    timeline: Timeline = attrs.field(factory=Timeline)
    made: list[RowResult] = attrs.field(factory=list[RowResult])

    def add(self, row: RowResult, at: float) -> None:
        """Add a row that ended *at* seconds after the start."""
        if row.attempts:
            self.timeline.count(at, row.seconds)
        if row.result == "done" and len(self.made) < MOST_MADE:
            self.made.append(row)

    def render(self) -> str:
        """The whole page."""
        name = escape(self.title)
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="referrer" content="no-referrer">\n'
            f"<title>{name}: upload to Kombo</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
            f'<h1>{name}</h1>\n<p>{escape(self._about())}</p>\n<div class="totals">{"".join(self._cards())}</div>\n'
            f"{self._verdict()}{''.join(map(_group, self._groups()))}{self._made()}{chart(self.timeline)}"
            "</main>\n</body>\n</html>\n"
        )

    def _about(self) -> str:
        now = time.strftime("%Y-%m-%d %H:%M")
        if self.dry_run:
            return f"{now}. Dry run: every row was checked, nothing was sent."
        parts = [now, f"took {duration_text(self.tally.seconds)}"]
        if self.tally.earlier:
            parts.append(f"{_rows(self.tally.earlier)} done in an earlier run")
        return ", ".join(parts)

    def _cards(self) -> Iterable[str]:
        results = self.tally.results
        yield _card("rows", self.tally.total, "")
        if self.dry_run:
            yield _card("can be sent", results["valid"], "good")
            yield _card("must be corrected", results["refused"], "bad" if results["refused"] else "")
            return
        yield _card("done", results["done"], "good")
        for name, kind, always in (
            ("in_doubt", "open", False),
            ("refused", "bad", True),
            ("changed", "open", False),
            ("held", "open", False),
            ("unsent", "open", False),
            ("duplicate", "", False),
        ):
            if results[name] or always:
                label = {"in_doubt": "in doubt", "unsent": "not sent", "held": "held", "duplicate": "duplicates"}
                yield _card(label.get(name, name), results[name], kind if results[name] else "")
        if self.tally.total > self.tally.settled:
            yield _card("not finished", self.tally.total - self.tally.settled, "open")

    def _verdict(self) -> str:
        results = self.tally.results
        if self.dry_run:
            return "" if results["refused"] else "<h2>All rows can be sent</h2>\n"
        all_done = results["done"] == self.tally.total
        return "<h2>All rows are done</h2>\n" if all_done and self.tally.total else ""

    def _groups(self) -> list[Reason]:
        return self.tally.ordered()

    def _made(self) -> str:
        count = self.tally.results["done"]
        if not count:
            return ""
        rows = sorted(self.made, key=lambda row: row.row)
        more = "" if count <= len(rows) else f"<p>The first {len(rows):,}; a report in .csv or .jsonl has them all.</p>"
        heading = f"{count:,} {'row is' if count == 1 else 'rows are'} done"
        return f'<h2>{heading}</h2>\n<section class="card">{more}{_people(rows, count)}</section>\n'


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _card(name: str, count: int, kind: str) -> str:
    return f'<div class="card {kind}"><b>{count:,}</b><span>{name}</span></div>'


def _group(reason: Reason) -> str:
    """One kind of problem: what it is, what to do about it, and whom it affects."""
    column = reason.group.first.column if reason.group is not None else None
    where = f' <span class="soft">column {escape(repr(column))}</span>' if column else ""
    said = "" if reason.group is not None else f'<p class="said">{escape(reason.text)}</p>'
    rows = sorted(reason.samples, key=lambda row: row.row)
    more = reason.count - len(rows)
    rest = f"<p>and {more:,} more; a report in .csv or .jsonl has them all.</p>" if more > 0 else ""
    kind = {"in_doubt": "open", "refused": "bad", "done": ""}.get(reason.result, "open")
    return (
        f'<h2 class="{kind}">{escape(_capital(title(reason)))}{where}</h2>\n<section class="card">{said}'
        f'<p class="cure">{escape(group_advice(reason))}</p>{_people(rows, reason.count, of=reason)}{rest}</section>\n'
    )


def _people(rows: Sequence[RowResult], count: int, of: Reason | None = None) -> str:
    body = "".join(_person(row, of) for row in rows)
    table = f"<table>\n<tr><th>Row</th><th>Who</th><th></th></tr>\n{body}</table>"
    if len(rows) <= OPEN_LISTS:
        return table
    return f"<details><summary>{count:,} rows</summary>{table}</details>"


def _person(row: RowResult, of: Reason | None) -> str:
    who = escape(row.person or row.email or "(no name)")
    email = f'<br><span class="soft">{escape(row.email)}</span>' if row.email and row.person else ""
    return f'<tr><td class="number">{row.row}</td><td>{who}{email}</td><td class="text">{_about(row, of)}</td></tr>\n'


def _about(row: RowResult, of: Reason | None) -> str:
    """The details of a row in a list: its own fault, links, and whether it was done earlier."""
    parts: list[str] = []
    if of is not None and of.group is not None:
        kinds = (of.group.first.kind, of.group.first.column)
        parts += [escape(fault.message) for fault in row.faults if (fault.kind, fault.column) == kinds]
    parts += [f"may be {escape(each)}" for each in row.may_be]
    if row.link:
        parts.append(_anchor(row.link, "open"))
    elif row.ids.get("id"):
        parts.append(f'<span class="soft">{escape(row.ids["id"])}</span>')
    if row.log_url and row.log_url.startswith(("https://", "http://")):
        parts.append(_anchor(row.log_url, "Kombo's log"))
    if row.earlier and row.result == "done":
        parts.append('<span class="soft">in an earlier run</span>')
    return "<br>".join(parts)


def _anchor(url: str, text: str) -> str:
    return f'<a href="{escape(url)}" rel="noopener noreferrer">{escape(text)}</a>'


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
