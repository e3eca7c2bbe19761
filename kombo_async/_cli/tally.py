"""The state of an upload: counts, rate, and what is not done and why."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import attrs

from kombo_async._cli.faults import FaultGroup, RowFault
from kombo_async._cli.rows import ParsedRow
from kombo_async.bulk import Match, Outcome

MOST_REASONS = 500
"""How many different reasons are kept; the rest count as "other reasons"."""
SAMPLES = 200
"""How many rows are kept for each reason."""
RESULTS = ("done", "changed", "refused", "in_doubt", "held", "unsent", "duplicate")
_SAID = {
    "changed": "done earlier with different details; not sent again",
    "held": "another run is working on it",
    "duplicate": "duplicate of an earlier row",
}


@attrs.frozen(kw_only=True)
class RowResult:
    """The result of an input row."""

    row: int
    result: str
    """One of `RESULTS`."""
    person: str = ""
    email: str = ""
    integration_id: str | None = None
    earlier: bool = False
    """Whether the result is from an earlier run."""
    found: bool = False
    """Whether it counts as done because it was found in Kombo, rather than by its own answer."""
    ids: Mapping[str, str] = attrs.field(factory=dict[str, str])
    link: str | None = None
    """The page of the created record in the connected system."""
    status_code: int | None = None
    code: str | None = None
    message: str = ""
    warnings: tuple[str, ...] = ()
    may_be: tuple[str, ...] = ()
    """Records that may be this row's, and why that is not certain."""
    log_url: str | None = None
    seconds: float = 0.0
    attempts: int = 0
    faults: tuple[RowFault, ...] = ()
    """What is wrong with the row itself; it was not sent."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        data = attrs.asdict(self, filter=lambda field, _: field.name != "faults")
        return data | {
            "ids": dict(self.ids),
            "warnings": list(self.warnings),
            "may_be": list(self.may_be),
            "seconds": round(self.seconds, 3),
        }


def refused_row(row: ParsedRow) -> RowResult:
    """A row that has faults and was not sent."""
    return RowResult(
        row=row.number,
        result="refused",
        person=row.person,
        email=row.email,
        integration_id=row.integration_id,
        message="; ".join(map(str, row.faults)),
        faults=tuple(row.faults),
    )


def row_result(outcome: Outcome) -> RowResult:
    """Convert an outcome of a bulk run; its tag is the row's number."""
    candidate: Any = getattr(outcome.request, "candidate", outcome.request)
    names = [getattr(candidate, name, None) for name in ("first_name", "last_name")]
    email = getattr(candidate, "email_address", None)
    entry = outcome.entry
    answer: Any = getattr(outcome.response, "data", None)
    return RowResult(
        row=outcome.tag,
        result=outcome.result,
        person=" ".join(name for name in names if isinstance(name, str)),
        email=email if isinstance(email, str) else "",
        integration_id=outcome.integration_id,
        earlier=outcome.earlier,
        found=entry.proof == "look",
        ids=entry.ids,
        link=_link(answer, *outcome.found) if outcome.result == "done" else None,
        may_be=() if outcome.result == "done" else tuple(_match_text(match) for match in outcome.found),
        status_code=entry.status_code,
        code=entry.code,
        message=entry.message or _SAID.get(outcome.result, ""),
        warnings=outcome.warnings,
        log_url=entry.log_url,
        seconds=outcome.seconds,
        attempts=outcome.attempts,
    )


def _link(answer: Any, *found: Match) -> str | None:
    links = [getattr(each, "remote_url", None) for each in (answer, getattr(answer, "candidate", None))]
    for link in [*links, *(match.url for match in found)]:
        if isinstance(link, str) and link.startswith(("https://", "http://")):
            return link
    return None


def _match_text(match: Match) -> str:
    """A found record that may be this row's."""
    what = match.url or " ".join(f"{name} {value}" for name, value in match.ids.items())
    made = f", created {match.created}" if match.created else ""
    return f"{what}{made}: {match.why}" if match.why else f"{what}{made}"


@attrs.define
class Reason:
    """Rows that ended for the same reason."""

    result: str
    text: str
    code: str | None = None
    group: FaultGroup | None = None
    """The faults, if the rows themselves are at fault."""
    count: int = 0
    samples: list[RowResult] = attrs.field(factory=list[RowResult])

    def add(self, row: RowResult) -> None:
        """Count a row."""
        self.count += 1
        if len(self.samples) < SAMPLES:
            self.samples.append(row)


@attrs.define
class Tally:
    """Counts of an upload."""

    total: int
    began: float = attrs.field(factory=time.monotonic)
    results: Counter[str] = attrs.field(factory=Counter[str])
    earlier: int = 0
    """Rows that were done before this run."""
    sent: int = 0
    retries: int = 0
    warned: int = 0
    """Rows that are done with a warning from Kombo."""
    reasons: dict[tuple[str, str, str | None], Reason] = attrs.field(factory=dict[tuple[str, str, str | None], Reason])

    def add(self, row: RowResult) -> None:
        """Count a row."""
        self.results[row.result] += 1
        self.earlier += row.earlier and row.result == "done"
        self.sent += bool(row.attempts)
        self.retries += max(0, row.attempts - 1)
        self.warned += bool(row.warnings)
        if row.faults:
            for fault in row.faults:
                self._reason(row, fault.kind, fault.column, fault)
        elif row.result not in ("done", "valid"):
            self._reason(row, f"{row.code}: {row.message}" if row.code else row.message, None, None)
        elif row.warnings:
            self._reason(row, f"done, with a warning: {'; '.join(row.warnings)}", None, None)

    def _reason(self, row: RowResult, text: str, column: str | None, fault: RowFault | None) -> None:
        key = (row.result, text, column)
        if len(self.reasons) >= MOST_REASONS and key not in self.reasons:
            key, text, fault = (row.result, "", None), "other reasons; a .csv or .jsonl report has them all", None
        reason = self.reasons.get(key)
        if reason is None:
            group = None if fault is None else FaultGroup(fault)
            reason = self.reasons[key] = Reason(row.result, text, row.code, group)
        reason.add(row)
        if reason.group is not None:
            reason.group.add(row.row)
            reason.text = reason.group.title

    @property
    def settled(self) -> int:
        """How many rows have an outcome."""
        return self.results.total()

    @property
    def seconds(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.began

    @property
    def rate(self) -> float:
        """Rows sent per second."""
        return self.sent / max(self.seconds, 0.001)

    @property
    def exit_code(self) -> int:
        """0 all done, 1 some refused or not sent, 3 some in doubt."""
        if self.results["in_doubt"]:
            return 3
        done = self.results["done"] + self.results["changed"]
        return 0 if done == self.settled == self.total else 1

    def line(self) -> str:
        """The progress, in one line."""
        parts = [f"{self.settled:,} of {self.total:,}", f"{self.rate:.0f}/s"]
        if self.sent and self.settled < self.total:
            parts.append(f"{(self.total - self.settled) / self.rate:.0f} s left")
        parts += [f"{self.retries:,} retries"] if self.retries else []
        return ", ".join([*parts, *self._not_done()])

    def _not_done(self) -> list[str]:
        return [f"{self.results[name]:,} {said(name)}" for name in RESULTS[1:] if self.results[name]]

    def sentence(self) -> str:
        """How it ended, in one line."""
        earlier = f" ({self.earlier:,} of them earlier)" if self.earlier else ""
        left = self.total - self.settled
        rest = [*self._not_done(), *([f"{left:,} not finished"] if left else [])]
        rows = "row" if self.total == 1 else "rows"
        done = f"{self.settled:,} of {self.total:,} {rows}: {self.results['done']:,} done{earlier}"
        return f"{', '.join([done, *rest])}, in {self.seconds:.1f} s."

    def ordered(self) -> list[Reason]:
        """The reasons: rows in doubt first, then by count."""
        return sorted(self.reasons.values(), key=lambda each: (each.result != "in_doubt", -each.count))

    def summary(self) -> dict[str, Any]:
        """The summary as plain data."""
        return {
            "rows": self.settled,
            "total": self.total,
            "done": self.results["done"],
            "done_earlier": self.earlier,
            **{name: self.results[name] for name in ("changed", "refused", "in_doubt", "held", "unsent")},
            "duplicates": self.results["duplicate"],
            "not_begun": self.total - self.settled,
            "retries": self.retries,
            "seconds": round(self.seconds, 3),
        }


def said(result: str) -> str:
    """A result in words."""
    return {"in_doubt": "in doubt", "unsent": "not sent", "held": "held by another run", "duplicate": "duplicates"}.get(
        result, result
    )
