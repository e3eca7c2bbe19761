"""What has come of an upload so far: counts, rate, and what was refused and why."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import attrs

from kombo_async.bulk import Outcome

MOST_REASONS = 500
"""How many different reasons are kept; the rest are other ones."""
SAMPLES = 5
"""How many rows are named for each reason."""


@attrs.frozen(kw_only=True)
class RowResult:
    """What became of a row of the input."""

    row: int
    result: str
    """done, refused, in_doubt, unsent or duplicate."""
    earlier: bool = False
    """Whether an earlier run came to that."""
    found: bool = False
    """Whether it is done because it was found in Kombo, and not because its own answer said so."""
    ids: Mapping[str, str] = attrs.field(factory=dict[str, str])
    status_code: int | None = None
    code: str | None = None
    message: str = ""
    log_url: str | None = None
    seconds: float = 0.0
    attempts: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return attrs.asdict(self) | {"ids": dict(self.ids), "seconds": round(self.seconds, 3)}


def row_result(outcome: Outcome) -> RowResult:
    """An outcome of a bulk run as a result of the row that its tag numbers."""
    entry = outcome.entry
    return RowResult(
        row=outcome.tag,
        result=outcome.result,
        earlier=outcome.earlier,
        found=entry.found,
        ids=entry.ids,
        status_code=entry.status_code,
        code=entry.code,
        message=entry.message or ("the same row came before" if outcome.result == "duplicate" else ""),
        log_url=entry.log_url,
        seconds=outcome.seconds,
        attempts=outcome.attempts,
    )


@attrs.define
class Reason:
    """Rows that ended for the same reason."""

    result: str
    text: str
    count: int = 0
    samples: list[RowResult] = attrs.field(factory=list[RowResult])


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
    reasons: dict[tuple[str, str], Reason] = attrs.field(factory=dict[tuple[str, str], Reason])

    def add(self, row: RowResult) -> None:
        """Count a row."""
        self.results[row.result] += 1
        self.earlier += row.earlier and row.result == "done"
        self.sent += bool(row.attempts)
        self.retries += max(0, row.attempts - 1)
        if row.result != "done":
            text = f"{row.code}: {row.message}" if row.code else row.message
            if len(self.reasons) >= MOST_REASONS and (row.result, text) not in self.reasons:
                text = "other reasons"
            reason = self.reasons.setdefault((row.result, text), Reason(row.result, text))
            reason.count += 1
            if len(reason.samples) < SAMPLES:
                reason.samples.append(row)

    @property
    def settled(self) -> int:
        """How many rows have an outcome."""
        return self.results.total()

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.monotonic() - self.began

    @property
    def rate(self) -> float:
        """Rows sent in a second."""
        return self.sent / max(self.seconds, 0.001)

    @property
    def exit_code(self) -> int:
        """0 all done, 1 some refused or not sent, 3 some in doubt."""
        if self.results["in_doubt"]:
            return 3
        return 0 if self.results["done"] == self.results.total() else 1

    def line(self) -> str:
        """How far it is, in one line."""
        parts = [f"{self.settled:,} of {self.total:,}", f"{self.rate:.0f}/s"]
        if self.sent and self.settled < self.total:
            parts.append(f"{(self.total - self.settled) / self.rate:.0f} s left")
        parts += [
            f"{count:,} {name}"
            for name, count in (
                ("retries", self.retries),
                ("refused", self.results["refused"]),
                ("in doubt", self.results["in_doubt"]),
                ("not sent", self.results["unsent"]),
            )
            if count
        ]
        return ", ".join(parts)

    def summary(self) -> dict[str, Any]:
        """The end of it, as plain data."""
        return {
            "rows": self.settled,
            "done": self.results["done"],
            "done_earlier": self.earlier,
            "refused": self.results["refused"],
            "in_doubt": self.results["in_doubt"],
            "unsent": self.results["unsent"],
            "duplicates": self.results["duplicate"],
            "retries": self.retries,
            "seconds": round(self.seconds, 3),
        }
